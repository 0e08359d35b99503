"""Looks up settings with dlt's providers, and explains invalid values.

The settings of a desk are in sections named after it: ``[sources.help_desk]`` in files,
``SOURCES__HELP_DESK__`` in the environment. Messages name the settings of the default desk;
``for_desk`` rewrites them for another desk.
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
    """The section of a desk's settings of one kind.

    Attributes:
        kind: ``sources``, ``reports`` or ``alerts``.
        desk: the name of the desk.
    """

    kind: str
    desk: str = DEFAULT_DESK

    def key(self, name: str) -> str:
        """Return the full name of a setting in dlt, such as sources.help_desk.profile."""
        return f"{self.kind}.{self.desk}.{name}"

    def variable(self, name: str) -> str:
        """Return the environment variable of a setting."""
        return self.key(name).upper().replace(".", "__")

    def config(self, name: str, kind: Any = None) -> Any:
        """Return a setting, converted to a type; None if it is not set.

        Leading and trailing white space, common in files with secrets, is removed.
        """
        value = dlt.config.get(self.key(name), kind)
        return value.strip() if isinstance(value, str) else value

    def secret(self, name: str) -> Any:
        """Return a secret; None if it is not set."""
        return dlt.secrets.get(self.key(name))


def secret_of_desk(desk: str, name: str) -> str:
    """Return a secret of a desk's API, or an empty string.

    The lookup follows dlt's sections: the desk's own section, then ``sources``, then no section.
    """
    for key in (Section("sources", desk).key(name), f"sources.{name}", name):
        secret = str(dlt.secrets.get(key) or "").strip()
        if secret:
            return secret
    return ""


def described(kind: str, name: str, *, default: str = "", file: str = "config") -> str:
    """Return the end of a field description: the default, the environment variable and the file.

    The names are those of the default desk.

    Args:
        kind: the kind of the section.
        name: the name of the setting.
        default: the value if it is not set.
        file: the dlt file it belongs to: config or secrets.
    """
    section, _, key = Section(kind).key(name).rpartition(".")
    return (
        f"{f'Default: {default}. ' if default else ''}Environment: {Section(kind).variable(name)}. "
        f"File: {key} under [{section}] in .dlt/{file}.toml."
    )


def for_desk(desk: str, text: str) -> str:
    """Return a text with the default desk's settings replaced by those of another desk."""
    for kind in ("sources", "reports", "alerts"):
        text = text.replace(Section(kind).variable(""), Section(kind, desk).variable(""))
        text = text.replace(f"[{kind}.{DEFAULT_DESK}", f"[{kind}.{desk}")
    return text


def failure_for(desk: str, failure: dg.Failure) -> dg.Failure:
    """Return a failure that names the settings of a desk instead of the default desk's."""
    return dg.Failure(
        for_desk(desk, str(failure.description)),
        metadata=failure.metadata,
        allow_retries=failure.allow_retries,
    )


def from_environment(name: str, default: str = "") -> str:
    """Return a setting that is needed when definitions are loaded, by its full name.

    It is looked up in the environment only, because no file is read at import.
    """
    *sections, key = name.split(".")
    value, _ = EnvironProvider().get_value(key, str, "", *sections)
    return str(value or default).strip()


@contextmanager
def settings_explained() -> Iterator[None]:
    """Convert an error about a wrong type to a dg.Failure that names the setting.

    Also works as a decorator.
    """
    try:
        yield
    except ConfigValueCannotBeCoercedException as error:
        # dlt reports a full key, or only the last part for its own settings.
        key = error.field_name if "." in error.field_name else f"runtime.{error.field_name}"
        name = key.upper().replace(".", "__")
        kind = KINDS.get(error.hint, "of the right type")
        raise setting_failure(
            f"The setting {key} is not {kind}: set {name} to a valid value."
        ) from None


class OfDesk(Protocol):
    """An object with the settings of a desk."""

    desk: str


S = TypeVar("S", bound=OfDesk)


def explained(method: Callable[Concatenate[S, P], R]) -> Callable[Concatenate[S, P], R]:
    """Decorate a method so that its failures name the settings of its desk."""

    @wraps(method)
    def wrapped(self: S, /, *args: P.args, **kwargs: P.kwargs) -> R:
        try:
            with settings_explained():
                return method(self, *args, **kwargs)
        except dg.Failure as failure:
            raise failure_for(self.desk, failure) from None

    return wrapped
