"""The keys of a desk's resources, by which its assets, checks, ops and sensors get them."""

import inspect
from collections.abc import Callable
from typing import Any

from helpdesk_assets.desk import RESOURCE_ROLES, HelpDesk
from helpdesk_assets.settings import DEFAULT_DESK

_OF_DEFAULT_DESK = {f"{DEFAULT_DESK}_{role}": role for role in RESOURCE_ROLES}


def with_resources_of(desk: HelpDesk) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Return a decorator that lets a function take a desk's resources.

    Dagster finds a resource by the name of a parameter. The function names those of the default
    desk (``help_desk_api``); to Dagster they are called after the desk (``eu_api``), so that the
    desks of a code location do not share them.
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

        # Without what is returned: Dagster reads an annotation of a generator otherwise than of a
        # function that returns one.
        vars(renamed)["__signature__"] = inspect.Signature(
            [parameter.replace(name=keys[name]) for name, parameter in signature.parameters.items()]
        )
        renamed.__name__, renamed.__doc__ = function.__name__, function.__doc__
        renamed.__annotations__ = {
            keys[name]: kind for name, kind in function.__annotations__.items() if name in keys
        }
        return renamed

    return decorate
