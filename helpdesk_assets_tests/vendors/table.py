"""The tables that can be loaded from each vendor, according to its profile.

``python -m helpdesk_assets_tests.vendors.table > docs/vendors/README.md`` writes the page.
"""

import sys

from helpdesk_assets.profiles import DEFAULT_PROFILE, built_in_profiles, load_profile
from helpdesk_assets.profiles.model import Profile
from helpdesk_assets.profiles.paginators import (
    OffsetPaginator,
    PageNumberPaginator,
    SinglePagePaginator,
)
from helpdesk_assets.profiles.resource import Resource
from helpdesk_assets_tests.conftest import PROJECT
from helpdesk_assets_tests.real import SERVERS

DOCS = PROJECT / "docs" / "vendors"
HEADER = """\
# Vendors

This page shows what can be loaded from each vendor with its built-in profile. It is generated from
the profiles by `python -m helpdesk_assets_tests.vendors.table`.

- **Incremental**: each sync requests only what has changed. Tables in brackets are lists per row of
  another table, and are requested for the rows that have been loaded since.
- **Deleted tickets**: how they are detected. *Full refresh*: the whole list can be verified
  complete, so a ticket that is missing from it was deleted. *Status*: the API returns deleted
  tickets, and each sync marks them. *Not detected*: neither is the case.
- **Verified complete**: the lists whose paging can prove that no row was lost; see
  [Profiles](../profiles.md#what-each-kind-of-paging-can-guarantee). Lists with an asterisk have
  pages of a fixed size, and can be verified if the API returns their total and sorts them by id.
  Other lists are read by following links or cursors, for which the API has to be trusted, or in
  several passes.
- **Tested against**: a *server in the documented shape* is written from the vendor's documentation
  and is part of the tests. These profiles have not been run against the vendor's own server. A name
  with a version is the real program, which `make test-real` installs.

| vendor | tables | incremental | deleted tickets | verified complete | tested against |
| --- | --- | --- | --- | --- | --- |
"""


def page() -> str:
    """Return the page."""
    names = [name for name in built_in_profiles() if name != DEFAULT_PROFILE]
    return HEADER + "".join(f"{line(name)}\n" for name in names)


def line(name: str) -> str:
    """Return the line of a profile."""
    profile = load_profile(name)
    cells = [
        linked(title_of(name), name),
        ", ".join(linked(each.name, name, "#what-is-loaded") for each in profile.resources),
        incremental(profile),
        deletions(profile.tickets),
        verified(profile),
        SERVERS.get(name, "server in the documented shape"),
    ]
    return f"| {' | '.join(cells)} |"


def title_of(name: str) -> str:
    """Return the title of a vendor's page; the name of its profile if there is no page."""
    file = DOCS / f"{name}.md"
    return file.read_text().splitlines()[0].removeprefix("# ") if file.exists() else name


def linked(text: str, name: str, anchor: str = "") -> str:
    """Return a text with a link to a vendor's page, if there is one."""
    return f"[{text}]({name}.md{anchor})" if (DOCS / f"{name}.md").exists() else text


def incremental(profile: Profile) -> str:
    """Return the tables that are loaded incrementally."""
    changing = {each.name for each in profile.resources if each.endpoint.incremental}
    changing |= {each.name for each in profile.resources if each.endpoint.resumes}
    found = [
        f"({each.name})" if each.parent else each.name
        for each in profile.resources
        if each.name in changing or each.parent in changing
    ]
    return "all" if len(found) == len(profile.resources) else ", ".join(found) or "none"


def deletions(tickets: Resource) -> str:
    """Return how deleted tickets are detected."""
    found = [
        "status" if tickets.deleted_rows else "",
        "full refresh" if is_verified(tickets) else "",
    ]
    return ", ".join(filter(None, found)) or "not detected"


def verified(profile: Profile) -> str:
    """Return the tables whose paging allows completeness to be verified."""
    found = [
        f"{each.name}{'*' if has_fixed_pages(each) else ''}"
        for each in profile.resources
        if is_verified(each)
    ]
    return (
        "all" if found == [each.name for each in profile.resources] else ", ".join(found) or "none"
    )


def is_verified(resource: Resource) -> bool:
    """Return whether the paging of a list can prove that no row was lost."""
    endpoint = resource.endpoint
    proves = isinstance(
        endpoint.paginator, OffsetPaginator | PageNumberPaginator | SinglePagePaginator
    )
    # Rows may move from one pass to another.
    passes = [each for each in endpoint.passes if not each.incremental_only]
    return proves and len(passes) < 2


def has_fixed_pages(resource: Resource) -> bool:
    """Return whether the pages of a list are numbered, and their size cannot be chosen."""
    paginator = resource.endpoint.paginator
    return isinstance(paginator, PageNumberPaginator) and not (
        paginator.limit_param or paginator.limit_body_path
    )


if __name__ == "__main__":
    sys.stdout.write(page())
