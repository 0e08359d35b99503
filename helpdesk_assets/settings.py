"""How settings are looked up, by dlt's own providers, and what is said of one that is wrong."""

from collections.abc import Iterator
from contextlib import contextmanager

from dlt.common.configuration.exceptions import ConfigValueCannotBeCoercedException

from helpdesk_assets.errors import setting_failure

KINDS = {bool: "true or false", float: "a number", int: "a whole number"}


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
