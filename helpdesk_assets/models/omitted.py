"""What models omit because a help desk does not have it."""

from collections.abc import Iterator, Mapping
from typing import Any

from helpdesk_assets.models.answers import METRICS, SLA, TEAM
from helpdesk_assets.models.history import BACKLOG_DAILY, HISTORY
from helpdesk_assets.models.model import Model
from helpdesk_assets.models.sources import Sources
from helpdesk_assets.tables.schema import TABLE

# Columns of tickets, and the columns of models that are null without them.
_COLUMNS = {
    METRICS.name: ("priority", "group_id", "assignee_id", "satisfaction"),
    BACKLOG_DAILY.name: ("priority", "group_id"),
    SLA.name: ("priority", "group_id"),
    TEAM.name: ("group_id", "assignee_id", "satisfaction"),
}


def omitted(model: Model, sources: Sources, settings: Mapping[str, Any]) -> str | None:
    """Return what a model omits and why, in Markdown; None if it omits nothing.

    Args:
        model: the model.
        sources: the loaded tables.
        settings: the parameters of all models by name.
    """
    return "\n".join(f"- {said}" for said in _said(model, sources, settings)) or None


def _said(model: Model, sources: Sources, settings: Mapping[str, Any]) -> Iterator[str]:
    tickets, comments = sources.columns[TABLE], bool(sources.tables("comments"))
    lacking = [name for name in _COLUMNS.get(model.name, ()) if name not in tickets]
    if lacking:
        yield f"The tickets have no {', '.join(lacking)}: null here."
    if model.name == HISTORY.name and not settings["has_status_changes"]:
        yield "The API's status changes are not loaded: the history is what syncs saw."
    if model.name in (METRICS.name, TEAM.name, SLA.name) and not settings["knows_agents"]:
        reason = (
            "The comments do not say which are by agents" if comments else "No comments are loaded"
        )
        if model.name == METRICS.name:
            replied = "first_replied_at" in tickets
            instead = "is the ticket's first_replied_at" if replied else "is null"
            yield f"{reason}: first_reply_at {instead}, and the numbers of replies are null."
        if model.name == TEAM.name:
            yield f"{reason}: replies is null."
        if model.name == SLA.name:
            targets = "next_reply" if settings["knows_replies"] else "first_reply and next_reply"
            yield f"{reason}: there are no rows for {targets}."
    if model.name == SLA.name and not settings["sla_targets"].minutes:
        yield "No targets are set: see REPORTS__HELP_DESK__SLA_TARGETS."
