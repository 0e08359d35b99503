"""Loads some tables of a vendor's profile, without checks, for tests of its special behavior."""

from collections.abc import Sequence
from typing import Any

import dagster as dg

from helpdesk_assets.build import build_defs
from helpdesk_assets_tests.conftest import Warehouse, job_of
from helpdesk_assets_tests.vendors.standin import StandIn


def load(instance: dg.DagsterInstance, *tables: str, **config: Any) -> dg.ExecuteInProcessResult:
    """Load tables, with the same run configuration for each."""
    job = job_of(dg.AssetSelection.assets(*tables).without_checks(), build_defs())
    return job.execute_in_process(
        instance=instance,
        raise_on_error=False,
        run_config={"ops": {name: {"config": config} for name in tables}} if config else None,
    )


def differences(served: StandIn, warehouse: Warehouse, *tables: str) -> list[str]:
    """Return the rows in which tables, without deleted rows, differ from the vendor's own data."""
    found = []
    for table in tables:
        rows = served.expected()[table]
        names = sorted(rows[0])
        listed = ", ".join(f'"{name}"' for name in names)
        stored = warehouse.query(f"select {listed} from help_desk.{table} where deleted_at is null")
        wanted = [repr(tuple(row[name] for name in names)) for row in rows]
        found += _unlike(list(map(repr, stored)), wanted)
    return found


def _unlike(stored: Sequence[str], wanted: Sequence[str]) -> list[str]:
    missing, more = set(wanted) - set(stored), set(stored) - set(wanted)
    repeated = len(stored) - len(set(stored))
    return [
        *(f"missing: {row}" for row in sorted(missing)),
        *(f"not expected: {row}" for row in sorted(more)),
        *(["rows that occur more than once"] if repeated else []),
    ]
