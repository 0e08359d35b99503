"""Plain dlt, configured as the API documents, for comparison."""

import dlt
from dlt.sources.helpers.requests import Client
from dlt.sources.rest_api import rest_api_source


def plain_source(base_url: str, api_key: str) -> dlt.sources.DltSource:
    """Return dlt's REST API source: pages of 100 by offset, and the documented retries."""
    session = Client(
        raise_for_status=False,
        status_codes=(429, 500, 502, 503, 504),
        request_max_attempts=4,
        request_backoff_factor=0.01,
        request_timeout=0.5,
    ).session
    return rest_api_source(
        {
            "client": {
                "base_url": base_url,
                "auth": {
                    "type": "api_key",
                    "name": "api_key",
                    "api_key": api_key,
                    "location": "query",
                },
                "session": session,
            },
            "resource_defaults": {"primary_key": "id", "write_disposition": "merge"},
            "resources": [
                {
                    "name": "help_desk_tickets",
                    "endpoint": {
                        "path": "/v1/tickets",
                        "data_selector": "data",
                        "paginator": {"type": "offset", "limit": 100},
                    },
                }
            ],
        },
        name="plain",
    )
