"""The date range in a run's config, and the parts of a full sync."""

from datetime import datetime

from dlt.common.time import ensure_pendulum_datetime

from helpdesk_assets.errors import setting_failure
from helpdesk_assets.load.incremental import OLDEST, Asked, Filter
from helpdesk_assets.profiles.filters import DateFilter
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
    return _filter(profile, described).window(beginning, ending)


def part_window(
    profile: Profile, resource: Resource, start: datetime | None, end: datetime | None
) -> Asked:
    """Return how to request a part of a full sync: the rows of a date range.

    Args:
        profile: the profile.
        resource: a resource of the profile with a date filter.
        start: inclusive; None: from any time on.
        end: exclusive; None: there is none.

    Raises:
        dg.Failure: the list cannot be read in parts.
    """
    return _filter(profile, _parts_filter(profile, resource)).window(start, end)


def undated_window(profile: Profile, resource: Resource) -> Asked | None:
    """Return how to request the rows without a date; None if the profile does not say how.

    Raises:
        dg.Failure: the list cannot be read in parts.
    """
    undated = _parts_filter(profile, resource).undated
    if not undated:
        return None
    return Asked(OLDEST, params=undated.params, json=undated.json_body, is_window=True)


def _parts_filter(profile: Profile, resource: Resource) -> DateFilter:
    described, endpoint = resource.endpoint.date_filter, resource.endpoint
    reason = None
    if not described:
        reason = "has no date_filter"
    elif not described.has_end:
        reason = "has no end in its date_filter"
    elif endpoint.passes or endpoint.inner_paths:
        reason = "reads several lists"
    elif endpoint.resumes or resource.parent:
        reason = "reads a list that cannot be filtered by date"
    if reason or not described:
        raise setting_failure(
            f"The profile {profile.name} {reason} for {resource.name}, so a full sync cannot be "
            "split into parts: run the sync job, which reads the whole list at once."
        )
    return described


def _filter(profile: Profile, described: DateFilter) -> Filter:
    return Filter(
        described.start_param,
        described.end_param,
        profile.times(described),
        params=described.params,
        json=described.json_body,
    )


def _instant(name: str, text: str) -> datetime:
    try:
        return ensure_pendulum_datetime(text).in_timezone("UTC")
    except (TypeError, ValueError):
        raise setting_failure(
            f"The {name} of the date range is invalid: set {name} in the run config to a date or "
            "time in ISO 8601, such as 2026-01-31."
        ) from None
