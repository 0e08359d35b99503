"""The ``columns`` section of a profile: what is done to columns before they are written."""

import re
from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Annotated

from pydantic import StringConstraints

from helpdesk_assets.profiles.client import Part
from helpdesk_assets.tables.paths import Path, path_of
from helpdesk_assets.tables.protection import Protect, Protection, Rule
from helpdesk_assets.tables.schema import Column

# The place of an item in a list; rules apply to all of them.
ITEM = re.compile(r"\[(\*|\d+)\]")
_QUOTED = r"\['[^']+'\]"
_STEP = rf"([\w@-]+|{_QUOTED})(\[(\*|\d+)\])*"
ColumnKey = Annotated[str, StringConstraints(pattern=rf"^{_STEP}(\.{_STEP}|{_QUOTED})*$")]

# What the description of a protected column says.
DESCRIBED: Mapping[Protect, str] = {"hash": "Hashed", "mask": "Masked", "drop": "Not loaded"}


class ColumnSpec(Part):
    """How a column is protected; column hints of dlt's REST API source are allowed, too."""

    protect: Protect


def rules_of(columns: Mapping[str, ColumnSpec], paths: Mapping[str, str]) -> list[Rule]:
    """Return the rules of a ``columns`` section.

    Args:
        columns: by the name of a column, or by the path of a field.
        paths: the paths of the columns under ``fields``, by name.
    """
    return [
        Rule(name, path, spec.protect)
        for name, spec in columns.items()
        for path in dict.fromkeys(_paths(name, paths))
    ]


def _paths(name: str, paths: Mapping[str, str]) -> Iterator[Path]:
    named = field_path(name)
    column = field_path(paths.get(name, name))
    yield column
    # Not an object of that name that contains the column's field.
    if column[: len(named)] != named:
        yield named


def field_path(spelled: str) -> Path:
    """Return the path of a field without the places of lists."""
    return path_of(ITEM.sub("", spelled))


def rule_for(rules: Sequence[Rule], path: Path) -> Rule | None:
    """Return the first rule that would change the values at a path; None if there is none."""
    return next((rule for rule in rules if Protection([rule]).applies_to(path)), None)


def protected_columns(
    columns: Iterable[Column], rules: Sequence[Rule], *, kept: Container[str]
) -> Iterator[Column]:
    """Yield columns with the types of protected values, without those that are dropped.

    Args:
        columns: according to the fields of a profile.
        rules: which of them are protected.
        kept: the names of columns that every table has, which are null if they are dropped.
    """
    for column in columns:
        rule = rule_for(rules, column.field)
        if rule is None:
            yield column
        elif rule.how != "drop" or column.name in kept:
            description = f"{column.description} {DESCRIBED[rule.how]}."
            yield replace(column, dlt_type="text", description=description, values=())
