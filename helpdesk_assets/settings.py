"""How settings are looked up, by dlt's own providers, and what is said of one that is wrong.

A desk's settings are in sections that are called after it: ``[sources.help_desk]`` in the files is
``SOURCES__HELP_DESK__`` in the environment. This project's texts name those of the default desk;
``called_after`` says them for another.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import wraps
from typing import Any, Concatenate, ParamSpec, Protocol, TypeVar

import dagster as dg
import dlt
from dlt.common.configuration.exceptions import ConfigValueCannotBeCoercedException
from dlt.common.configuration.providers import EnvironProvider

from helpdesk_assets.errors import setting_failure

DEFAULT_DESK = "help_desk"
P = ParamSpec("P")
R = TypeVar("R")

KINDS = {bool: "true or false", float: "a number", int: "a whole number"}


@dataclass(frozen=True)
class Section:
    """The settings of one kind that a desk has.

    Attributes:
        kind: what they are settings of: ``sources``, ``reports`` or ``alerts``.
        desk: the name of the desk.
    """

    kind: str
    desk: str = DEFAULT_DESK

    def key(self, name: str) -> str:
        """Return the whole name that dlt has for a setting, such as sources.help_desk.profile."""
        return f"{self.kind}.{self.desk}.{name}"

    def variable(self, name: str) -> str:
        """Return the name that a setting has in the environment."""
        return self.key(name).upper().replace(".", "__")

    def config(self, name: str, kind: Any = None) -> Any:
        """Return a setting, as the type it is to have; None when it is not set.

        Blanks and newlines at its ends, such as files of secrets have, are not part of it.
        """
        value = dlt.config.get(self.key(name), kind)
        return value.strip() if isinstance(value, str) else value

    def secret(self, name: str) -> Any:
        """Return a secret; None when it is not set."""
        return dlt.secrets.get(self.key(name))


def secret_of_desk(desk: str, name: str) -> str:
    """Return a secret of a desk's API, or an empty text.

    It is looked for as dlt's sections fall back: in the desk's own, in ``sources``, and alone.
    """
    for key in (Section("sources", desk).key(name), f"sources.{name}", name):
        secret = str(dlt.secrets.get(key) or "").strip()
        if secret:
            return secret
    return ""


def described(kind: str, name: str, *, default: str = "", file: str = "config") -> str:
    """Return what the description of a resource's field ends with: where else it is looked for.

    The names are those of the default desk.

    Args:
        kind: of its section.
        name: of the setting.
        default: what it is when it is set nowhere.
        file: which of dlt's files it belongs into: config or secrets.
    """
    section, _, key = Section(kind).key(name).rpartition(".")
    return (
        f"{f'Default: {default}. ' if default else ''}Environment: {Section(kind).variable(name)}. "
        f"File: {key} under [{section}] in .dlt/{file}.toml."
    )


def called_after(desk: str, text: str) -> str:
    """Return a text in which the default desk's settings are named as those of a desk."""
    for kind in ("sources", "reports", "alerts"):
        text = text.replace(Section(kind).variable(""), Section(kind, desk).variable(""))
        text = text.replace(f"[{kind}.{DEFAULT_DESK}", f"[{kind}.{desk}")
    return text


def failure_for(desk: str, failure: dg.Failure) -> dg.Failure:
    """Return a failure that names the settings of a desk where one named the default desk's."""
    return dg.Failure(
        called_after(desk, str(failure.description)),
        metadata=failure.metadata,
        allow_retries=failure.allow_retries,
    )


def from_environment(name: str, default: str = "") -> str:
    """Return a setting that Dagster needs when it loads the definitions, by its whole name.

    It is looked for in the environment alone, for no file is read at import.
    """
    *sections, key = name.split(".")
    value, _ = EnvironProvider().get_value(key, str, "", *sections)
    return str(value or default).strip()


@contextmanager
def settings_explained() -> Iterator[None]:
    """Turn a value of the wrong type into a dg.Failure that names its setting; also a decorator."""
    try:
        yield
    except ConfigValueCannotBeCoercedException as error:
        # dlt says a whole key, or one of its own settings by its last part.
        key = error.field_name if "." in error.field_name else f"runtime.{error.field_name}"
        name = key.upper().replace(".", "__")
        kind = KINDS.get(error.hint, "of the right type")
        raise setting_failure(
            f"The setting {key} is not {kind}: set {name} to one that is."
        ) from None


class OfDesk(Protocol):
    """Something that has settings of a desk."""

    desk: str


S = TypeVar("S", bound=OfDesk)


def explained(method: Callable[Concatenate[S, P], R]) -> Callable[Concatenate[S, P], R]:
    """Let a method's failures name the settings of the desk that it is called for."""

    @wraps(method)
    def wrapped(self: S, /, *args: P.args, **kwargs: P.kwargs) -> R:
        try:
            with settings_explained():
                return method(self, *args, **kwargs)
        except dg.Failure as failure:
            raise failure_for(self.desk, failure) from None

    return wrapped
