"""Error messages for invalid profiles: the location, and what was expected there."""

import difflib
from itertools import pairwise
from pathlib import Path
from typing import Any, get_args

import yaml
from pydantic import BaseModel, ValidationError

from helpdesk_assets.profiles.client import Auth
from helpdesk_assets.profiles.model import Profile
from helpdesk_assets.profiles.paginators import AnyPaginator

_TAGGED = {"auth": Auth, "paginator": AnyPaginator}


def message_of(error: ValidationError, file: Path, tree: yaml.Node | None) -> str:
    """Return the message for the first mistake: location and expectation, but never the value."""
    mistakes = error.errors(include_url=False, include_input=False)
    # A misspelled setting is also reported as missing; the spelling is what to correct.
    # For a value of several possible types, our own rule is more specific than pydantic's.
    order = {"extra_forbidden": 0, "value_error": 1}
    first = min(mistakes, key=lambda mistake: order.get(mistake["type"], 2))
    further = getattr(first.get("ctx", {}).get("error"), "location", ())
    keys, line = _found((*first["loc"], *further), tree)
    # A missing setting has no location; its parent has.
    where = ".".join(str(key) for key in keys)
    return f"{file}, line {line}: {_expected(first, where)}."


def repeated_key(tree: yaml.Node | None) -> yaml.Node | None:
    """Return a duplicate key, of which YAML would use the last; None if there is none."""
    # Visit each node once, even if it has several aliases.
    nodes, seen = [tree], set()
    while nodes:
        node = nodes.pop()
        if id(node) in seen:
            continue
        seen.add(id(node))
        if isinstance(node, yaml.MappingNode):
            keys: set[str] = set()
            for key, value in node.value:
                if isinstance(key, yaml.ScalarNode) and key.value in keys:
                    return key
                keys.add(str(key.value))
                nodes.append(value)
        elif isinstance(node, yaml.SequenceNode):
            nodes += node.value
    return None


def _expected(mistake: Any, where: str) -> str:
    kind, context = mistake["type"], mistake.get("ctx", {})
    name = str(mistake["loc"][-1]) if mistake["loc"] else ""
    inside = f" in {where}" if where else ""
    if kind == "missing":
        return f"{name} is missing{inside}: add it"
    if kind == "extra_forbidden":
        known = _keys_beside(mistake["loc"])
        close = difflib.get_close_matches(name, known, n=1)
        hint = f"did you mean {close[0]}?" if close else f"choose one of {', '.join(known)}"
        return f"unknown setting {where}: {hint}"
    if kind in ("union_tag_invalid", "union_tag_not_found"):
        tags = context.get("expected_tags") or ", ".join(map(repr, _tags(mistake["loc"])))
        return f"{where} has an unknown type: its type must be one of {tags}"
    if kind == "string_pattern_mismatch":
        if name == "data_selector":
            return (
                f"{where} must be a path such as issues[*].changelog.histories: names separated by "
                "dots, with [*] after a list; no other JSONPath is supported"
            )
        return (
            f"{where} must be a path such as meta.count: names separated by dots; write a name "
            "that contains a dot as ['@odata.nextLink']"
        )
    if kind == "value_error":
        return f"{where or 'the profile'} needs {context['error']}"
    expected = mistake["msg"].removeprefix("Input should be ")
    return f"{where or 'the profile'} must be {expected}"


def _found(location: tuple[Any, ...], tree: yaml.Node | None) -> tuple[list[Any], int]:
    """Return the keys and the line of a location in the profile, as far as it exists."""
    line = tree.start_mark.line + 1 if tree else 1
    keys: list[Any] = []
    for before, step in pairwise((None, *location)):
        if before in _TAGGED and step in _tags(location):
            # The type that pydantic has chosen; it is not in the file.
            continue
        if isinstance(tree, yaml.MappingNode):
            found = [(key, value) for key, value in tree.value if key.value == str(step)]
            if not found:
                continue
            line, tree = found[0][0].start_mark.line + 1, found[0][1]
        elif isinstance(tree, yaml.SequenceNode) and isinstance(step, int):
            if step >= len(tree.value):
                break
            tree = tree.value[step]
            line = tree.start_mark.line + 1
        else:
            continue
        keys.append(step)
    return keys, line


def _tags(location: tuple[Any, ...]) -> list[str]:
    union = next((_TAGGED[step] for step in location if step in _TAGGED), None)
    return [get_args(kind.model_fields["type"].annotation)[0] for kind in get_args(union) if union]


def _keys_beside(location: tuple[Any, ...]) -> list[str]:
    """Return the known settings at the location of an unknown one."""
    kinds: list[Any] = [Profile]
    for step in location[:-1]:
        following: list[Any] = []
        for kind in kinds:
            field = _by_name(kind).get(step) if isinstance(step, str) else None
            if isinstance(step, str) and step in _tags(location):
                # The type that pydantic has chosen, which may have a setting of the same name.
                tag = kind.model_fields.get("type")
                if tag and step in get_args(tag.annotation):
                    following.append(kind)
            elif field:
                following += _models(field.annotation)
            else:
                following.append(kind)
        kinds = following or kinds
    return sorted({name for kind in kinds for name in _by_name(kind)})


def _by_name(kind: Any) -> dict[str, Any]:
    """Return the fields of a model by the names that they have in a profile."""
    return {field.alias or name: field for name, field in kind.model_fields.items()}


def _models(annotation: Any) -> list[Any]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    return [model for argument in get_args(annotation) for model in _models(argument)]
