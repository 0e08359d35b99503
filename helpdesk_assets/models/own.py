"""The models of the user: SQL files in a folder, which replace built-in models or add to them."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import dagster as dg

from helpdesk_assets.models.model import Model
from helpdesk_assets.tables.schema import TABLE
from helpdesk_assets.tables.vocabulary import ROLES

NAME = re.compile(r"^[a-z][a-z0-9_]*$")
COMMENT = re.compile(r"--[^\n]*|/\*.*?\*/", re.S)
WORD = re.compile(r"\w+")
# The views of the loaded tables, and what they show.
VIEWS = {"desk_tickets": TABLE} | {f"desk_{role}": role for role in ROLES}


def with_own_models(models: Sequence[Model], folder: Path) -> tuple[Model, ...]:
    """Return the models with those in a folder, each after those that it reads.

    A file ``NAME.sql`` with the name of a built-in model replaces its query; its columns and its
    check stay. Any other file is a further model: its description is the comment at its beginning,
    and what it reads is found by the names in its query.

    Args:
        models: the built-in models.
        folder: the folder of the files.

    Raises:
        dg.DagsterInvalidDefinitionError: the folder does not exist, a name is invalid, or models
            read each other.
    """
    if not folder.is_dir():
        raise dg.DagsterInvalidDefinitionError(
            f"The folder of models {folder} does not exist: set REPORTS__HELP_DESK__MODELS, or "
            "models of the HelpDesk, to a folder of SQL files."
        )
    by_name = {model.name: model for model in models}
    files = {file.stem: file for file in sorted(folder.glob("*.sql"))}
    for name in files:
        if not NAME.match(name):
            raise dg.DagsterInvalidDefinitionError(
                f"The name of the model {files[name]} is invalid: use lowercase letters, digits "
                "and underscores."
            )
    known = {*by_name, *files}
    for name, file in files.items():
        text = file.read_text(encoding="utf-8")
        reads = tuple(_reads(text, known - {name}))
        built_in = by_name.get(name)
        if built_in:
            also = tuple(read for read in reads if read not in built_in.reads)
            by_name[name] = replace(built_in, file=file, reads=built_in.reads + also)
        else:
            description = _description(text) or f"The query {file.name}."
            by_name[name] = Model(name=name, description=description, reads=reads, file=file)
    return tuple(_in_order(by_name))


def _reads(text: str, models: set[str]) -> Iterator[str]:
    """Yield the roles of loaded tables and the models whose names are in a query."""
    words = dict.fromkeys(word.lower() for word in WORD.findall(COMMENT.sub(" ", text)))
    for word in words:
        if word in models:
            yield word
        elif word in VIEWS or word in (TABLE, *ROLES):
            yield VIEWS.get(word, word)


def _description(text: str) -> str:
    """Return the comment lines at the beginning of a query."""
    lines = []
    for line in text.lstrip().splitlines():
        if not line.startswith("--"):
            break
        lines.append(line.removeprefix("--").strip())
    return "\n".join(lines).strip()


def _in_order(models: dict[str, Model]) -> Iterator[Model]:
    """Yield each model after those that it reads."""
    left = dict(models)
    while left:
        ready = [model for model in left.values() if not {*model.reads} & {*left} - {model.name}]
        if not ready:
            raise dg.DagsterInvalidDefinitionError(
                f"The models {', '.join(left)} read each other: remove one of these references."
            )
        yield ready[0]
        del left[ready[0].name]
