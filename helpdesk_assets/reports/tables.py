"""The report tables, each made of the tickets by a query in ``sql/``.

A query names tables without their dataset, which the connection has in use.

They are three queries over one table, in the database it is in: what dbt or SQLMesh would add, a
project of its own with profiles, a manifest and an adapter, is more than what it would run.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import dagster as dg
import duckdb

SQL = Path(__file__).parent / "sql"


@dataclass(frozen=True)
class Measure:
    """A column of such a table.

    Attributes:
        name, duckdb_type, description: of it.
        of: the columns of the tickets that it is made of.
    """

    name: str
    duckdb_type: str
    description: str
    of: tuple[str, ...]


@dataclass(frozen=True)
class ReportTable:
    """A table that is made of the tickets.

    Attributes:
        name: of the table and of the asset; of its query, too.
        description: for the Dagster UI, in Markdown.
        columns: what it has.
        parameters: what its query is given, by name.
        keeps: whether its rows stay and new ones are added; else it is made anew.
    """

    name: str
    description: str
    columns: tuple[Measure, ...]
    parameters: tuple[str, ...]
    keeps: bool = False

    @property
    def file(self) -> Path:
        """The file of its query."""
        return SQL / f"{self.name}.sql"

    def make(
        self, connection: duckdb.DuckDBPyConnection, settings: Mapping[str, Any], as_of: datetime
    ) -> int:
        """Make the table, or add to it, in one transaction; return how many rows that wrote.

        Args:
            connection: with the tickets' dataset in use, to write.
            settings: what the query is given, by name.
            as_of: now.
        """
        query = self.file.read_text(encoding="utf-8")
        values = {"as_of": as_of, **settings}
        given = {name: values[name] for name in self.parameters}
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
        """Say which columns of the tickets each of its columns is made of."""
        return dg.TableColumnLineage(
            {
                column.name: [dg.TableColumnDep(tickets, name) for name in column.of]
                for column in self.columns
            }
        )


VOLUME = ReportTable(
    name="ticket_volume_daily",
    description=(
        "How many tickets were opened on each day, by the status they have now.\n\n"
        "- A day is one of `REPORTS__HELP_DESK__TIMEZONE`.\n"
        "- A day without tickets is there, with zeros for the 30 commonest statuses.\n"
        "- Tickets without `created_at` belong to no day; those with `deleted_at` are left out."
    ),
    columns=(
        Measure("day", "DATE", "The day, in the time zone of the reports.", ("created_at",)),
        Measure("status", "VARCHAR", "The status that the tickets have now.", ("status",)),
        Measure(
            "tickets",
            "BIGINT",
            "How many tickets of that status were opened on that day.",
            ("id", "created_at", "status", "deleted_at"),
        ),
    ),
    parameters=("timezone", "as_of"),
)
BACKLOG = ReportTable(
    name="ticket_backlog",
    description=(
        "How many tickets are not solved, by how long they have been open.\n\n"
        "- Which statuses mean solved: `REPORTS__HELP_DESK__SOLVED_STATUSES`, or the profile.\n"
        "- A ticket without a status is not solved; one without `created_at` is of unknown age.\n"
        "- Each bucket is there, also empty. A day is 24 hours."
    ),
    columns=(
        Measure("position", "BIGINT", "The place of the bucket, the youngest first.", ()),
        Measure("age_bucket", "VARCHAR", "How long its tickets are open.", ("created_at",)),
        Measure(
            "tickets", "BIGINT", "How many there are.", ("id", "status", "created_at", "deleted_at")
        ),
        Measure(
            "oldest_created_at",
            "TIMESTAMP WITH TIME ZONE",
            "When the oldest of them was opened.",
            ("created_at",),
        ),
        Measure("counted_at", "TIMESTAMP WITH TIME ZONE", "When they were counted.", ()),
    ),
    parameters=("solved_statuses", "as_of"),
)
CHANGES = ReportTable(
    name="ticket_status_changes",
    description=(
        "Each status that a ticket was seen with, and since when: a run adds what has moved since "
        "the one before.\n\n"
        "- Between two runs a ticket may have moved more than once; the last of it is seen.\n"
        "- `is_new` tells a ticket that was not there before from one that has moved."
    ),
    columns=(
        Measure("ticket_id", "BIGINT", "The ticket.", ("id",)),
        Measure("old_status", "VARCHAR", "The status it was last seen with.", ("status",)),
        Measure("new_status", "VARCHAR", "The status it has since.", ("status",)),
        Measure(
            "first_seen_at",
            "TIMESTAMP WITH TIME ZONE",
            "When a run first saw it with that status.",
            (),
        ),
        Measure("is_new", "BOOLEAN", "Whether the ticket was seen for the first time.", ("id",)),
    ),
    parameters=("as_of",),
    keeps=True,
)
REPORT_TABLES = (VOLUME, BACKLOG, CHANGES)
