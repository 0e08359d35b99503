"""The dlt source: one help desk behind a REST API, described by one dictionary.

Whatever is special about talking to it (retries, counting, sentences for failures) is in
``helpdesk_assets.client``; whatever is special about its tickets is in ``helpdesk_assets.schema``.
"""

from typing import Any

import dlt
from dlt.common.schema import Schema
from dlt.extract import DltResource, DltSource
from dlt.sources.rest_api import rest_api_source
from dlt.sources.rest_api.typing import RESTAPIConfig

from helpdesk_assets.client.session import HelpDeskSession
from helpdesk_assets.schema import TABLE, dlt_columns

SOURCE = "help_desk"
ENDPOINT = "/v1/tickets"


def help_desk_source(*, base_url: str, api_key: str, session: HelpDeskSession) -> DltSource:
    """Return the source for one run; dlt does not take the same one twice.

    It has one resource, ``help_desk_tickets``, which yields pages: lists of up to 100 tickets.

    Args:
        base_url: scheme, host and whatever comes before ``/v1/tickets``.
        api_key: sent as the query parameter ``api_key``.
        session: sends the requests, with the retries that the API's documentation asks for.
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
            "session": session.requests_session,
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
                    "paginator": {
                        "type": "offset",
                        "limit": 100,
                        # The API promises no total, and one that is wrong would end the walk
                        # early: only an empty page does.
                        "total_path": None,
                    },
                },
            }
        ],
    }
    source = rest_api_source(config, name=SOURCE)

    def count_page(page: list[Any], meta: Any = None) -> list[Any]:
        session.pages += 1
        # A desk without tickets gets its table all the same, so that whoever reads it finds
        # no rows rather than no table.
        return page or dlt.mark.materialize_table_schema()

    source.resources[TABLE].add_step(count_page)
    return source


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
