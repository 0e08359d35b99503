"""The rows of inner lists: lists in the rows of another list, such as the changes of an issue."""

from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from itertools import count
from typing import Any

from helpdesk_assets.errors import UnusableAnswerError
from helpdesk_assets.tables.distinct import DistinctKeys
from helpdesk_assets.tables.keys import keys_of
from helpdesk_assets.tables.paths import MISSING, Path, value_at
from helpdesk_assets.tables.rows import Row, read
from helpdesk_assets.tables.schema import Table

# The position of a row in the list of its parent, or in its inner list, starting at 0.
INDEX = "_index"
_KINDS = {bool: "a boolean", str: "a string", int: "a number", float: "a number"}


class InnerRows:
    """Extracts the rows of inner lists from outer rows, and adds the key of the outer row to each.

    Args:
        table: the table that the rows are loaded into.
        paths: the path of the inner list in an outer row, and those of lists further inside; empty
            if the rows are not in an inner list, and only their position is marked.
        outer: the columns with the key of the outer row, and their paths in it.
        carried: fields that are added to outer rows and belong to their inner rows: that of the
            parent, and that of a pass.

    Attributes:
        outer: as above.
        keys: the keys of the rows in the current load.
        read: the outer keys of all lists that were read.
    """

    def __init__(
        self,
        table: Table,
        paths: Sequence[Path],
        *,
        outer: Mapping[str, Path],
        carried: Sequence[str] = (),
    ) -> None:
        self._table = table
        self._paths = paths
        self.outer = outer
        self._carried = carried
        self._is_indexed = INDEX in table.key
        self._key = [column.field for column in table.columns if column.primary_key]
        self._outer_columns = [column for column in table.columns if column.name in outer]
        self._counts: dict[Hashable, Iterator[int]] = {}
        self.keys = DistinctKeys()
        self._rows_before = 0
        self.read: set[tuple[Any, ...]] = set()

    @property
    def rows(self) -> int:
        """The number of distinct rows in all loads."""
        return self._rows_before + len(self.keys)

    def begin_load(self) -> None:
        """Begin a further load, of the lists of other parents."""
        self._rows_before = self.rows
        self.keys, self.read, self._counts = DistinctKeys(), set(), {}

    def of(
        self, rows: Sequence[Row], offset_of: Callable[[int], int]
    ) -> tuple[list[Row], Callable[[int], int]]:
        """Return the inner rows, and a function that returns the page offset of each.

        Raises:
            UnusableAnswerError: an inner list is something else.
        """
        found: list[Row] = []
        places: list[int] = []
        for place, row in enumerate(rows):
            carried = {name: row[name] for name in self._carried if name in row}
            marks = {
                name: None if (value := value_at(row, path)) is MISSING else value
                for name, path in self.outer.items()
            }
            if self.outer:
                self._note_read(marks)
            inside = self._inside(row, self._paths) if self._paths else [row]
            index = self._indexes(carried)
            for inner in inside:
                marked = {**inner, **carried, **marks}
                if self._is_indexed:
                    marked[INDEX] = next(index)
                found.append(marked)
                places.append(place)
        self.keys.update(keys_of(found, self._key))
        return found, lambda at: offset_of(places[at])

    def _indexes(self, carried: Row) -> Iterator[int]:
        if self._paths:
            return count()
        return self._counts.setdefault(tuple(carried.values()), count())

    def _note_read(self, marks: Row) -> None:
        typed, reason = read(marks, self._outer_columns, self._table.times)
        if reason is None:
            self.read.add(tuple(typed[column.name] for column in self._outer_columns))

    def _inside(self, row: Row, paths: Sequence[Path]) -> Iterator[Row]:
        """Yield the rows at the end of the paths."""
        here, *deeper = paths
        rows = value_at(row, here)
        if rows is MISSING or rows is None:
            return
        for each in rows if isinstance(rows, list) else [rows]:
            if not isinstance(each, dict):
                raise UnusableAnswerError(
                    f"sent {_KINDS.get(type(each), 'something else')} instead of an object at "
                    f"{'.'.join(here)} in a row: check data_selector in its profile"
                )
            if deeper:
                yield from self._inside(each, deeper)
            else:
                yield each
