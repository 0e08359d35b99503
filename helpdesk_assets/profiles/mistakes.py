"""Mistakes in a profile, each in one sentence: where it is, and what was expected there."""

import difflib
from itertools import pairwise
from pathlib import Path
from typing import Any, get_args

import yaml
from pydantic import BaseModel, ValidationError

from helpdesk_assets.profiles.client import Auth
from helpdesk_assets.profiles.endpoint import Paginator
from helpdesk_assets.profiles.model import Profile

_TAGGED = {"auth": Auth, "paginator": Paginator}


def sentence(error: ValidationError, file: Path, tree: yaml.Node | None) -> str:
    """Say the first mistake: where it is, what was expected there, and never what stands there."""
    mistakes = error.errors(include_url=False, include_input=False)
    # One that is misspelled is also missing, and what to do is to spell it well.
    # And of a value that may be of several types, our own rule says more than that it is no number.
    order = {"extra_forbidden": 0, "value_error": 1}
    first = min(mistakes, key=lambda mistake: order.get(mistake["type"], 2))
    further = getattr(first.get("ctx", {}).get("error"), "location", ())
    keys, line = _found((*first["loc"], *further), tree)
    # What is missing is not there to be pointed at: its parent is.
    where = ".".join(str(key) for key in keys)
    return f"{file}, line {line}: {_expected(first, where)}."


def repeated_key(tree: yaml.Node | None) -> yaml.Node | None:
    """Return a key that stands in a mapping twice, of which YAML takes the second; or None."""
    # Each node once, however often it is referred to.
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
        hint = f"did you mean {close[0]}?" if close else f"known are {', '.join(known)}"
        return f"there is no setting {where}: {hint}"
    if kind in ("union_tag_invalid", "union_tag_not_found"):
        tags = context.get("expected_tags") or ", ".join(map(repr, _tags(mistake["loc"])))
        return f"{where} has no type that is known: its type has to be one of {tags}"
    if kind == "string_pattern_mismatch":
        return (
            f"{where} has to be a path such as meta.count: names with dots between them, and one "
            "that has a dot in it as ['@odata.nextLink']"
        )
    if kind == "value_error":
        return f"{where or 'it'} needs {context['error']}"
    expected = mistake["msg"].removeprefix("Input should be ")
    return f"{where or 'the profile'} has to be {expected}"


def _found(location: tuple[Any, ...], tree: yaml.Node | None) -> tuple[list[Any], int]:
    """Follow a place in the profile to the line it is on, as far as the file goes."""
    line = tree.start_mark.line + 1 if tree else 1
    keys: list[Any] = []
    for before, step in pairwise((None, *location)):
        if before in _TAGGED and step in _tags(location):
            # The kind that pydantic has taken this for; it is not in the file.
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
    """Return the settings that there are where an unknown one was found."""
    kinds: list[Any] = [Profile]
    for step in location[:-1]:
        following: list[Any] = []
        for kind in kinds:
            field = kind.model_fields.get(step) if isinstance(step, str) else None
            if field:
                following += _models(field.annotation)
            elif isinstance(step, str) and step in _tags(location):
                tag = kind.model_fields.get("type")
                if tag and step in get_args(tag.annotation):
                    following.append(kind)
            else:
                following.append(kind)
        kinds = following or kinds
    return sorted({name for kind in kinds for name in kind.model_fields})


def _models(annotation: Any) -> list[Any]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    return [model for argument in get_args(annotation) for model in _models(argument)]
