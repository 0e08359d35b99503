"""The date range in a run's config."""

from datetime import datetime

from dlt.common.time import ensure_pendulum_datetime

from helpdesk_assets.errors import setting_failure
from helpdesk_assets.load.incremental import Asked, Filter
from helpdesk_assets.profiles.model import Profile
from helpdesk_assets.profiles.resource import Resource


def date_window(profile: Profile, resource: Resource, start: str, end: str) -> Asked:
    """Return how to request the rows of a date range.

    Args:
        profile: the profile.
        resource: a resource of the profile with a date filter.
        start: ISO 8601, in UTC unless it has a time zone; inclusive.
        end: like start, but exclusive.

    Raises:
        dg.Failure: the resource has no date filter, or the date range is invalid.
    """
    described = resource.endpoint.date_filter
    if not described:
        raise setting_failure(
            f"The profile {profile.name} has no date_filter for {resource.name}, so a date range "
            "cannot be loaded: add a date_filter, or run without start and end."
        )
    beginning, ending = _instant("start", start), _instant("end", end)
    if beginning >= ending:
        raise setting_failure(
            "The end of the date range is not after its start: set start and end in the run "
            "config to an earlier and a later time, such as 2026-01-01 and 2026-02-01."
        )
    asked = Filter(
        described.start_param,
        described.end_param,
        profile.times(described),
        params=described.params,
        json=described.json_body,
    )
    return asked.window(beginning, ending)


def _instant(name: str, text: str) -> datetime:
    try:
        return ensure_pendulum_datetime(text).in_timezone("UTC")
    except (TypeError, ValueError):
        raise setting_failure(
            f"The {name} of the date range is invalid: set {name} in the run config to a date or "
            "time in ISO 8601, such as 2026-01-31."
        ) from None
