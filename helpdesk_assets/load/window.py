"""The tickets of a time, as a run's configuration asks for them."""

from datetime import datetime

from dlt.common.time import ensure_pendulum_datetime

from helpdesk_assets.errors import setting_failure
from helpdesk_assets.load.incremental import Asked, Filter
from helpdesk_assets.profiles.model import Profile, Resource


def date_window(profile: Profile, resource: Resource, start: str, end: str) -> Asked:
    """Return how to ask for the rows of a time.

    Args:
        profile: of the API.
        resource: of it; has a date filter.
        start: ISO 8601, in UTC where it does not say; this moment and later.
        end: like start; before this moment.

    Raises:
        dg.Failure: the profile has no such filter, or the time has no beginning or no end.
    """
    described = resource.endpoint.date_filter
    if not described:
        raise setting_failure(
            f"The profile {profile.name} has no date_filter for {resource.name}, so that its API "
            "cannot be asked for those of a time: add one to it, or run without start and end."
        )
    beginning, ending = _instant("start", start), _instant("end", end)
    if beginning >= ending:
        raise setting_failure(
            "The time to load ends before it begins: set start and end in the run's "
            "configuration to an earlier and a later one, such as 2026-01-01 and 2026-02-01."
        )
    asked = Filter(described.start_param, described.end_param, profile.times(described))
    return asked.window(beginning, ending)


def _instant(name: str, text: str) -> datetime:
    try:
        return ensure_pendulum_datetime(text).in_timezone("UTC")
    except (TypeError, ValueError):
        raise setting_failure(
            f"The {name} of the time to load cannot be read: set {name} in the run's "
            "configuration to a date or a time in ISO 8601, such as 2026-01-31."
        ) from None
