"""Profiles: a vendor's API described in a YAML file, in the format of dlt's REST API source.

Profiles add ``fields`` to that format: the mapping of API fields to the columns of a table. They
omit whatever needs code. Secrets are references such as ``dlt.secrets["api_key"]``, which dlt
resolves when a run needs them.

Format: https://dlthub.com/docs/dlt-ecosystem/verified-sources/rest_api/basic
"""

import difflib
from functools import lru_cache
from pathlib import Path

import yaml
from pydantic import ValidationError

from helpdesk_assets.errors import setting_failure
from helpdesk_assets.profiles.mistakes import message_of, repeated_key
from helpdesk_assets.profiles.model import Profile
from helpdesk_assets.shown import shown
from helpdesk_assets.tables.schema import TABLE, Table


class _Loader(yaml.SafeLoader):
    """A YAML loader that does not convert dates: profiles have none, so they stay strings."""

    # A class attribute, as in PyYAML; with a type annotation, it would not override the base's.
    yaml_implicit_resolvers = {  # noqa: RUF012
        first: [(tag, rule) for tag, rule in rules if tag != "tag:yaml.org,2002:timestamp"]
        for first, rules in yaml.SafeLoader.yaml_implicit_resolvers.items()
    }


BUILT_IN = Path(__file__).parent
DEFAULT_PROFILE = "default"


def load_profile(named: str | None = None) -> Profile:
    """Return a built-in profile by name, or a profile by the path of its file.

    Raises:
        dg.Failure: the profile does not exist or is invalid. The message gives the file, the line
            and what was expected there.
    """
    file = profile_file(named or DEFAULT_PROFILE)
    try:
        text = file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "it is not UTF-8 text"
        raise setting_failure(
            f"The profile {file} cannot be read ({reason}): set SOURCES__HELP_DESK__PROFILE to "
            f"the path of a profile, or to one of {', '.join(built_in_profiles())}."
        ) from None
    return _profile(file, text)


# A run needs its profile several times, and reading it takes as long as opening the warehouse.
@lru_cache(maxsize=32)
def _profile(file: Path, text: str) -> Profile:
    """Return the profile with the text of a file. Raises dg.Failure if it is invalid."""
    try:
        loader = _Loader(text)
        tree = loader.get_single_node()
        if twice := repeated_key(tree):
            line = twice.start_mark.line + 1
            raise setting_failure(
                f"{file}, line {line}: duplicate key {shown(twice.value)}: remove one of them."
            )
        content = None if tree is None else loader.construct_document(tree)
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        mark = getattr(error, "problem_mark", None) or getattr(error, "context_mark", None)
        line = mark.line if mark else text.count("\n", 0, getattr(error, "position", 0))
        problem = getattr(error, "problem", None) or getattr(error, "reason", None) or error
        if isinstance(error, RecursionError):
            problem = "it is nested too deeply"
        raise setting_failure(
            f"{file}, line {line + 1}: invalid YAML ({shown(problem)}): correct that line."
        ) from None
    try:
        known = {"name": file.stem, "is_built_in": file.parent == BUILT_IN}
        return Profile.model_validate(content).model_copy(update=known)
    except ValidationError as error:
        raise setting_failure(message_of(error, file, tree)) from None


def listed_tables(named: str | None = None) -> list[tuple[Table, str | None]]:
    """Return the tables of a profile, tickets first, each with the name of its parent.

    The Dagster definitions are built from them. Without a name, it returns the tickets alone and
    reads no file.

    Raises:
        dg.Failure: see ``load_profile``.
    """
    if not named:
        return [(Table(), None)]
    profile = load_profile(named)
    others = [resource for resource in profile.resources if resource.name != TABLE]
    return [
        (profile.table(Table(resource.name)), resource.parent)
        for resource in [profile.tickets, *others]
    ]


def profile_file(named: str) -> Path:
    """Return the file of a profile. Raises dg.Failure if no built-in profile has that name."""
    if "/" in named or named.endswith((".yaml", ".yml")):
        return Path(named)
    known = built_in_profiles()
    if named not in known:
        close = difflib.get_close_matches(named, known, n=1)
        raise setting_failure(
            f"Unknown profile {named!r}"
            f"{f'; did you mean {close[0]}' if close else ''}: set SOURCES__HELP_DESK__PROFILE to "
            f"one of {', '.join(known)}, or to the path of a file such as ./desk.yaml."
        )
    return BUILT_IN / f"{named}.yaml"


def built_in_profiles() -> list[str]:
    """Return the names of the built-in profiles, in alphabetical order."""
    return sorted(file.stem for file in BUILT_IN.glob("*.yaml"))
