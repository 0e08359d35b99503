"""The results of a sync of several tables, and the format for comparing times."""

from collections.abc import Mapping

import dagster as dg


def failures(result: dg.ExecuteInProcessResult) -> list[str]:
    """Return the error messages of the steps that failed."""
    found = []
    for event in result.all_events:
        if event.is_step_failure:
            error = event.step_failure_data.user_failure_data
            found.append(str(error.description if error else event.step_failure_data.error))
    return found


def completeness(result: dg.ExecuteInProcessResult) -> Mapping[str, bool]:
    """Return for each loaded table whether it was verified complete."""
    return {
        event.materialization.asset_key.to_user_string(): bool(
            event.materialization.metadata["completeness_verified"].value
        )
        for event in result.get_asset_materialization_events()
    }


def spelled(column: str) -> str:
    """Return SQL for a time in UTC and whole seconds, as in the help desks' databases."""
    return f"strftime({column} at time zone 'UTC', '%Y-%m-%d %H:%M:%S')"
