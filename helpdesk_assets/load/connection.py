"""The way to the help desk: what a run needs to read it, made of its settings."""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from urllib.parse import quote, urlsplit, urlunsplit

import dagster as dg
from dlt.common.configuration.resolve import resolve_configuration
from dlt.sources.helpers.rest_client.auth import AuthConfigBase
from requests import PreparedRequest, Request, Response

from helpdesk_assets.load.incremental import IncrementalSync
from helpdesk_assets.load.source import Walk, spelled_params
from helpdesk_assets.paging.described import new_walk, page_format
from helpdesk_assets.paging.parents import ParentsReader
from helpdesk_assets.paging.reader import CompleteReader
from helpdesk_assets.profiles.model import PARENT, Profile, Resource
from helpdesk_assets.settings import DEFAULT_DESK, Section, failure_for, settings_explained
from helpdesk_assets.tables.arrow import Tables
from helpdesk_assets.tables.schema import Table
from helpdesk_assets.transport.authentication import authentication
from helpdesk_assets.transport.failures import Desk, http_failure, unexpected_failure
from helpdesk_assets.transport.redaction import Redaction
from helpdesk_assets.transport.session import HelpDeskSession, RetryPolicy


@dataclass(frozen=True)
class Settings:
    """What a run is configured with, looked up and found to be good; see HelpDeskApi.

    Attributes:
        resource: the one that is to be read.
        table: what it is loaded into.
    """

    profile: Profile
    resource: Resource
    table: Table
    base_url: str
    secrets: Mapping[str, str] = field(repr=False)
    incremental: IncrementalSync | None
    pages_in_flight: int
    requests_per_second: float | None
    rejected_share: float
    deleted_share: float


@dataclass(frozen=True)
class Connection:
    """What it takes to read a list: what it is like, where it is, and how to get in and through."""

    profile: Profile
    resource: Resource
    base_url: str
    auth: AuthConfigBase
    walk: Walk


@contextmanager
def connected(settings: Settings, run_id: str = "") -> Iterator[Connection]:
    """Make what it takes to read the desk.

    Whatever is raised or logged inside leaves without the secrets in it: as a dg.Failure, with a
    user-facing error message.

    Args:
        settings: of the run.
        run_id: what rejected rows are marked with.
    """
    resource = settings.resource
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
    walk = _walk(settings, session, auth, run_id)
    desk = Desk(
        endpoint_url(settings.base_url, resource.endpoint.path),
        resource.endpoint.path,
        set_secrets(settings.secrets, settings.table.desk),
    )
    try:
        with redaction.of_logs(), walk.reader.open():
            yield Connection(settings.profile, resource, settings.base_url, auth, walk)
    except dg.Failure:
        raise
    except Exception as error:
        failure = http_failure(error, desk=desk, requests=session.requests) or unexpected_failure(
            error, redaction
        )
        # From None: the text of the error itself may hold a secret.
        raise failure_for(settings.table.desk, failure) from None


def _walk(settings: Settings, session: HelpDeskSession, auth: AuthConfigBase, run_id: str) -> Walk:
    resource, incremental = settings.resource, settings.incremental
    table = settings.table
    changes = incremental is not None and not incremental.is_window
    if resource.parent:
        # A list that fits on a page, as most of them do, is one request.
        reader: CompleteReader | ParentsReader = ParentsReader(
            session,
            partial(new_walk, resource, brief=True),
            partial(first_request, resource, settings.profile, session, settings.base_url, auth),
            authorize=auth,
            past_the_end=[action.status_code for action in resource.endpoint.response_actions],
            gone_share=settings.deleted_share,
        )
    else:
        reader = CompleteReader(session, new_walk(resource, brief=changes), authorize=auth)
    return Walk(
        reader,
        Tables(
            table,
            run_id=run_id,
            rejected_share=settings.rejected_share,
            cursor=incremental.cursor_path if incremental else None,
            exclude=resource.exclude,
        ),
        table,
        incremental,
        settings.profile.name,
        resource.parent,
    )


def first_request(
    resource: Resource,
    profile: Profile,
    session: HelpDeskSession,
    base_url: str,
    auth: AuthConfigBase,
    parent: object = None,
) -> PreparedRequest:
    """Return the request for the first page of a list; of a parent's, by its id."""
    path = PARENT.sub(lambda _: quote(str(parent), safe=""), resource.endpoint.path)
    return session.requests_session.prepare_request(
        Request(
            "GET",
            endpoint_url(base_url, path),
            params=spelled_params(resource.endpoint.params),
            headers=dict(profile.client.headers),
            auth=auth,
            hooks={"response": _raise_for_status},
        )
    )


def _raise_for_status(response: Response, *_: object, **__: object) -> None:
    response.raise_for_status()


@settings_explained()
def _retry_policy() -> RetryPolicy:
    return resolve_configuration(RetryPolicy())


def set_secrets(names: Iterable[str], desk: str) -> str:
    """Say where the secrets of a desk are set, by their names."""
    names = list(names)
    plain = [name.replace(".", "__").upper() for name in names]
    if desk == DEFAULT_DESK:
        return f"{' and '.join(plain)}, or {' and '.join(names)} in .dlt/secrets.toml"
    own = [Section("sources", desk).variable(name) for name in names]
    return (
        f"{' and '.join(own)} (or {' and '.join(plain)} for all desks), or {' and '.join(names)} "
        f"under [sources.{desk}] in .dlt/secrets.toml"
    )


def endpoint_url(base_url: str, path: str) -> str:
    """Return the URL that rows are asked for, without a password or query it may hold."""
    parts = urlsplit(base_url)
    host = parts.netloc.rpartition("@")[2]
    whole = f"{parts.path.rstrip('/')}/{path.lstrip('/')}"
    return urlunsplit((parts.scheme, host, whole, "", ""))
