"""The settings that Dagster needs when it loads the definitions: the environment's alone.

They have dlt's names. dlt's files are not looked at, for no file is read at import.
"""

from dlt.common.configuration.providers import EnvironProvider


def from_environment(name: str, default: str = "") -> str:
    """Return a setting by its name, such as schedules.help_desk_sync.cron."""
    *sections, key = name.split(".")
    value, _ = EnvironProvider().get_value(key, str, "", *sections)
    return str(value or default)
