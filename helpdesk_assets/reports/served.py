"""A copy of the page that Dagster's webserver serves.

Dagster's UI has no place for pages, and browsers refuse links from http pages to files. But its
webserver serves the files in the folder of the logs of runs, as downloads (``/logs/{path}`` in
``dagster_webserver/webserver.py``).
"""

from collections.abc import Sequence
from pathlib import Path
from urllib.parse import quote

import dagster as dg
from dagster._core.storage.local_compute_log_manager import LocalComputeLogManager

from helpdesk_assets.reports.place import write_to

SUFFIX = "html"


def serve(instance: dg.DagsterInstance, key: Sequence[str], body: bytes) -> str | None:
    """Store a page where the webserver finds it, and return its path there, such as /logs/a/html.

    Returns None if the instance does not store logs in a local folder, or if it cannot be written.

    Args:
        instance: the Dagster instance.
        key: the path of the page's asset.
        body: the page.
    """
    logs = instance.compute_log_manager
    if not isinstance(logs, LocalComputeLogManager):
        return None
    path = Path(logs.get_captured_local_path(key, SUFFIX))
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_to(str(path), body, desk=key[-1])
    except (OSError, dg.Failure):
        return None
    return "/".join(["/logs", *(quote(part, safe="") for part in key), SUFFIX])
