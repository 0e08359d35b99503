"""The schema of the tables: names, types and descriptions of their columns.

The load (as dlt hints), the asset checks and the column schema in the Dagster UI use the same
definitions. Further columns are loaded as the API sends them.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import dagster as dg
from dlt.common.schema.typing import C_DLT_LOAD_ID, TTableSchemaColumns

from helpdesk_assets.tables.times import UTC_TIMES, Times
from helpdesk_assets.tables.values import Values

# The name of the default desk, and of its dataset.
DATASET = "help_desk"
TABLE = "help_desk_tickets"

# Maximum depth of nested objects that are expanded to columns.
DEEPEST = 10
# Maximum number of columns added by one load, more than most help desks have. DuckDB needs memory
# for each column while writing, especially before version 2.0.
MOST_NEW = 500

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
    """A required column of a table.

    ``dlt_type`` is its type in dlt, and ``path`` its location in a row: the names of nested fields.
    If ``is_json`` is set, it is a text that holds whatever the API sends as JSON; otherwise a row
    with a list or an object there is rejected. ``may_be_empty`` is set if its field is known to
    exist, so that a column without any value only means that the help desk does not use it.
    ``values`` replaces values of the API by others.
    """

    name: str
    dlt_type: DltType
    description: str
    nullable: bool = True
    primary_key: bool = False
    path: tuple[str, ...] = ()
    is_json: bool = False
    may_be_empty: bool = False
    values: Values = ()

    @property
    def duckdb_type(self) -> str:
        """Its type in DuckDB."""
        return DUCKDB_TYPES[self.dlt_type]

    @property
    def field(self) -> tuple[str, ...]:
        """Its path in a row. Default: the field with its name."""
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
        description="The ticket's title, as written by the requester.",
    ),
    Column(
        name="status",
        dlt_type="text",
        description="The ticket's status in the help desk, such as open.",
    ),
    Column(
        name="created_at",
        dlt_type="timestamp",
        description="When the ticket was created.",
    ),
)

# Row position within its load: if several rows have the same id, the last one read is kept.
ROW_NUMBER = "_row_number"

# When a ticket was found to be deleted in the help desk; always this project's column.
DELETED_AT = "deleted_at"

# Suffix of the tables of rejected rows.
REJECTED = "_rejected"
# Suffix of the views with the names of custom fields.
NAMED = "_named"
REJECTED_COLUMNS: TTableSchemaColumns = {
    "reason": {
        "data_type": "text",
        "description": "The field that was rejected, and the type it cannot be read as.",
    },
    "row": {"data_type": "text", "description": "The row as sent by the API, as JSON."},
    "page_offset": {
        "data_type": "bigint",
        "description": "The offset of the row's page.",
    },
    "run_id": {"data_type": "text", "description": "The Dagster run that read the row."},
}

# The column for fields beyond the maximum number of new columns.
FURTHER = "_further_fields"
# The description of columns without one in the profile.
AS_SENT = "An API field that the profile does not describe."
OURS = {
    DELETED_AT: "When the row was found to be deleted in the help desk; otherwise null.",
    ROW_NUMBER: "Row position within its load, starting at 1.",
    C_DLT_LOAD_ID: "The load that last wrote this row; see _dlt_loads for its time.",
    FURTHER: "Fields beyond the maximum number of new columns per load: JSON by field path.",
}


@dataclass(frozen=True)
class Table:
    """A table that a list of the API is loaded into.

    Attributes:
        name: the name of the table, the Dagster asset and the dlt resource.
        columns: the required columns, key first.
        dataset: the schema that contains the table.
        desk: the name of the help desk.
        times: the format of times in the API.
        null_values: texts that the API sends for fields that are not set.
        role: what its rows are in the common vocabulary; None if they have no part in it.
    """

    name: str = TABLE
    columns: tuple[Column, ...] = COLUMNS
    dataset: str = DATASET
    desk: str = DATASET
    times: Times = UTC_TIMES
    null_values: tuple[str, ...] = ()
    role: str | None = None

    @property
    def qualified(self) -> str:
        """Its name in SQL."""
        return f"{self.dataset}.{self.name}"

    @property
    def source(self) -> str:
        """The name of its dlt source, schema and pipeline, which identifies dlt's state."""
        return self.desk if self.name == TABLE else f"{self.desk}_{self.name}"

    @property
    def rejected(self) -> str:
        """The name of the table of rejected rows."""
        return f"{self.name}{REJECTED}"

    @property
    def key(self) -> tuple[str, ...]:
        """The names of the columns that its rows are merged on."""
        return tuple(column.name for column in self.columns if column.primary_key)

    @property
    def not_null(self) -> frozenset[str]:
        """The names of the columns that are not nullable."""
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
        """Return the required columns, for the UI before the first load."""
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
