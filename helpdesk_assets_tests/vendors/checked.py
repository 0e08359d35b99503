"""The output of ``python -m helpdesk_assets check`` for each vendor's server, on its page.

``python -m helpdesk_assets_tests.vendors.checked`` writes it into the pages.
"""

import io
import os
import re
import tempfile
from contextlib import redirect_stdout
from pathlib import Path

from helpdesk_assets.cli.main import main
from helpdesk_assets.sandbox.server import serve
from helpdesk_assets_tests.conftest import PROJECT, SETTINGS
from helpdesk_assets_tests.vendors.standin import all_standins
from helpdesk_assets_tests.vendors.world import World

DOCS = PROJECT / "docs" / "vendors"
HEADING = "## Check the settings"
NEXT = "## What is loaded"
INTRODUCTION = """
```sh
.venv/bin/python -m helpdesk_assets check
```

The command reads a few pages and loads nothing. For the server of the tests, it prints:

"""


def section(profile: str, printed: str, base_url: str) -> str:
    """Return the section of a vendor's page.

    Args:
        profile: the name of the profile.
        printed: the output of the command for the vendor's server.
        base_url: the base URL of that server, which is replaced by an example.
    """
    page = (DOCS / f"{profile}.md").read_text()
    address = re.search(r"SOURCES__HELP_DESK__BASE_URL=(\S+)", page)
    example = address[1].strip("'\"") if address else "https://help-desk.example.com"
    printed = printed.replace(base_url, example)
    # The time from which changes are requested differs each time.
    printed = re.sub(r"(?<=returned for ).*", "the last hour", printed)
    return f"{HEADING}\n{INTRODUCTION}```text\n{printed.strip()}\n```\n\n"


def documented(profile: str) -> str:
    """Return the current section of a vendor's page; empty if it has none."""
    page = (DOCS / f"{profile}.md").read_text()
    found = re.search(rf"^{HEADING}$.*?(?=^{NEXT}$)", page, re.M | re.S)
    return found[0] if found else ""


def write(profile: str) -> None:
    """Write the section into the page of a vendor."""
    vendor = all_standins()[profile](World())
    with serve(vendor.app()) as address, tempfile.TemporaryDirectory() as folder:
        vendor.base_url = address
        base_url = address + vendor.base_path
        values = (base_url, "", str(Path(folder) / "tickets.duckdb"))
        os.environ.update(dict(zip(SETTINGS, values, strict=True)))
        os.environ["SOURCES__HELP_DESK__PROFILE"] = profile
        os.environ.update(vendor.environment())
        printed = io.StringIO()
        with redirect_stdout(printed):
            main(["check"])
    path = DOCS / f"{profile}.md"
    page, before = path.read_text(), documented(profile)
    if before:
        page = page.replace(before, "")
    now = section(profile, printed.getvalue(), base_url.rstrip("/"))
    path.write_text(page.replace(f"{NEXT}\n", f"{now}{NEXT}\n", 1))


if __name__ == "__main__":
    for name in all_standins():
        write(name)
