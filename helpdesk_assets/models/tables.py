"""The report tables, each built from the tickets by a query in ``sql/``.

The queries name tables without a dataset, because the connection has set the dataset's schema.

These are three queries on one table in one database, which do not justify a dbt or SQLMesh project
with its profiles, manifest and adapter.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import dagster as dg
import duckdb

SQL = Path(__file__).parent / "sql"
# Placeholder in a query for the column that shows whether a ticket is solved.
SOLVED_FIELD = "$solved_field"


@dataclass(frozen=True)
class Measure:
    """A column of a report table.

    Attributes:
        name, duckdb_type, description: as in the table.
        of: the ticket columns that it is computed from.
    """

    name: str
    duckdb_type: str
    description: str
    of: tuple[str, ...]


@dataclass(frozen=True)
class ReportTable:
    """A table built from the tickets.

    Attributes:
        name: the name of the table, the asset and the query.
        description: for the Dagster UI, in Markdown.
        columns: the columns of the table.
        keeps: whether rows are kept and new ones appended; otherwise the table is replaced.
    """

    name: str
    description: str
    columns: tuple[Measure, ...]
    keeps: bool = False

    @property
    def file(self) -> Path:
        """The file of its query."""
        return SQL / f"{self.name}.sql"

    def make(
        self, connection: duckdb.DuckDBPyConnection, settings: Mapping[str, Any], as_of: datetime
    ) -> int:
        """Build the table or append to it, in one transaction; return the number of rows written.

        Args:
            connection: for writing, with the schema set to the tickets' dataset.
            settings: the parameters of all reports by name.
            as_of: the current time.
        """
        text = self.file.read_text(encoding="utf-8")
        query, given = filled(text, {"as_of": as_of, **settings})
        connection.execute("begin transaction")
        try:
            if self.keeps:
                create = SQL / f"{self.name}.create.sql"
                connection.execute(create.read_text(encoding="utf-8"))
                wrote = connection.execute(f"insert into {self.name} {query}", given)
            else:
                wrote = connection.execute(f"create or replace table {self.name} as {query}", given)
            ((rows,),) = wrote.fetchall()
            connection.execute("commit")
        except BaseException:
            connection.execute("rollback")
            raise
        return int(rows)

    def schema(self) -> dg.TableSchema:
        """Describe its columns for the Dagster UI."""
        return dg.TableSchema(
            [
                dg.TableColumn(column.name, column.duckdb_type, column.description)
                for column in self.columns
            ]
        )

    def lineage(self, tickets: dg.AssetKey) -> dg.TableColumnLineage:
        """Return the column lineage: the ticket columns that each column is computed from."""
        return dg.TableColumnLineage(
            {
                column.name: [dg.TableColumnDep(tickets, name) for name in column.of]
                for column in self.columns
            }
        )


VOLUME = ReportTable(
    name="ticket_volume_daily",
    description=(
        "Number of tickets opened per day, by their current status.\n\n"
        "- Days are in the time zone `REPORTS__HELP_DESK__TIMEZONE`.\n"
        "- Days without tickets have rows with 0 for the 30 most frequent statuses.\n"
        "- Tickets without `created_at` and tickets with `deleted_at` are not counted."
    ),
    columns=(
        Measure("day", "DATE", "The day, in the time zone of the reports.", ("created_at",)),
        Measure("status", "VARCHAR", "The current status of the tickets.", ("status",)),
        Measure(
            "tickets",
            "BIGINT",
            "Number of tickets with that status opened on that day.",
            ("created_at", "status", "deleted_at"),
        ),
    ),
)
BACKLOG = ReportTable(
    name="ticket_backlog",
    description=(
        "Number of unsolved tickets, by age.\n\n"
        "- Solved statuses are set by `REPORTS__HELP_DESK__SOLVED_STATUSES`, or the profile.\n"
        "- A ticket without a status is unsolved; without `created_at`, its age is unknown.\n"
        "- Empty buckets have a row, too. A day is 24 hours."
    ),
    columns=(
        Measure("position", "BIGINT", "Sort order of the bucket, youngest first.", ()),
        Measure("age_bucket", "VARCHAR", "Age of the tickets.", ("created_at",)),
        Measure(
            "tickets", "BIGINT", "Number of tickets.", ("id", "status", "created_at", "deleted_at")
        ),
        Measure(
            "oldest_created_at",
            "TIMESTAMP WITH TIME ZONE",
            "When the oldest ticket in the bucket was opened.",
            ("created_at",),
        ),
        Measure("counted_at", "TIMESTAMP WITH TIME ZONE", "When the tickets were counted.", ()),
    ),
)
CHANGES = ReportTable(
    name="ticket_status_changes",
    description=(
        "History of ticket statuses: each run adds the status changes since the previous run.\n\n"
        "- If a status changes several times between two runs, only the last one is recorded.\n"
        "- `is_new` distinguishes new tickets from status changes."
    ),
    columns=(
        Measure("ticket_id", "BIGINT", "The ticket.", ("id",)),
        Measure("old_status", "VARCHAR", "The previously recorded status.", ("status",)),
        Measure("new_status", "VARCHAR", "The new status.", ("status",)),
        Measure(
            "first_seen_at",
            "TIMESTAMP WITH TIME ZONE",
            "When a run first found the ticket with the new status.",
            (),
        ),
        Measure("is_new", "BOOLEAN", "Whether the ticket was not recorded before.", ("id",)),
    ),
    keeps=True,
)
REPORT_TABLES = (VOLUME, BACKLOG, CHANGES)


def filled(query: str, settings: Mapping[str, Any]) -> tuple[str, Mapping[str, Any]]:
    """Return a query with the column inserted, and the parameters that it uses.

    Args:
        query: may contain ``SOLVED_FIELD`` and parameters.
        settings: the values of both by name.
    """
    if SOLVED_FIELD in query:
        column = str(settings["solved_field"]).replace('"', '""')
        query = query.replace(SOLVED_FIELD, f'"{column}"')
    used = {name: value for name, value in settings.items() if f"${name}" in query}
    return query, used
