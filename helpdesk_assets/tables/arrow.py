"""The Arrow tables of one load: the rows of a list, and the rejected ones.

Arrow is imported with the first rows, so that a load without any does not wait for it.
"""

from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

import dlt
from dlt.common.schema.typing import C_DLT_LOAD_ID
from dlt.common.storages.exceptions import CurrentLoadPackageStateNotAvailable
from dlt.extract.hints import TResourceHints

from helpdesk_assets.errors import TooManyRejectedError
from helpdesk_assets.tables.keys import key_of
from helpdesk_assets.tables.names import RECORD
from helpdesk_assets.tables.nulls import nulled
from helpdesk_assets.tables.paths import MISSING, Path, value_at
from helpdesk_assets.tables.protection import UNPROTECTED, Protection
from helpdesk_assets.tables.rows import Row, read, rejected
from helpdesk_assets.tables.schema import REJECTED_COLUMNS, ROW_NUMBER, Table
from helpdesk_assets.tables.times import has_no_zone

if TYPE_CHECKING:
    import pyarrow as pa

    from helpdesk_assets.tables.columns import OtherColumns


class Tables:
    """Converts rows to Arrow tables, and rejects those that cannot be loaded.

    Args:
        table: the table that the rows are loaded into.
        run_id: the run that rejected rows are recorded with.
        rejected_share: the maximum share of rows, 0 to 1, that may be rejected.
        exclude: fields that are not loaded.
        protection: protects fields before anything is written.

    Attributes:
        read: the number of rows read, including repeated reads of changed rows.
        rejected: the number of rejected rows.
        rejected_keys: the keys of rejected rows with a readable key.
        rejected_without_key: the number of rejected rows without one.
        rejected_before: the number of distinct rows that an interrupted load has rejected.
        zoneless: columns with times without a time zone, if the profile sets none; they are read
            as UTC.
    """

    def __init__(
        self,
        table: Table | None = None,
        *,
        run_id: str = "",
        rejected_share: float = 0.05,
        exclude: Sequence[str] = (),
        protection: Protection = UNPROTECTED,
    ) -> None:
        self._run_id = run_id
        self._rejected_share = rejected_share
        self._table = table or Table()
        self._exclude = exclude
        self.protection = protection
        self._others: OtherColumns | None = None
        self.read = 0
        self.rejected = 0
        self.rejected_keys: set[tuple[Any, ...]] = set()
        self.rejected_without_key = 0
        self.rejected_before = 0
        self._rejected: set[Hashable] = set()
        self.zoneless: list[str] = []

    @property
    def beyond(self) -> int:
        """The number of fields without a column, because there were too many new ones."""
        return len(self._others.beyond) if self._others else 0

    @property
    def rejected_rows(self) -> int:
        """The number of distinct rejected rows."""
        return len(self._rejected) + self.rejected_before

    def begin_load(self, *, is_settled: bool) -> None:
        """Begin a further load, which has columns of its own.

        Args:
            is_settled: whether deleted rows were handled after the loads before, so that the keys
                of rows that these have rejected are no longer needed.
        """
        self._others = None
        if is_settled:
            self.rejected_keys, self.rejected_without_key = set(), 0

    def recorded(self) -> dict[str, Path]:
        """Return the paths of columns that are not in the schema, as far as they are recorded."""
        return self._others.recorded() if self._others else {}

    def tables(
        self, rows: list[Row], *, offset_of: Callable[[int], int], is_last: bool
    ) -> Iterator[Any]:
        """Yield the data for dlt to write.

        Args:
            rows: as the API sent them.
            offset_of: returns the page offset of a row.
            is_last: whether these are the last rows.

        Raises:
            TooManyRejectedError: more rows were rejected than allowed.
        """
        from helpdesk_assets.tables.columns import typed_columns

        sent, rows = rows, self.protection.rows(nulled(rows, self._table.null_values))
        typed, reasons = typed_columns(rows, self._table.columns, self._table.times)
        first = self.read + 1
        if not self.read and self._table.times.time_zone is None:
            self.zoneless = _zoneless(rows, self._table)
        self.read += len(rows)
        self.rejected += len(reasons)
        if is_last and self.rejected > self._rejected_share * self.read:
            raise TooManyRejectedError(
                f"{self.rejected} of {self.read} rows cannot be loaded, and "
                f"SOURCES__HELP_DESK__REJECTED_SHARE allows {self._rejected_share:.0%}: raise it "
                f"to load the others, and to see the reasons in {self._table.rejected}"
            )
        if reasons:
            self._note_keys(sent[place] for place in reasons)
            bad = [(rows[place], reason, offset_of(place)) for place, reason in reasons.items()]
            records = list(rejected(bad, run_id=self._run_id, exclude=self._exclude))
            yield dlt.mark.with_table_name(records, self._table.rejected)
            rows = [row for place, row in enumerate(rows) if place not in reasons]
        # An empty list gets a table, too, so that reading it does not fail.
        if rows or not self._others:
            yield self._made(rows, typed, first)

    def _note_keys(self, rejected: Iterable[Row]) -> None:
        """Note which rows exist in the help desk although they cannot be loaded."""
        identity = [column for column in self._table.columns if column.primary_key]
        for row in rejected:
            self._rejected.add(key_of(row, [column.field for column in identity]))
            fields, reason = read(row, identity, self._table.times)
            if reason:
                self.rejected_without_key += 1
            else:
                self.rejected_keys.add(tuple(fields[column.name] for column in identity))

    def _made(self, rows: list[Row], typed: "dict[str, pa.Array]", first: int) -> "pa.Table":
        """Convert loadable rows to an Arrow table; `first` is the position of the first row."""
        import pyarrow as pa

        if not self._others:
            self._others = _other_columns(self._table, self._exclude)
        # The known columns come first, because they determine the order in a new table. Fields of
        # the API do not have any of these names.
        arrays = {
            **typed,
            **self._others.of(rows),
            ROW_NUMBER: pa.array(range(first, first + len(rows)), pa.int64()),
            C_DLT_LOAD_ID: pa.repeat(_load_id(), len(rows)),
        }
        not_null = self._table.not_null
        return pa.table(
            list(arrays.values()),
            schema=pa.schema(
                pa.field(name, array.type, nullable=name not in not_null)
                for name, array in arrays.items()
            ),
        )


def _zoneless(rows: Sequence[Row], table: Table) -> list[str]:
    """Return the columns whose first time has no time zone."""
    firsts = {
        column.name: next(
            (v for row in rows if (v := value_at(row, column.field)) not in (None, MISSING)), None
        )
        for column in table.columns
        if column.dlt_type == "timestamp"
    }
    return [name for name, value in firsts.items() if has_no_zone(value)]


def rejected_hints(table: Table) -> TResourceHints:
    """Return dlt's hints for the table of rejected rows."""
    return dlt.mark.make_hints(
        table_name=table.rejected, write_disposition="append", columns=REJECTED_COLUMNS
    )


def _other_columns(table: Table, exclude: Sequence[str]) -> "OtherColumns":
    """Return the other columns, with the types and names of earlier loads.

    The record of names is in the resource state, which is stored with the load.
    """
    from helpdesk_assets.tables.columns import ARROW_TYPES, OtherColumns

    schema = dlt.current.source_schema()
    stored = schema.tables[table.name]["columns"] if table.name in schema.tables else {}
    return OtherColumns(
        {
            name: data_type
            for name, column in stored.items()
            if (data_type := column.get("data_type")) and data_type in ARROW_TYPES
        },
        schema.naming,
        table.columns,
        exclude,
        dlt.current.resource_state(table.name).setdefault(RECORD, {}),
        table.times,
    )


def _load_id() -> str:
    """Return the id of the load that is being extracted; empty outside a load."""
    try:
        return dlt.current.load_package_state()["load_id"]
    except CurrentLoadPackageStateNotAvailable:
        return ""
