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
from helpdesk_assets.tables.vocabulary import ROLES, TICKETS, Role
from helpdesk_assets_tests.conftest import PROJECT
from helpdesk_assets_tests.real import SERVERS

# The roles in each column of the table of other lists.
COLUMNS_OF_ROLES: tuple[tuple[Role, ...], ...] = (
    ("comments",),
    ("status_changes",),
    ("users", "agents"),
    ("groups",),
    ("organizations",),
)
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

VOCABULARY = """
## Common vocabulary

These columns mean the same for every vendor; see
[Common vocabulary](../profiles.md#common-vocabulary). A dash means that the API does not have it
in its list of tickets.

"""
OTHERS = """
Other lists with a part in the vocabulary, by their names in the profile. In brackets is what they
lack. *Link*: whether reports can link to a ticket.

| vendor | comments | status changes | people | groups | organizations | link |
| --- | --- | --- | --- | --- | --- | --- |
"""


def page() -> str:
    """Return the page."""
    names = [name for name in built_in_profiles() if name != DEFAULT_PROFILE]
    tables = "".join(f"{line(name)}\n" for name in names)
    columns = f"| vendor | {' | '.join(f'`{name}`' for name in TICKETS)} |\n"
    columns += f"| --- |{' --- |' * len(TICKETS)}\n"
    columns += "".join(f"{filled(name)}\n" for name in names)
    others = "".join(f"{of_roles(name)}\n" for name in names)
    return HEADER + tables + VOCABULARY + columns + OTHERS + others


def filled(name: str) -> str:
    """Return which columns of the vocabulary a profile fills in its tickets, as a line."""
    fields = load_profile(name).tickets.fields
    cells = ["yes" if term in fields else "-" for term in TICKETS]
    return f"| {linked(title_of(name), name)} | {' | '.join(cells)} |"


def of_roles(name: str) -> str:
    """Return which lists of a profile have a role in the vocabulary, as a line."""
    profile = load_profile(name)
    cells = [
        ", ".join(_lacking(each) for role in roles for each in profile.with_role(role)) or "-"
        for roles in COLUMNS_OF_ROLES
    ]
    cells.append("yes" if profile.ticket_url else "-")
    return f"| {linked(title_of(name), name)} | {' | '.join(cells)} |"


def _lacking(resource: Resource) -> str:
    if resource.role not in ("comments", "status_changes"):
        return resource.name
    lacking = [f"`{term}`" for term in ROLES[resource.role] if term not in resource.fields]
    return f"{resource.name} ({', '.join(lacking)})" if lacking else resource.name


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
