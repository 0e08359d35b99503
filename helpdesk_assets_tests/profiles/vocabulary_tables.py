"""The tables of the common vocabulary in ``docs/profiles.md``, written from the code.

``python -m helpdesk_assets_tests.profiles.vocabulary_tables`` updates the page.
"""

import re

from helpdesk_assets.tables.vocabulary import ROLES, TICKETS, Term
from helpdesk_assets_tests.conftest import PROJECT

PAGE = PROJECT / "docs" / "profiles.md"
HEADER = "| column | type | meaning |\n| --- | --- | --- |\n"
ROLES_HEADER = "| role | column | type | meaning |\n| --- | --- | --- | --- |\n"


def tickets() -> str:
    """Return the table of the columns of tickets."""
    return HEADER + "".join(f"| {_cells(term)} |\n" for term in TICKETS.values())


def roles() -> str:
    """Return the table of the columns of other lists."""
    return ROLES_HEADER + "".join(
        f"| `{role}` | {_cells(term)} |\n"
        for role, terms in ROLES.items()
        for term in terms.values()
    )


def _cells(term: Term) -> str:
    return f"`{term.name}` | {' or '.join(f'`{kind}`' for kind in term.types)} | {term.description}"


def updated(page: str) -> str:
    """Return the text of the page with the tables as they should be."""
    for header, table in ((HEADER, tickets()), (ROLES_HEADER, roles())):
        before, after = page.split(header, 1)
        page = before + table + re.sub(r"^(\|.*\n)*", "", after)
    return page


if __name__ == "__main__":
    PAGE.write_text(updated(PAGE.read_text()))
