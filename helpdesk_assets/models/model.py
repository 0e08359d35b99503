"""A model: a table that a query in ``sql/`` builds from the loaded tables and other models.

The queries are run here, not by dbt or SQLMesh: dbt alone takes longer to start than a whole sync
may take. ``docs/models.md`` has the figures.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from helpdesk_assets.tables.schema import TABLE

SQL = Path(__file__).parent / "sql"
TIMESTAMP = "TIMESTAMP WITH TIME ZONE"
# The type of a ticket's id, which differs between help desks.
ID = "ID"
# Placeholder in a query for the column that shows whether a ticket is solved.
SOLVED_FIELD = "$solved_field"
PARAMETER = re.compile(r"\$(\w+)")


@dataclass(frozen=True)
class Measure:
    """A column of a model.

    Attributes:
        name, duckdb_type, description: as in the table.
        of: the columns that it is computed from: of the tickets, or ``TABLE.COLUMN`` of a role such
            as comments, or of another model.
        nullable: whether it may be null.
    """

    name: str
    duckdb_type: str
    description: str
    of: tuple[str, ...] = ()
    nullable: bool = True


@dataclass(frozen=True)
class Sums:
    """The check that a model adds up: two independent queries with the same result.

    Attributes:
        description: what the check says.
        expected: the query of the number according to the tickets.
        found: the query of the number according to the model.
    """

    description: str
    expected: str
    found: str


@dataclass(frozen=True)
class Model:
    """A table built by a query.

    Attributes:
        name: the name of the table, the asset and the query.
        description: for the Dagster UI, in Markdown.
        columns: the columns of the table.
        key: the columns that identify a row.
        reads: the roles of the loaded tables, and the models, that the query reads.
        sums: the check that it adds up; None for a model of the user.
        numbers: queries of single numbers by name, for the metadata.
        keeps: whether rows are kept and new ones appended; otherwise the table is replaced.
        file: the file of the query. Default: in ``sql/``.
    """

    name: str
    description: str
    columns: tuple[Measure, ...] = ()
    key: tuple[str, ...] = ()
    reads: tuple[str, ...] = (TABLE,)
    sums: Sums | None = None
    numbers: Mapping[str, str] = field(default_factory=dict)
    keeps: bool = False
    file: Path = Path()

    @property
    def path(self) -> Path:
        """The file of its query."""
        return self.file if self.file.name else SQL / f"{self.name}.sql"

    @property
    def required(self) -> tuple[str, ...]:
        """The names of the columns that are never null."""
        return tuple(column.name for column in self.columns if not column.nullable)


def filled(query: str, settings: Mapping[str, Any]) -> tuple[str, Mapping[str, Any]]:
    """Return a query with the column inserted, and the parameters that it uses.

    Args:
        query: may contain ``SOLVED_FIELD``, and parameters such as ``$timezone``.
        settings: the values of all of them by name.
    """
    if SOLVED_FIELD in query:
        column = str(settings["solved_field"]).replace('"', '""')
        query = query.replace(SOLVED_FIELD, f'"{column}"')
    used = set(PARAMETER.findall(query))
    return query, {name: value for name, value in settings.items() if name in used}
