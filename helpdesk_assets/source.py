"""The dlt source: one help desk behind a REST API, described by one dictionary.

Whatever is special about talking to it (retries, paging, what its answers must be) is in
``helpdesk_assets.client``; whatever is special about its tickets is in ``helpdesk_assets.schema``
and ``helpdesk_assets.rows``.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import dlt
from dlt.common.schema import Schema
from dlt.extract import DltResource, DltSource
from dlt.sources.rest_api import rest_api_source
from dlt.sources.rest_api.typing import RESTAPIConfig

from helpdesk_assets.client.failures import TooManyRejectedError
from helpdesk_assets.client.paging import CompleteOffsetPaginator
from helpdesk_assets.client.session import HelpDeskSession
from helpdesk_assets.rows import Row, reason_to_reject, rejected
from helpdesk_assets.schema import (
    REJECTED_COLUMNS,
    REJECTED_TABLE,
    ROW_NUMBER,
    TABLE,
    dlt_columns,
)

SOURCE = "help_desk"
ENDPOINT = "/v1/tickets"


@dataclass
class Walk:
    """One run's way through the help desk: how it is made, and what came of it.

    Attributes:
        session: sends the requests, with the retries that the API's documentation asks for.
        run_id: what rejected rows are marked with.
        rejected_share: the most of the rows read, 0 to 1, that may be rejected.
        paginator: pages through the list and shows that it is complete.
        read: rows read, each as often as it had changed.
        rejected: rows among them that cannot be loaded.
    """

    session: HelpDeskSession
    run_id: str = ""
    rejected_share: float = 0.05
    paginator: CompleteOffsetPaginator = field(default_factory=CompleteOffsetPaginator)
    read: int = 0
    rejected: int = 0


def help_desk_source(*, base_url: str, api_key: str, walk: Walk) -> DltSource:
    """Return the source for one run; dlt does not take the same one twice.

    It has one resource, ``help_desk_tickets``, which yields pages: lists of up to 100 tickets.

    Args:
        base_url: scheme, host and whatever comes before ``/v1/tickets``.
        api_key: sent as the query parameter ``api_key``.
        walk: how the desk is read; takes down what came of it.
    """
    config: RESTAPIConfig = {
        "client": {
            "base_url": base_url,
            "auth": {
                "type": "api_key",
                "name": "api_key",
                "api_key": api_key,
                "location": "query",
            },
            "session": walk.session.requests_session,
        },
        "resource_defaults": {
            "primary_key": "id",
            "write_disposition": "merge",
        },
        "resources": [
            {
                "name": TABLE,
                "columns": dlt_columns(),
                "endpoint": {
                    "path": ENDPOINT,
                    "data_selector": "data",
                    # Offset paging with a limit of 100, as dlt's own, but complete.
                    "paginator": walk.paginator,
                },
            }
        ],
    }
    source = rest_api_source(config, name=SOURCE)
    tickets = source.resources[TABLE]
    tickets.add_step(_sort_out(walk))
    # What dlt offers for a second table of a resource also gives it the columns of the first.
    tickets._set_hints(
        dlt.mark.make_hints(
            table_name=REJECTED_TABLE, write_disposition="append", columns=REJECTED_COLUMNS
        ),
        create_table_variant=True,
    )
    return source


def _sort_out(walk: Walk) -> Callable[[list[Row], Any], Iterator[Any]]:
    """Return a step that sends each row of a page to the table where it belongs."""

    def step(page: list[Row], meta: Any = None) -> Iterator[Any]:
        first = walk.read + 1
        good = [
            {**row, ROW_NUMBER: number}
            for number, row in enumerate(page, first)
            if reason_to_reject(row) is None
        ]
        walk.read += len(page)
        walk.rejected += len(page) - len(good)
        if not walk.paginator.has_next_page and walk.rejected > walk.rejected_share * walk.read:
            raise TooManyRejectedError(
                f"Of {walk.read} tickets that were read, {walk.rejected} cannot be loaded, and "
                f"SOURCES__HELP_DESK__REJECTED_SHARE allows {walk.rejected_share:.0%}: raise it to "
                f"see in {REJECTED_TABLE} why"
            )
        if len(good) < len(page):
            records = rejected(page, page_offset=walk.paginator.page_offset, run_id=walk.run_id)
            yield dlt.mark.with_table_name(list(records), REJECTED_TABLE)
        # A desk without tickets gets its table all the same, so that whoever reads it finds
        # no rows rather than no table.
        yield good or dlt.mark.materialize_table_schema()

    return step


def source_outline() -> DltSource:
    """Return the source's resources by name alone, for definitions to be made from.

    It needs no address, no key and no session. The normalizers are those dlt has by default;
    were they left out, dlt would read its configuration files for them, at import.
    """
    schema = Schema(
        SOURCE,
        normalizers={
            "names": "snake_case",
            "json": {"module": "dlt.common.normalizers.json.relational"},
        },
    )
    return DltSource(schema, SOURCE, [DltResource.from_data([], name=TABLE)])
