"""All built-in models, each after those that it reads."""

from helpdesk_assets.models.answers import METRICS, SLA, TEAM
from helpdesk_assets.models.history import BACKLOG_DAILY, HISTORY
from helpdesk_assets.models.model import Model
from helpdesk_assets.models.tickets import BACKLOG, CHANGES, VOLUME

MODELS: tuple[Model, ...] = (
    VOLUME,
    BACKLOG,
    CHANGES,
    HISTORY,
    METRICS,
    BACKLOG_DAILY,
    SLA,
    TEAM,
)
