"""What follows the load of rows: deleted ones are marked, and protected columns are cleared."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

from helpdesk_assets.annotations import DuckDBPyConnection
from helpdesk_assets.assets.metadata import table_metadata
from helpdesk_assets.assets.outcome import Outcome
from helpdesk_assets.load.deletes import Deletes, settle_deleted
from helpdesk_assets.load.protected import clear_unprotected
from helpdesk_assets.load.reported import marked_before, settle_reported
from helpdesk_assets.load.settings import Settings
from helpdesk_assets.load.source import Walk
from helpdesk_assets.profiles.model import Profile
from helpdesk_assets.resources import HelpDeskWarehouse
from helpdesk_assets.tables.paths import path_of
from helpdesk_assets.tables.schema import Table
from helpdesk_assets.warehouse.field_names import CustomFields, create_named_view
from helpdesk_assets.warehouse.order import latest, rows_by_load


@dataclass(frozen=True, kw_only=True)
class Settling:
    """How the rows of a table are handled that a load has not read.

    Attributes:
        settings: of the run.
        warehouse: contains the table.
        how: what is done with deleted rows.
        share: the maximum share of rows that may be deleted; see settle_deleted.
        run_id: the run.
        staging: the staging dataset of the load.
        is_protected: whether all rows were loaded with the protected columns of the profile.
    """

    settings: Settings
    warehouse: HelpDeskWarehouse
    how: Deletes
    share: float
    run_id: str
    staging: str
    is_protected: bool

    def before(self) -> list[list[Any]]:
        """Return the rows that are deleted already, before a load replaces them."""
        if not self.settings.resource.deleted_rows:
            return []
        with self.warehouse.reader(self.settings.table.dataset) as connection:
            return marked_before(connection, self.settings.table)

    def after(
        self,
        connection: DuckDBPyConnection,
        walk: Walk,
        outcome: Outcome,
        *,
        before: list[list[Any]],
    ) -> None:
        """Handle the rows that a load has not read, and those that the API reports as deleted.

        In the end, it counts the rows of all loads in the table.

        Args:
            connection: to the file with the committed load, in a transaction.
            walk: how the list was read.
            outcome: of the loads of the table so far, the last of which this is; the results are
                added to it.
            before: the rows that were deleted before it.
        """
        table = self.settings.table
        load_id = outcome.load_ids[-1] = latest(connection, table, outcome.load_ids[-1])
        gone = settle_deleted(
            connection,
            walk,
            # Each list by parent is complete in its portion.
            load_id=load_id if walk.parent else outcome.load_ids[0],
            how=self.how,
            share=self.share,
            before=outcome.rows_deleted,
        )
        reported = settle_reported(
            connection,
            table,
            values=self.settings.resource.deleted_rows,
            load_id=load_id,
            how=self.how,
            before=before,
        )
        outcome.add(gone, reported)
        outcome.rows_stored, outcome.rows_others = rows_by_load(connection, table, outcome.load_ids)

    def finish(self, connection: DuckDBPyConnection, walk: Walk, outcome: Outcome) -> None:
        """Do what follows all loads of a table, in the transaction of the last one."""
        if outcome.reads_all and not self.is_protected:
            outcome.cleared = clear_unprotected(
                connection,
                walk,
                self.settings.resource,
                load_ids=outcome.load_ids,
                run_id=self.run_id,
            )
        connection.execute(f"drop schema if exists {self.staging} cascade")
        for fields in _custom_fields(self.settings.profile, self.settings.table):
            create_named_view(connection, fields)
        outcome.table = table_metadata(connection, self.settings.table)


def _custom_fields(profile: Profile, table: Table) -> Iterator[CustomFields]:
    """Yield the custom fields that a table has values or definitions of."""
    for resource in profile.resources:
        named = resource.field_names
        if named and table.name in (resource.name, named.resource):
            yield CustomFields(
                replace(table, name=resource.name),
                path_of(named.values),
                replace(table, name=named.resource),
                named.id,
                named.name,
            )
