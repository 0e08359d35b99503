"""The ``fields`` of a list in a profile, and the columns that they become."""

from dataclasses import replace
from typing import Annotated, Any

from pydantic import Field, StringConstraints, model_validator

from helpdesk_assets.profiles.client import Part
from helpdesk_assets.profiles.types import FieldPath, MisplacedError
from helpdesk_assets.tables.paths import path_of
from helpdesk_assets.tables.schema import Column, DltType
from helpdesk_assets.tables.values import Value, values_of
from helpdesk_assets.tables.vocabulary import FieldType, Term

# The types of the values that fields of each type can be replaced by.
STORED: dict[FieldType, tuple[type, ...]] = {"text": (str,), "bigint": (int,), "bool": (bool,)}


class FieldSpec(Part):
    """The path of a column in a row, its type, and what its values are replaced by.

    Attributes:
        type: one of dlt's types, or ``json`` for JSON text. Default: that of the vocabulary;
            otherwise ``timestamp`` if the name ends with ``_at``, and ``text``.
        values: replacements of the API's values, such as ``true: customer``; ``*`` stands for all
            others but null. Without it, they stay as they are.
    """

    path: FieldPath
    type: FieldType | None = None
    description: Annotated[str, StringConstraints(max_length=1000)] | None = None
    values: Annotated[dict[Value, Value], Field(min_length=1)] | None = None

    @model_validator(mode="before")
    @classmethod
    def _path_alone(cls, value: Any) -> Any:
        return {"path": value} if isinstance(value, str) else value


def type_of(name: str, spec: FieldSpec, known: Column | None, term: Term | None) -> FieldType:
    """Return the type of a field: its own, or the default."""
    if spec.type:
        return spec.type
    if known:
        return known.dlt_type
    if term:
        return term.types[0]
    return "timestamp" if name.endswith("_at") else "text"


def refuse_other_meaning(
    name: str, spec: FieldSpec, known: Column | None, term: Term | None
) -> None:
    """Raise MisplacedError if a field cannot be what its name says, or has unfit values.

    Args:
        name: the name of its column.
        spec: the field.
        known: the column, if every table has it.
        term: what the name means in the vocabulary, if it is in it.
    """
    kind = type_of(name, spec, known, term)
    at = ("fields", name)
    if term and kind not in term.types:
        types = " or ".join(term.types)
        raise MisplacedError(
            f"the type {types}, or another name: {name} is a column of the common vocabulary "
            f"({term.description[:1].lower()}{term.description[1:].rstrip('.')})",
            *at,
            "type",
        )
    if spec.values is None:
        return
    fit = STORED.get(kind)
    if fit is None:
        raise MisplacedError(
            f"to be removed, because only fields of the types {', '.join(STORED)} can have them",
            *at,
            "values",
        )
    for sent, stored in spec.values.items():
        if stored is not None and type(stored) not in fit:
            raise MisplacedError(
                f"values of the type {kind}, or null",
                *at,
                "values",
                str(sent),
            )
        if term and term.one_of and stored is not None and stored not in term.one_of:
            raise MisplacedError(
                f"one of {', '.join(term.one_of)}, or null", *at, "values", str(sent)
            )


def column_of(name: str, spec: FieldSpec, known: Column | None, term: Term | None) -> Column:
    """Return the column of a field.

    Args:
        name: the name of the column.
        spec: the field.
        known: the column, if every table has it.
        term: what the name means in the vocabulary, if it is in it.
    """
    kind = type_of(name, spec, known, term)
    dlt_type: DltType = "text" if kind == "json" else kind
    values = values_of(spec.values) if spec.values else ()
    path, is_json = path_of(spec.path), kind == "json"
    if known:
        return replace(
            known,
            path=path,
            dlt_type=dlt_type,
            description=spec.description or known.description,
            is_json=is_json,
            values=values,
        )
    if term and not term.is_plain:
        description = " ".join(filter(None, (term.description, spec.description)))
    else:
        usual = term.description if term else f"The API field {spec.path}."
        description = spec.description or usual
    return Column(
        name=name,
        dlt_type=dlt_type,
        description=description,
        path=path,
        is_json=is_json,
        values=values,
    )
