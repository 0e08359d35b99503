"""The tables: where they are, what their columns are called, hold and mean.

One description of each column serves the load (as dlt hints), the asset checks and the column
table of the Dagster UI. Columns beyond these are loaded as the API sends them.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import dagster as dg
from dlt.common.schema.typing import C_DLT_LOAD_ID, TTableSchemaColumns

from helpdesk_assets.tables.times import UTC_TIMES, Times

# The default desk's name, and that of its dataset.
DATASET = "help_desk"
TABLE = "help_desk_tickets"

DltType = Literal["bigint", "text", "timestamp", "double", "bool"]
DUCKDB_TYPES: dict[DltType, str] = {
    "bigint": "BIGINT",
    "text": "VARCHAR",
    "timestamp": "TIMESTAMP WITH TIME ZONE",
    "double": "DOUBLE",
    "bool": "BOOLEAN",
}


@dataclass(frozen=True)
class Column:
    """A column that a table always has.

    ``dlt_type`` is what dlt loads it as, and ``path`` where the API has it in a row: the names of
    the fields from the row down.
    """

    name: str
    dlt_type: DltType
    description: str
    nullable: bool = True
    primary_key: bool = False
    path: tuple[str, ...] = ()

    @property
    def duckdb_type(self) -> str:
        """What DuckDB reports of such a column."""
        return DUCKDB_TYPES[self.dlt_type]

    @property
    def field(self) -> tuple[str, ...]:
        """Where it is in a row: its path, or the field of its own name."""
        return self.path or (self.name,)


COLUMNS = (
    Column(
        name="id",
        dlt_type="bigint",
        description="The ticket's number in the help desk. Tickets are merged on it.",
        nullable=False,
        primary_key=True,
    ),
    Column(
        name="subject",
        dlt_type="text",
        description="The ticket's title, as its requester wrote it.",
    ),
    Column(
        name="status",
        dlt_type="text",
        description="Where the ticket stands, in the help desk's own words, such as open.",
    ),
    Column(
        name="created_at",
        dlt_type="timestamp",
        description="When the ticket was opened; an instant, stored with its time zone.",
    ),
)

# Which row of its load this was: of several with the same id, the last one read counts.
ROW_NUMBER = "_row_number"

# When a ticket was found to be gone from the help desk; this project's, whatever the API sends.
DELETED_AT = "deleted_at"

# How the name ends of a table of rows that cannot be loaded.
REJECTED = "_rejected"
REJECTED_COLUMNS: TTableSchemaColumns = {
    "reason": {
        "data_type": "text",
        "description": "Which field the row was rejected for, and the type it cannot be read as.",
    },
    "row": {"data_type": "text", "description": "The row as the API sent it, as JSON."},
    "page_offset": {
        "data_type": "bigint",
        "description": "The offset of the page that the row was on.",
    },
    "run_id": {"data_type": "text", "description": "The Dagster run that read it."},
}

# Where fields go that are too many to have columns of their own.
FURTHER = "_further_fields"
# Of columns that nobody has described.
AS_SENT = (
    "A field of the API that the profile does not list, loaded as it is sent; to describe it, list "
    "it under fields with a description."
)
OURS = {
    DELETED_AT: "When the row was found to be gone from the help desk; null while it is there.",
    ROW_NUMBER: "Which row of its load this was, counted from 1.",
    C_DLT_LOAD_ID: "The load that last wrote this row; its times are in _dlt_loads.",
    FURTHER: "Fields beyond those that a load may make columns of, by their paths, as JSON.",
}


@dataclass(frozen=True)
class Table:
    """A table that a list of the API is loaded into.

    Attributes:
        name: of the table, of the Dagster asset and of the dlt resource.
        columns: those that it has in any case, its key first.
        dataset: the schema that it is in.
        desk: the name of the help desk that it is loaded from.
        times: how its API spells times.
    """

    name: str = TABLE
    columns: tuple[Column, ...] = COLUMNS
    dataset: str = DATASET
    desk: str = DATASET
    times: Times = UTC_TIMES

    @property
    def qualified(self) -> str:
        """Its name in SQL."""
        return f"{self.dataset}.{self.name}"

    @property
    def source(self) -> str:
        """The name of its dlt source, schema and pipeline, by which dlt keeps its state."""
        return self.desk if self.name == TABLE else f"{self.desk}_{self.name}"

    @property
    def rejected(self) -> str:
        """The name of the table of rows that cannot be loaded."""
        return f"{self.name}{REJECTED}"

    @property
    def key(self) -> tuple[str, ...]:
        """The names of the columns that its rows are merged on."""
        return tuple(column.name for column in self.columns if column.primary_key)

    @property
    def not_null(self) -> frozenset[str]:
        """The names of the columns that have a value in each row."""
        required = (column.name for column in self.columns if not column.nullable)
        return frozenset({C_DLT_LOAD_ID, *required})

    def dlt_columns(self) -> TTableSchemaColumns:
        """Return the columns as hints for a dlt resource, by column name."""
        columns: TTableSchemaColumns = {
            column.name: {
                "name": column.name,
                "data_type": column.dlt_type,
                "nullable": column.nullable,
                "primary_key": column.primary_key,
                "description": column.description,
            }
            for column in self.columns
        }
        columns[DELETED_AT] = {"name": DELETED_AT, "data_type": "timestamp"}
        columns[ROW_NUMBER] = {"name": ROW_NUMBER, "data_type": "bigint", "dedup_sort": "desc"}
        columns[C_DLT_LOAD_ID] = {"name": C_DLT_LOAD_ID, "data_type": "text", "nullable": False}
        return columns

    def expected(self) -> dg.TableSchema:
        """Return the columns it has in any case, for the UI before the first load."""
        return self.described(
            [(column.name, column.duckdb_type, column.nullable) for column in self.columns]
        )

    def described(self, columns: Sequence[tuple[str, str, bool]]) -> dg.TableSchema:
        """Describe columns for the Dagster UI.

        Args:
            columns: name, DuckDB type and nullability of each, in the table's order.
        """
        descriptions = OURS | {column.name: column.description for column in self.columns}
        return dg.TableSchema(
            columns=[
                dg.TableColumn(
                    name=name,
                    type=duckdb_type,
                    description=descriptions.get(name, AS_SENT),
                    constraints=dg.TableColumnConstraints(nullable=nullable),
                )
                for name, duckdb_type, nullable in columns
            ]
        )
