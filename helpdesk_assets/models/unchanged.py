"""Whether the models and the page would be built from the same again, so that a run leaves them.

What they are built from has a data version: a hash of the rows that the models read, the settings,
the queries, the results of the checks, and the day. Values that grow with the clock, such as the
age of an open ticket, are those at the time of the build, which is at most a day ago.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from hashlib import blake2b
from importlib.metadata import version
from pathlib import Path
from typing import Any

import dagster as dg
import duckdb
from dagster._core.storage.asset_check_execution_record import (
    COMPLETED_ASSET_CHECK_EXECUTION_RECORD_STATUSES,
)

from helpdesk_assets.annotations import DuckDBPyConnection
from helpdesk_assets.checks import CHECKS
from helpdesk_assets.desk import HelpDesk
from helpdesk_assets.models.answers import SLA
from helpdesk_assets.models.calendar import today_in
from helpdesk_assets.models.checks import ADDS_UP
from helpdesk_assets.models.model import SQL, Model
from helpdesk_assets.models.sources import VIEWS

# Dagster's tag of the materializations that have a data version.
DATA_VERSION = "dagster/data_version"
PASSED = "SUCCEEDED"
UNCHANGED = (
    "The reports are unchanged: they would be built from the same tickets, settings and results of "
    "checks as before. To build them anyway, materialize them without the tickets."
)


@dataclass(frozen=True)
class Reports:
    """The models and the page of a desk.

    Attributes:
        desk: the help desk.
        models: its models.
        tables: the names of its loaded tables.
        page: the asset of its page.
    """

    desk: HelpDesk
    models: Sequence[Model]
    tables: Sequence[str]
    page: dg.AssetKey

    def data_version(
        self,
        connection: DuckDBPyConnection,
        instance: dg.DagsterInstance,
        settings: Mapping[str, Any],
    ) -> str:
        """Return the data version of what the models and the page are built from.

        Args:
            connection: with the views of the loaded tables.
            instance: the Dagster instance with the results of the checks.
            settings: those of the models and the page by name, and the current time as ``as_of``.
        """
        checks = [
            dg.AssetCheckKey(self.desk.asset_key(table), check.name)
            for table in self.tables
            for check in CHECKS
        ]
        latest = instance.event_log_storage.get_latest_asset_check_execution_by_key(checks)
        today = today_in(settings["timezone"], settings["as_of"])
        given = sorted({**settings, "as_of": today}.items())
        found = blake2b(version("helpdesk_assets").encode(), digest_size=16)
        for part in (
            *((name, _in_order(value)) for name, value in given),
            *(model.path.read_text(encoding="utf-8") for model in self.models),
            *(record and record.status.value for record in map(latest.get, checks)),
            *(
                connection.execute(f"select count(*), sum(hash(row)) from {view} as row").fetchone()
                for view in VIEWS
            ),
        ):
            found.update(f"{part!r}\n".encode(errors="backslashreplace"))
        return found.hexdigest()

    def are_current(
        self,
        connection: DuckDBPyConnection,
        context: dg.AssetExecutionContext,
        current: str,
        settings: Mapping[str, Any],
    ) -> bool:
        """Return whether the run can leave the models and the page as they are.

        They are built if someone materializes them without the tickets; if there are models of the
        user, whose queries may read anything; and if a copy of the file is made after them.

        Args:
            connection: with the schema set to the dataset.
            context: of the run.
            current: the data version of what they would be built from.
            settings: those of the models and the page by name, and the current time as ``as_of``.
        """
        if settings["snapshot"] or any(model.path.parent != SQL for model in self.models):
            return False
        keys = [self.desk.asset_key(model.name) for model in self.models]
        events = {
            record.asset_entry.asset_key: record.asset_entry.last_materialization
            for record in context.instance.get_asset_records([self.desk.tickets, *keys, self.page])
        }
        load, page = events.get(self.desk.tickets), events.get(self.page)
        if not load or load.run_id != context.run.run_id or not page:
            return False
        for model, key in zip(self.models, keys, strict=True):
            event = events.get(key)
            built = event.asset_materialization if event else None
            if not event or not built or event.timestamp > page.timestamp:
                return False
            if (built.tags or {}).get(DATA_VERSION) != current or not _is_as_built(
                connection, model, built
            ):
                return False
        storage = context.instance.event_log_storage
        for key in keys:
            # This run has planned to run the checks, so the results are those before it.
            found = storage.get_asset_check_execution_history(
                dg.AssetCheckKey(key, ADDS_UP),
                limit=1,
                status=COMPLETED_ASSET_CHECK_EXECUTION_RECORD_STATUSES,
            )
            if not found or found[0].status.value != PASSED:
                return False
        is_written = "://" in settings["path"] or Path(settings["path"]).is_file()
        return is_written and not _has_come_due(connection, settings["as_of"])


def _in_order(value: Any) -> Any:
    """Return a value whose representation is the same in every process."""
    return sorted(value) if isinstance(value, set | frozenset) else value


def _is_as_built(
    connection: DuckDBPyConnection, model: Model, built: dg.AssetMaterialization
) -> bool:
    """Return whether a table has as many rows as were built, and has not been dropped."""
    rows = built.metadata.get("dagster/row_count")
    try:
        ((stored,),) = connection.execute(f"select count(*) from {model.name}").fetchall()
    except duckdb.CatalogException:
        return False
    return rows is not None and rows.value == stored


def _has_come_due(connection: DuckDBPyConnection, as_of: datetime) -> bool:
    """Return whether a target has been missed since the models were built."""
    ((missed,),) = connection.execute(
        f"select count(*) from {SLA.name} where is_open and not is_breached and due_at < $as_of",
        {"as_of": as_of},
    ).fetchall()
    return bool(missed)
