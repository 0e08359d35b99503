"""The way to the help desk: what a run needs to read it, made of its settings."""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from urllib.parse import urlsplit, urlunsplit

import dagster as dg
from dlt.common.configuration.resolve import resolve_configuration
from dlt.sources.helpers.rest_client.auth import AuthConfigBase

from helpdesk_assets.client.failures import Desk, http_failure, unexpected_failure
from helpdesk_assets.client.reader import CompleteReader
from helpdesk_assets.client.redaction import Redaction
from helpdesk_assets.client.session import HelpDeskSession, RetryPolicy
from helpdesk_assets.profiles.model import Profile
from helpdesk_assets.profiles.paging import new_walk, page_format
from helpdesk_assets.resources.authentication import authentication
from helpdesk_assets.resources.settings import settings_explained
from helpdesk_assets.source import IncrementalSync, Walk
from helpdesk_assets.tickets import Tickets


@dataclass(frozen=True)
class Settings:
    """What a run is configured with, looked up and found to be good; see HelpDeskApi."""

    profile: Profile
    base_url: str
    secrets: Mapping[str, str] = field(repr=False)
    incremental: IncrementalSync | None
    pages_in_flight: int
    requests_per_second: float | None
    rejected_share: float


@dataclass(frozen=True)
class Connection:
    """What it takes to read a desk: what it is like, where it is, and how to get in and through."""

    profile: Profile
    base_url: str
    auth: AuthConfigBase
    walk: Walk


@contextmanager
def connected(settings: Settings, run_id: str = "") -> Iterator[Connection]:
    """Make what it takes to read the desk.

    Whatever is raised or logged inside leaves without the secrets in it: as a dg.Failure, with a
    sentence for what APIs do to people.

    Args:
        settings: of the run.
        run_id: what rejected rows are marked with.
    """
    resource = settings.profile.tickets
    incremental = settings.incremental
    changes = incremental is not None and not incremental.is_window
    redaction = Redaction(*settings.secrets.values())
    session = HelpDeskSession(
        redaction,
        _retry_policy(),
        in_flight=settings.pages_in_flight,
        per_second=settings.requests_per_second,
        page_format=page_format(resource.endpoint),
    )
    auth = authentication(
        settings.profile.client.auth,
        secret=settings.secrets.__getitem__,
        redaction=redaction,
        session=session.token_session,
    )
    walk = Walk(
        CompleteReader(session, new_walk(resource, brief=changes), authorize=auth),
        Tickets(
            run_id=run_id,
            rejected_share=settings.rejected_share,
            cursor=incremental.cursor_path if incremental else None,
            columns=resource.columns(),
            exclude=resource.exclude,
        ),
        incremental,
        settings.profile.name,
    )
    desk = Desk(
        endpoint_url(settings.base_url, resource.endpoint.path),
        resource.endpoint.path,
        set_secrets(settings.secrets),
    )
    try:
        with redaction.of_logs(), walk.reader.open():
            yield Connection(settings.profile, settings.base_url, auth, walk)
    except dg.Failure:
        raise
    except Exception as error:
        # From None: the text of the error itself may hold a secret.
        raise (
            http_failure(error, desk=desk, requests=session.requests)
            or unexpected_failure(error, redaction)
        ) from None


@settings_explained()
def _retry_policy() -> RetryPolicy:
    return resolve_configuration(RetryPolicy())


def set_secrets(names: Iterable[str]) -> str:
    """Say where secrets are set, by their names."""
    variables = " and ".join(name.replace(".", "__").upper() for name in names)
    return f"{variables}, or {' and '.join(names)} in .dlt/secrets.toml"


def endpoint_url(base_url: str, path: str) -> str:
    """Return the URL that tickets are asked for, without a password or query it may hold."""
    parts = urlsplit(base_url)
    host = parts.netloc.rpartition("@")[2]
    whole = f"{parts.path.rstrip('/')}/{path.lstrip('/')}"
    return urlunsplit((parts.scheme, host, whole, "", ""))
