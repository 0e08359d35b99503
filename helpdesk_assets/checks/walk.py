"""Checks of the last sync: completeness, deleted rows and rejected rows."""

import dagster as dg

from helpdesk_assets.checks.stored import StoredTable
from helpdesk_assets.checks.table import counted
from helpdesk_assets.load.entries import (
    LOAD_ID,
    OVERLAP_RETRIES,
    RELOAD_NEEDED,
    ROWS_OF_OTHERS,
    ROWS_STORED,
    ROWS_WALKED,
    UNVERIFIED,
)

OF_THE_WALK = (
    "completeness_verified",
    UNVERIFIED,
    "pages",
    OVERLAP_RETRIES,
    "requests",
    "retries",
    "rows_read",
    "api_total",
)


def is_complete(table: StoredTable) -> dg.AssetCheckResult:
    """Every row that the sync read is in the table.

    Compares the table with the number of distinct rows that the sync of the same run, or else the
    last one, read and could load. A sync that detects missing rows fails its run. If
    `completeness_verified` is false, `unverified_because` gives the reason why missing rows cannot
    be detected.
    """
    if LOAD_ID not in table.walk:
        return dg.AssetCheckResult(
            passed=False,
            description=(
                f"This Dagster instance has no record of a load: materialize {table.table.name}."
            ),
        )
    name, in_table = table.table.name, table.counts["of_walk"]
    if ROWS_WALKED not in table.walk:
        return dg.AssetCheckResult(
            passed=False,
            description=(
                "The last load was made by an earlier version that did not record the number of "
                f"rows read: materialize {name} again."
            ),
        )
    walked, unverified = table.walk[ROWS_WALKED], table.walk.get(UNVERIFIED)
    is_stored = in_table >= walked or _is_loaded_again(table)
    description = table.walk.get(RELOAD_NEEDED)
    if not is_stored:
        description = (
            f"The last sync read {walked} rows, but only {in_table} of them are in the table: "
            f"something else has changed the table since. Materialize {name} again."
        )
    elif unverified:
        description = (
            "All rows that were read are in the table. Completeness could not be verified: "
            f"{unverified}."
        )
    return dg.AssetCheckResult(
        # There may be more: a row that was rejected once but loaded at another time in the sync.
        passed=is_stored,
        description=description,
        metadata={
            ROWS_WALKED: walked,
            "rows_of_walk_in_table": in_table,
            **{name: table.walk[name] for name in OF_THE_WALK if name in table.walk},
        },
    )


def _is_loaded_again(table: StoredTable) -> bool:
    """Return whether all rows were in the table, and other loads have replaced some of them since.

    Such as another date range, loaded at the same time by a run whose own checks follow.
    """
    walked, in_table = table.walk[ROWS_WALKED], table.counts["of_walk"]
    stored, others = table.walk.get(ROWS_STORED, 0), table.walk.get(ROWS_OF_OTHERS, 0)
    replaced = table.rows - in_table - others
    return stored >= walked and (table.is_superseded() or in_table + replaced >= walked)


def no_mass_deletion(table: StoredTable) -> dg.AssetCheckResult:
    """The last run found no more deleted rows than the configured share.

    A larger share means that the help desk was cleaned up, or that the API key has lost access.
    """
    deleted = table.walk.get("rows_deleted", 0)
    living = table.counts.get("living", 0)
    share = deleted / max(1, living + deleted)
    return dg.AssetCheckResult(
        passed=share <= table.deleted_share,
        severity=dg.AssetCheckSeverity.WARN,
        description=(
            f"{deleted} rows ({share:.0%} of all) disappeared from the help desk at once: check "
            "there whether the API key can still read all rows. They are marked with deleted_at, "
            "which is removed if they reappear."
            if share > table.deleted_share
            else None
        ),
        metadata={"rows_deleted": deleted, "share_deleted": share},
    )


def no_rejected_rows(table: StoredTable) -> dg.AssetCheckResult:
    """Every row of the last run could be loaded.

    Rejected rows are stored in a separate table with the suffix `_rejected`.
    """
    # With those of an interrupted load that it has continued.
    rejected = table.walk.get("rows_rejected", 0)
    return dg.AssetCheckResult(
        passed=rejected == 0,
        severity=dg.AssetCheckSeverity.WARN,
        description=(
            f"{counted(rejected, 'row')} could not be loaded: see the reasons in "
            f"{table.table.dataset}.{table.table.rejected}."
            if rejected
            else None
        ),
        metadata={"rejected": rejected},
    )
