"""Stores a part of a full sync with its load, or says why it cannot be verified."""

from helpdesk_assets.annotations import DuckDBPyConnection
from helpdesk_assets.errors import setting_failure
from helpdesk_assets.load.source import Walk
from helpdesk_assets.warehouse.parts import LoadedPart, Part, keep_part
from helpdesk_assets.warehouse.watermark import TakenOf


def keep_read_part(
    database: DuckDBPyConnection,
    walk: Walk,
    part: Part,
    of: TakenOf,
    *,
    load_id: str,
    removed: int,
    run_id: str,
) -> None:
    """Store a part, if it is verified complete.

    Args:
        database: with the destination with the committed load, in a transaction.
        walk: the completed read of the part.
        part: the part.
        of: the list that it belongs to.
        load_id: its load.
        removed: the number of its rows that were removed again, because the API reports them as
            deleted.
        run_id: its run.

    Raises:
        dg.Failure: fewer rows are in the table than were read.
    """
    began = walk.reader.session.began
    if began is None or _why_unverified(walk):
        return
    rejected_without_key = walk.tables.rejected_rows - len(walk.tables.rejected_keys)
    loaded = LoadedPart(
        part,
        of,
        began.isoformat(),
        rows=walk.reader.walk.rows_walked,
        without_key=rejected_without_key + walk.skipped + removed,
        rejected_without_key=rejected_without_key,
        load_id=load_id,
        run_id=run_id,
    )
    stored = keep_part(database, walk.table, loaded, walk.tables.rejected_keys)
    expected = walk.rows_walked - walk.tables.rejected_rows - removed
    if stored < expected:
        raise setting_failure(
            f"The part {part.name} has {expected:,} rows that can be loaded, but only {stored:,} "
            "of them are in the table: load it again."
        )


def refuse_unverified(walk: Walk, part: Part) -> None:
    """Raise dg.Failure if a part that was read cannot be used to verify a full sync."""
    reason = _why_unverified(walk)
    if reason:
        raise setting_failure(
            f"The tickets of the part {part.name} were loaded, but a full sync in parts cannot be "
            f"verified: {reason}. Run the sync job, which reads the whole list at once."
        )


def _why_unverified(walk: Walk) -> str | None:
    read = walk.reader.walk
    if read.unverified:
        return read.unverified
    if read.total is None:
        return "the API reports no total number of tickets to compare the parts with"
    return None
