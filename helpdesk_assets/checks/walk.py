"""Whether the last walk through a list of the help desk is in its table, whole."""

import dagster as dg

from helpdesk_assets.assets.metadata import LOAD_ID, RELOAD_NEEDED, ROWS_WALKED, UNVERIFIED
from helpdesk_assets.checks.stored import StoredTable

OF_THE_WALK = (
    "completeness_verified",
    UNVERIFIED,
    "pages",
    "steps_back",
    "requests",
    "retries",
    "rows_read",
    "api_total",
)


def is_complete(table: StoredTable) -> dg.AssetCheckResult:
    """Every row that the last walk read is in the table; and the walk left none out.

    The table is compared with what the walk itself counted: different rows, less those that could
    not be loaded. A walk that finds that it left some out fails its run. Where
    `completeness_verified` is false, `unverified_because` says why nobody can see that.
    """
    if LOAD_ID not in table.walk:
        return dg.AssetCheckResult(
            passed=False,
            description=f"This Dagster instance knows of no load: materialize {table.table.name}.",
        )
    name, in_table = table.table.name, table.counts["of_walk"]
    if ROWS_WALKED not in table.walk:
        return dg.AssetCheckResult(
            passed=False,
            description=(
                "The last load was made by an earlier version, which did not count what it read: "
                f"materialize {name} again."
            ),
        )
    walked, unverified = table.walk[ROWS_WALKED], table.walk.get(UNVERIFIED)
    description = table.walk.get(RELOAD_NEEDED)
    if in_table < walked:
        description = (
            f"The last walk read {walked} rows, and {in_table} of them are in the table: "
            f"something else has changed it since; materialize {name} again."
        )
    elif unverified:
        description = f"All rows that were read are in the table. Not verified: {unverified}."
    return dg.AssetCheckResult(
        # More than those: a row that was rejected, and loaded as it was a moment before or after.
        passed=in_table >= walked,
        description=description,
        metadata={
            ROWS_WALKED: walked,
            "rows_of_walk_in_table": in_table,
            **{name: table.walk[name] for name in OF_THE_WALK if name in table.walk},
        },
    )


def no_mass_deletion(table: StoredTable) -> dg.AssetCheckResult:
    """No more than a small share of the rows disappeared from the desk with the last run.

    So it looks when a desk is cleaned up, and also when a key may no longer see all of it.
    """
    deleted = table.walk.get("rows_deleted", 0)
    living = table.counts.get("living", 0)
    share = deleted / max(1, living + deleted)
    return dg.AssetCheckResult(
        passed=share <= table.deleted_share,
        severity=dg.AssetCheckSeverity.WARN,
        description=(
            f"{deleted} rows, {share:.0%} of all, are gone from the help desk at once: see "
            "there whether the key may still read all of them. They have deleted_at, and lose it "
            "when they come back."
            if share > table.deleted_share
            else None
        ),
        metadata={"rows_deleted": deleted, "share_deleted": share},
    )


def no_rejected_rows(table: StoredTable) -> dg.AssetCheckResult:
    """Every row of the last run could be read.

    Those that could not are in a table of their own, called as this one with `_rejected` after it.
    """
    rejected, name = 0, table.table.rejected
    if table.has_table(table.table.dataset, name):
        (rejected,) = table.one(
            f"select count(*) from {table.table.dataset}.{name} where run_id = ?", [table.run_id]
        )
    return dg.AssetCheckResult(
        passed=rejected == 0,
        severity=dg.AssetCheckSeverity.WARN,
        description=(
            f"{rejected} rows could not be read; {table.table.dataset}.{name} says why."
            if rejected
            else None
        ),
        metadata={"rejected": rejected},
    )
