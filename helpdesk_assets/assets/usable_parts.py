"""Which loaded parts a full sync can use, and the error message if some are missing."""

from collections.abc import Sequence
from datetime import datetime

from helpdesk_assets.errors import setting_failure
from helpdesk_assets.warehouse.parts import LoadedPart, Part, gaps
from helpdesk_assets.warehouse.watermark import TakenOf

UNSETTLED = "No ticket was marked as deleted, and the loaded parts are kept."


def usable_parts(
    parts: Sequence[LoadedPart], expected: Sequence[Part], *, of: TakenOf, oldest: datetime
) -> list[LoadedPart]:
    """Return the loaded parts that can be used.

    Args:
        parts: the loaded parts.
        expected: the parts that are to be there; others may cover the same time.
        of: the list that they must have been loaded from.
        oldest: when they must have been loaded at the earliest.

    Raises:
        dg.Failure: parts of the list are missing, or cannot be used.
    """
    unusable = {
        each.part.name: reason for each in parts if (reason := _why_unusable(each, of, oldest))
    }
    used = [each for each in parts if each.part.name not in unusable]
    without = gaps(each.part for each in used)
    has_undated = any(each.part.is_undated for each in used)
    missing = [
        part.name
        for part in expected
        if (part.is_undated and not has_undated)
        or (not part.is_undated and any(part.overlaps(*gap) for gap in without))
    ]
    if missing:
        named = [f"{name} ({unusable.get(name, 'not loaded')})" for name in missing[:12]]
        more = f" and {len(missing) - 12} more" if len(missing) > 12 else ""
        raise setting_failure(
            f"{len(missing)} of {len(expected)} parts of the full sync are missing: "
            f"{', '.join(named)}{more}. Load these partitions, and run this job again. "
            f"{UNSETTLED}"
        )
    return used


def _why_unusable(loaded: LoadedPart, of: TakenOf, oldest: datetime) -> str | None:
    if loaded.of.address != of.address:
        return "loaded from another base URL"
    if loaded.of.profile != of.profile:
        return "loaded with another profile"
    began = datetime.fromisoformat(loaded.began)
    return f"loaded too long ago, at {began:%Y-%m-%d %H:%M} UTC" if began < oldest else None
