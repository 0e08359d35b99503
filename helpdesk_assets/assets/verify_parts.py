"""Verifies a full sync that was loaded in parts, and handles deleted rows for all of them.

The parts together must have as many distinct rows as the API reports without a filter, and each of
them as many as the API reports for it. Nothing is settled unless all numbers agree.

Parts that tickets are added to are always loaded again: the last one, and that of tickets without a
date. The others can only shrink, so that those with the same number of rows have the same rows.
Those with another number are loaded again, too.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from typing import Any

import dagster as dg

from helpdesk_assets.annotations import DuckDBPyConnection
from helpdesk_assets.assets.load import load_table
from helpdesk_assets.assets.metadata import table_metadata
from helpdesk_assets.assets.rate import requests_per_second
from helpdesk_assets.assets.usable_parts import UNSETTLED, usable_parts
from helpdesk_assets.errors import setting_failure
from helpdesk_assets.load.connection import Connection
from helpdesk_assets.load.deletes import Deletions, settle_rows
from helpdesk_assets.load.entries import LOAD_ID, ROWS_WALKED
from helpdesk_assets.load.protected import clear_unprotected
from helpdesk_assets.resources import HelpDeskApi, HelpDeskWarehouse
from helpdesk_assets.tables.schema import Table
from helpdesk_assets.tables.stored import types_of
from helpdesk_assets.warehouse.parts import (
    LoadedPart,
    Part,
    PartCounts,
    count_parts,
    forget_parts,
    in_no_part,
    loaded_parts,
)
from helpdesk_assets.warehouse.passes import forget_pass
from helpdesk_assets.warehouse.watermark import TakenOf, keep_watermark

# How often parts that have changed are loaded again before the run fails.
MOST_ROUNDS = 6
# The part from now on is not split any further while it is shorter.
BRIEF = timedelta(hours=1)


@dataclass(frozen=True)
class _Round:
    """The result of one comparison.

    Attributes:
        changed: the parts to load again.
        numbers: the rows of the parts, and the total that the API reports.
        settled: the metadata, if all numbers agree.
        message: what does not agree.
    """

    changed: Sequence[Part] = ()
    numbers: tuple[int, int] | None = None
    settled: Mapping[str, Any] | None = None
    message: str = ""


class PartsVerification:
    """Verifies the parts of a table.

    Args:
        context: of the run.
        table: the table.
        api: the source of the rows.
        warehouse: contains the rows.
        run: runs a dlt source; see load_table.
        expected: the parts that are to be there; others may cover the same time.
        most_age: the maximum age of a part.
    """

    def __init__(
        self,
        context: dg.OpExecutionContext,
        table: Table,
        *,
        api: HelpDeskApi,
        warehouse: HelpDeskWarehouse,
        run: Callable[..., Any],
        expected: Sequence[Part],
        most_age: timedelta,
    ) -> None:
        self._context, self._table, self._api, self._warehouse = context, table, api, warehouse
        self._run, self._expected, self._most_age = run, expected, most_age
        self._how, self._share = api.resolved_deletes(), api.number("deleted_share")
        self._requests = 0

    def verify(self) -> Mapping[str, Any]:
        """Verify the parts, and return the metadata of the full sync.

        Raises:
            dg.Failure: parts are missing, or their numbers do not agree with the API's. The message
                names them. No ticket was marked as deleted.
        """
        started, reloaded, before = time.perf_counter(), 0, None
        for left in reversed(range(MOST_ROUNDS)):
            found = self._compare()
            if found.settled is not None:
                return {
                    **found.settled,
                    **self._warehouse.place(self._table.dataset).metadata,
                    "parts_reloaded": reloaded,
                    "requests": self._requests,
                    "seconds": round(time.perf_counter() - started, 3),
                }
            # Tickets that come or go during a comparison make one differ, but not two alike.
            if not left or (found.numbers and found.numbers == before):
                break
            before = found.numbers
            for part in found.changed:
                self._context.log.info(f"Loading part {part.name} again: {found.message}")
                metadata = load_table(
                    self._context,
                    self._table,
                    api=self._api,
                    warehouse=self._warehouse,
                    run=self._run,
                    part=part,
                )
                self._requests += metadata["requests"]
                reloaded += 1
        raise setting_failure(f"{found.message} {UNSETTLED}")

    def _compare(self) -> _Round:
        """Compare all numbers once, and settle deleted rows if they agree."""
        with (
            self._api.connection(
                self._context.run.run_id,
                self._table,
                per_second=requests_per_second(
                    self._context, self._table, api=self._api, warehouse=self._warehouse
                ),
            ) as connection,
            self._warehouse.loading(self._table) as load,
        ):
            of, table = TakenOf(*connection.settings.read_from()), connection.settings.table
            # Closed while the API is asked, so that others can read the table.
            with self._warehouse.reader(table.dataset) as database:
                parts = self._usable(database, table, of)
            changed, totals = self._changed(connection, parts)
            self._requests += connection.session.requests
            if changed:
                return changed
            is_protected = load.stored.is_protected_as(of)

            def work(database: DuckDBPyConnection) -> _Round:
                if self._usable(database, table, of) != parts:
                    return _Round(message="Another run has loaded parts meanwhile.")
                counts = count_parts(database, table, parts)
                if counts.lost:
                    return _Round(
                        [each.part for each in parts if each.part.name in counts.lost],
                        message=(
                            "The table has lost rows of these parts since they were loaded: "
                            f"{', '.join(sorted(counts.lost))}."
                        ),
                    )
                if set(totals) != {counts.rows}:
                    return _Round(
                        numbers=(counts.rows, totals[-1]),
                        message=_difference(database, table, parts, counts.rows, totals[-1]),
                    )
                return _Round(
                    settled=self._settle(
                        connection, database, parts, counts, is_protected=is_protected
                    )
                )

            return load.settled(work)

    def _changed(
        self, connection: Connection, parts: Sequence[LoadedPart]
    ) -> tuple[_Round | None, list[int]]:
        """Return the parts to load again, if any, and two totals of the unfiltered list."""
        run_id = self._context.run.run_id
        growing = [each for each in parts if each.part.end is None and each.run_id != run_id]
        if growing:
            again = [part for each in growing for part in _split(each.part)]
            return _Round(again, message="tickets may have been added to it."), []
        # Those that tickets are added to come last, close to the comparison with the total.
        last = [each for each in parts if each.part.end is None]
        by_part = self._totals(connection, [each for each in parts if each not in last])
        totals = [connection.total()]
        by_part |= self._totals(connection, last)
        totals.append(connection.total())
        changed = [each for each in parts if by_part[each.part.name] != each.rows]
        if changed:
            numbers = ", ".join(
                f"{each.part.name} ({each.rows:,} read, {_number(by_part[each.part.name])} now)"
                for each in changed
            )
            message = (
                f"The number of tickets in these parts has changed since they were read: {numbers}."
            )
            again = [part for each in changed for part in _split(each.part)]
            return _Round(again, message=message), []
        known = [total for total in totals if total is not None]
        if len(known) < len(totals):
            raise setting_failure(
                f"The API reports no total number of tickets to compare the parts with. {UNSETTLED}"
            )
        return None, known

    def _totals(self, connection: Connection, parts: Sequence[LoadedPart]) -> dict[str, int | None]:
        return {
            each.part.name: connection.total(self._api.resolved_part(self._table, each.part))
            for each in parts
        }

    def _usable(self, database: DuckDBPyConnection, table: Table, of: TakenOf) -> list[LoadedPart]:
        """Return the loaded parts that can be used; see usable_parts."""
        oldest = datetime.now(timezone.utc) - self._most_age
        return usable_parts(loaded_parts(database, table), self._expected, of=of, oldest=oldest)

    def _settle(
        self,
        connection: Connection,
        database: DuckDBPyConnection,
        parts: Sequence[LoadedPart],
        counts: PartCounts,
        *,
        is_protected: bool,
    ) -> Mapping[str, Any]:
        """Handle the deleted rows, store the watermark, and forget the parts."""
        table, settings = connection.settings.table, connection.settings
        without_key = sum(each.rejected_without_key for each in parts)
        if self._how == "off":
            gone = Deletions(0, "switched off")
        elif without_key:
            gone = Deletions(0, f"{without_key} rejected rows have no readable id")
        else:
            condition, values = in_no_part(table, parts)
            gone = settle_rows(
                database, table.qualified, condition, values, how=self._how, share=self._share
            )
        if not is_protected:
            with connection.walk() as walk:
                clear_unprotected(
                    database,
                    walk,
                    settings.resource,
                    load_ids=counts.load_ids,
                    run_id=self._context.run.run_id,
                )
        began = min(parts, key=lambda each: datetime.fromisoformat(each.began)).began
        keep_watermark(database, table, began, parts[0].of)
        forget_pass(database, table)
        forget_parts(database, table)
        return {
            **table_metadata(database, table),
            "profile": settings.profile.name,
            "completeness_verified": True,
            "sync_mode": "parts",
            "parts": len(parts),
            "rows_read": sum(each.rows for each in parts),
            "rows_rejected": counts.rejected + without_key,
            ROWS_WALKED: counts.in_table,
            "api_total": counts.rows,
            "rows_deleted": gone.rows,
            "deletes": gone.how,
            "asked_from": began,
            LOAD_ID: ",".join(counts.load_ids),
        }


def _split(part: Part) -> list[Part]:
    """Return a part, or its time until now and from now on, so that little is read again."""
    until = datetime.now(timezone.utc).replace(second=0, microsecond=0)
    if part.end or part.start is None or until - part.start < BRIEF:
        return [part]
    return [
        Part(part.name, part.start, until),
        Part(f"{part.name} from {until:%Y-%m-%d %H:%M}", until, None),
    ]


def _difference(
    database: DuckDBPyConnection,
    table: Table,
    parts: Sequence[LoadedPart],
    rows: int,
    total: int,
) -> str:
    """Return an error message with the numbers that differ, and where to look."""
    said = f"The API reports {total:,} tickets without a filter, and its {len(parts)} parts have "
    said += f"{rows:,}. "
    if rows > total:
        return said + (
            "The date_filter of the profile also returns tickets that the unfiltered list does "
            "not, such as archived ones: compare both in the API's documentation."
        )
    said += (
        "Each part has as many tickets as the API reports for it, so the others are in no part: "
        "tickets without a creation date (see undated in the documentation of date_filter), or "
        "tickets that the filter omits. "
    )
    if "created_at" in types_of(database, table):
        condition, values = in_no_part(table, parts)
        ((older, undated, month),) = database.execute(
            "select count(*), count(*) filter (created_at is null),"
            " strftime(mode(date_trunc('month', created_at)), '%Y-%m')"
            f" from {table.qualified} where {condition}",
            values,
        ).fetchall()
        if older:
            others = f", and most others of {month}" if month else ""
            said += (
                f"The table has {older:,} tickets of earlier loads that are in no part, "
                f"{undated:,} of them without created_at{others}. "
            )
    return said + "The sync job reads the list without the filter."


def _number(total: int | None) -> str:
    return "no total" if total is None else f"{total:,}"
