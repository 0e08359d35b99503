"""The tickets table: where it is, what its columns are called, hold and mean.

One description of each column serves the load (as dlt hints), the asset checks and the column
table of the Dagster UI. Columns beyond these are loaded as the API sends them.
"""

from dataclasses import dataclass
from typing import Literal

import dagster as dg
from dlt.common.schema.typing import C_DLT_LOAD_ID, TTableSchemaColumns

DATASET = "help_desk"
TABLE = "help_desk_tickets"
QUALIFIED_TABLE = f"{DATASET}.{TABLE}"


@dataclass(frozen=True)
class Column:
    """A column that the table always has.

    ``dlt_type`` is what dlt loads it as, ``duckdb_type`` what DuckDB then reports.
    """

    name: str
    dlt_type: Literal["bigint", "text", "timestamp"]
    duckdb_type: str
    description: str
    nullable: bool = True
    primary_key: bool = False


COLUMNS = (
    Column(
        name="id",
        dlt_type="bigint",
        duckdb_type="BIGINT",
        description="The ticket's number in the help desk. Tickets are merged on it.",
        nullable=False,
        primary_key=True,
    ),
    Column(
        name="subject",
        dlt_type="text",
        duckdb_type="VARCHAR",
        description="The ticket's title, as its requester wrote it.",
    ),
    Column(
        name="status",
        dlt_type="text",
        duckdb_type="VARCHAR",
        description="Where the ticket stands, in the help desk's own words, such as open.",
    ),
    Column(
        name="created_at",
        dlt_type="timestamp",
        duckdb_type="TIMESTAMP WITH TIME ZONE",
        description="When the ticket was opened; an instant, stored with its time zone.",
    ),
)

# Which row of its load this was: of several with the same id, the last one read counts.
ROW_NUMBER = "_row_number"

NOT_NULL = frozenset({C_DLT_LOAD_ID, *(column.name for column in COLUMNS if not column.nullable)})

REJECTED_TABLE = f"{TABLE}_rejected"
QUALIFIED_REJECTED_TABLE = f"{DATASET}.{REJECTED_TABLE}"
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

DESCRIPTIONS = {
    **{column.name: column.description for column in COLUMNS},
    ROW_NUMBER: "Which row of its load this was, counted from 1.",
    C_DLT_LOAD_ID: "The load that last wrote this row; its times are in help_desk._dlt_loads.",
}


def dlt_columns() -> TTableSchemaColumns:
    """Return the columns as hints for a dlt resource, by column name."""
    columns: TTableSchemaColumns = {
        column.name: {
            "name": column.name,
            "data_type": column.dlt_type,
            "nullable": column.nullable,
            "primary_key": column.primary_key,
            "description": column.description,
        }
        for column in COLUMNS
    }
    columns[ROW_NUMBER] = {"name": ROW_NUMBER, "data_type": "bigint", "dedup_sort": "desc"}
    columns[C_DLT_LOAD_ID] = {"name": C_DLT_LOAD_ID, "data_type": "text", "nullable": False}
    return columns


def expected_columns() -> dg.TableSchema:
    """Return the columns that the table always has, for the UI before the first load."""
    return table_schema([(column.name, column.duckdb_type, column.nullable) for column in COLUMNS])


def table_schema(columns: list[tuple[str, str, bool]]) -> dg.TableSchema:
    """Describe columns for the Dagster UI.

    Args:
        columns: name, DuckDB type and nullability of each, in the table's order.
    """
    return dg.TableSchema(
        columns=[
            dg.TableColumn(
                name=name,
                type=duckdb_type,
                description=DESCRIPTIONS.get(name),
                constraints=dg.TableColumnConstraints(nullable=nullable),
            )
            for name, duckdb_type, nullable in columns
        ]
    )
