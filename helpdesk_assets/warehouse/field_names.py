"""A view of a table whose custom fields have the names that they have in the help desk.

The table itself has them by their ids, which never change. The names come from another table, which
may be loaded later, or fail to load; the view is created again after each load of either table.

A field keeps the column name that it first gets in the view, even if it is renamed in the help
desk, so that queries keep working. The names are recorded in the dataset.
"""

from collections.abc import Container, Iterator, Mapping
from dataclasses import dataclass
from hashlib import sha256

from helpdesk_assets.annotations import DuckDBPyConnection
from helpdesk_assets.tables.names import SEPARATOR, plain_name
from helpdesk_assets.tables.paths import Path
from helpdesk_assets.tables.protection import NAMING, column_name
from helpdesk_assets.tables.schema import NAMED, Table
from helpdesk_assets.tables.stored import types_of

# The table with the names that fields have in views.
KEPT_IN = "_field_names"
# The maximum number of characters of a name, not counting the id that may follow it.
LONGEST = 60
# The name of the parsed values inside the view.
VALUES = "_values_by_id"


@dataclass(frozen=True)
class CustomFields:
    """Where the custom fields of a table are.

    Attributes:
        table: the table.
        values: the path of their values in a row.
        definitions: the table of their definitions.
        id: the column with their ids there.
        name: the column with their names there.
    """

    table: Table
    values: Path
    definitions: Table
    id: str
    name: str


def create_named_view(connection: DuckDBPyConnection, fields: CustomFields) -> None:
    """Create or replace the view of a table with the names of its custom fields.

    Does nothing if one of the tables does not exist.

    Args:
        connection: to the file, in a transaction.
        fields: the table, and where its custom fields are.
    """
    columns = types_of(connection, fields.table)
    defined = types_of(connection, fields.definitions)
    if not columns or not {fields.id, fields.name} <= {*defined}:
        return
    named = _named(connection, fields, columns)
    found = {
        name: column_name((*fields.values, field))
        for field, name in named.items()
        if column_name((*fields.values, field)) in columns
    }
    values = column_name(fields.values)
    # A field of the API may get a column with a name that is taken.
    hidden = sorted({*found.values(), values, *named.values()} & {*columns})
    selected = [f"* exclude ({', '.join(map(_quoted, [*hidden, VALUES]))})"]
    for field, name in named.items():
        value = (
            _quoted(found[name])
            if name in found
            else f"list_filter({VALUES}, lambda x: x.id = {_text(field)})[1].value ->> '$'"
        )
        selected.append(f"{value} as {_quoted(name)}")
    table = fields.table
    connection.execute(
        f"create or replace view {table.qualified}{NAMED} as select {', '.join(selected)}"
        f" from (select *, {_listed(values, columns)} as {VALUES} from {table.qualified})"
    )


def _listed(values: str, columns: Mapping[str, str]) -> str:
    """Return the values as a list in SQL, if the table has them as JSON text."""
    shape = """'[{"id": "VARCHAR", "value": "JSON"}]'"""
    if columns.get(values) != "VARCHAR":
        return f"from_json('[]', {shape})"
    return f"case when json_valid({_quoted(values)}) then from_json({_quoted(values)}, {shape}) end"


def _named(
    connection: DuckDBPyConnection, fields: CustomFields, columns: Container[str]
) -> dict[str, str]:
    """Return the names of fields in the view by their ids, and record new ones."""
    dataset, table = fields.table.dataset, fields.table.name
    kept_in = f"{dataset}.{KEPT_IN}"
    connection.execute(
        f"create table if not exists {kept_in}"
        " (table_name varchar, field_id varchar, column_name varchar)"
    )
    known = connection.execute(
        f"select field_id, column_name from {kept_in} where table_name = ?", [table]
    ).fetchall()
    named = {str(field): str(name) for field, name in known}
    defined = connection.execute(
        f"select cast({_quoted(fields.id)} as varchar) as field_id, "
        f"cast({_quoted(fields.name)} as varchar) from {fields.definitions.qualified} "
        f"where field_id is not null order by {_quoted(fields.id)}"
    ).fetchall()
    for field, title in defined:
        if field in named or not title:
            continue
        taken = {*named.values()}
        name = next(
            name for name in _spellings(title, field) if name not in taken and name not in columns
        )
        named[field] = name
        connection.execute(f"insert into {kept_in} values (?, ?, ?)", [table, field, name])
    return named


def _spellings(title: str, field: str) -> Iterator[str]:
    """Yield a field's name as a column name, and the same with its id, and with a hash of it."""
    name = plain_name(NAMING, title)[:LONGEST].rstrip("_")
    yield name
    yield f"{name}{SEPARATOR}{plain_name(NAMING, field)[:LONGEST].strip('_')}"
    yield f"{name}{SEPARATOR}x{sha256(field.encode('utf-8', 'surrogatepass')).hexdigest()}"


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _text(value: str) -> str:
    return "'" + value.replace("'", "''") + "'"
