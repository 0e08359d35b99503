"""Copies of built-in profiles with some of their tables, as users create them."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import yaml

from helpdesk_assets.profiles import profile_file


def copy_of(
    profile: str, folder: Path, *tables: str, change: Callable[[Any], None] | None = None
) -> Path:
    """Write a copy of a profile that has some of its tables.

    Args:
        profile: the name of the built-in profile.
        folder: where the copy is written, under the same name.
        tables: the names of the tables to keep.
        change: changes each of these resources.
    """
    content = yaml.safe_load(profile_file(profile).read_text())
    content["resources"] = [each for each in content["resources"] if each["name"] in tables]
    for resource in content["resources"]:
        if change:
            change(resource)
    copy = folder / f"{profile}.yaml"
    copy.write_text(yaml.safe_dump(content))
    return copy
