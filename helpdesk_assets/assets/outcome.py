"""The result of the loads of a table, and what is kept of that between two runs."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import dagster as dg

from helpdesk_assets.errors import UNCHANGED
from helpdesk_assets.load.deletes import Deletions
from helpdesk_assets.load.reported import Reported
from helpdesk_assets.load.source import Walk
from helpdesk_assets.paging.portions import WalkOfWalks

# The sums that are kept, by where they are counted.
OF_TABLES = ("read", "rejected")
OF_OUTCOME = ("rows_loaded", "rows_deleted", "deletes", "reported", "load_ids")
# Those of lists by parent.
OF_LISTS = ("pages", "overlap_retries", "parents_gone", "parents_refused", "unverified_list")


@dataclass
class Outcome:
    """The result of all loads of a table, including those of an interrupted run.

    Attributes:
        metadata: dlt's, of the last load.
        rows_loaded: the number of rows passed to merges.
        rows_deleted: the number of newly deleted rows.
        deletes: how they were handled; see Deletions.
        reported: the number of rows that the API reports as deleted.
        removed: the number of those that were removed from the table.
        load_ids: the loads.
        rows_stored: the number of rows in the table that these loads have written, when the last
            one ended.
        rows_others: the number of the other rows at that time.
        rows_before: the number of rows in the table that only loads of an interrupted run have
            read, when the last one ended; 0 for lists by parent, which count what they read.
        reads_all: whether the loads together read all rows.
        is_continued: whether some of the loads are those of an interrupted run.
        cleared: the number of rows whose protected columns were cleared.
        table: metadata about the table, when the last load has ended.
    """

    metadata: Mapping[str, Any] | None = None
    rows_loaded: int = 0
    rows_deleted: int = 0
    deletes: str = ""
    reported: int = 0
    removed: int = 0
    load_ids: list[str] = field(default_factory=list)
    rows_stored: int = 0
    rows_others: int = 0
    rows_before: int = 0
    reads_all: bool = False
    is_continued: bool = False
    cleared: int = 0
    table: Mapping[str, Any] = field(default_factory=dict)

    def add(self, deletions: Deletions, reported: Reported) -> None:
        """Add the deleted rows of a load; ``deletes`` keeps how rows were deleted over a reason."""
        self.reported += reported.rows
        self.removed += reported.removed
        self.rows_deleted += deletions.rows
        if deletions.how == "soft" or self.deletes not in ("soft", "hard"):
            self.deletes = deletions.how


def counts_of(walk: Walk, outcome: Outcome) -> dict[str, Any]:
    """Return what is kept between two runs, as JSON."""
    return {
        **{name: getattr(walk.tables, name) for name in OF_TABLES},
        **{name: getattr(outcome, name) for name in OF_OUTCOME},
    }


def restore(counts: Mapping[str, Any], walk: Walk, outcome: Outcome) -> None:
    """Continue with what was kept by an interrupted run."""
    for counter, names in ((walk.tables, OF_TABLES), (outcome, OF_OUTCOME)):
        for name in names:
            setattr(counter, name, counts[name])


def counts_of_lists(walk: Walk, read: WalkOfWalks, outcome: Outcome) -> dict[str, Any]:
    """Return what is kept of lists by parent; see counts_of."""
    return {
        **counts_of(walk, outcome),
        **{name: getattr(read, name) for name in OF_LISTS},
        "removed": outcome.removed,
        "rejected_rows": walk.tables.rejected_rows,
        "skipped": walk.skipped,
    }


def restore_lists(
    counts: Mapping[str, Any], walk: Walk, read: WalkOfWalks, outcome: Outcome
) -> None:
    """Continue with what was kept of lists by parent; see restore."""
    restore(counts, walk, outcome)
    for name in OF_LISTS:
        setattr(read, name, counts[name])
    outcome.removed = counts["removed"]
    walk.tables.rejected_before = counts["rejected_rows"]
    walk.skipped_before = counts["skipped"]


def interrupted(failure: dg.Failure, progress: str) -> dg.Failure:
    """Return a failure that also reports what was loaded before, and how the next run continues."""
    message = str(failure.description).replace(UNCHANGED, "").strip()
    return dg.Failure(
        f"{message} {progress}.", metadata=failure.metadata, allow_retries=failure.allow_retries
    )
