"""The resource keys of a desk, for its assets, checks, ops and sensors."""

import inspect
from collections.abc import Callable
from typing import Any

from helpdesk_assets.desk import RESOURCE_ROLES, HelpDesk
from helpdesk_assets.settings import DEFAULT_DESK

_OF_DEFAULT_DESK = {f"{DEFAULT_DESK}_{role}": role for role in RESOURCE_ROLES}


def with_resources_of(desk: HelpDesk) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Return a decorator that passes a desk's resources to a function.

    Dagster finds a resource by parameter name. The function uses the names of the default desk
    (``help_desk_api``); Dagster sees those of the given desk (``eu_api``), so that the desks of a
    code location do not share resources.
    """

    def decorate(function: Callable[..., Any]) -> Callable[..., Any]:
        signature = inspect.signature(function)
        keys = {
            name: desk.resource_key(_OF_DEFAULT_DESK[name]) if name in _OF_DEFAULT_DESK else name
            for name in signature.parameters
        }

        def renamed(*args: Any, **kwargs: Any) -> Any:
            given = {name: kwargs[key] for name, key in keys.items() if key in kwargs}
            return function(*args, **given)

        # Without the return annotation: Dagster treats that of a generator function differently
        # from that of a function that returns a generator.
        vars(renamed)["__signature__"] = inspect.Signature(
            [parameter.replace(name=keys[name]) for name, parameter in signature.parameters.items()]
        )
        renamed.__name__, renamed.__doc__ = function.__name__, function.__doc__
        renamed.__annotations__ = {
            keys[name]: kind for name, kind in function.__annotations__.items() if name in keys
        }
        return renamed

    return decorate
