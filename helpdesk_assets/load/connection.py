"""The way to the help desk: what a run needs to read it, made of its settings."""

import hashlib
import sys
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from urllib.parse import quote

import dagster as dg
from dlt.common.configuration.resolve import resolve_configuration
from dlt.extract import DltSource
from dlt.sources.helpers.rest_client.auth import AuthConfigBase
from requests import PreparedRequest, Request, Response

from helpdesk_assets.load.incremental import Asked, Filter
from helpdesk_assets.load.source import (
    Parents,
    Walk,
    help_desk_source,
    params_of,
    source_by_parent,
)
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
from helpdesk_assets.transport.retries import RetryPolicy
from helpdesk_assets.transport.session import HelpDeskSession

# Three times what orjson reads, and a tenth of what there is memory for in a thread.
RECURSION = 3000


@dataclass(frozen=True)
class Settings:
    """What a run is configured with, looked up and found to be good; see HelpDeskApi.

    Attributes:
        resource: the one that is to be read.
        table: what it is loaded into.
        changes: how to ask for what has changed; None where that is not configured.
    """

    profile: Profile
    resource: Resource
    table: Table
    base_url: str
    secrets: Mapping[str, str] = field(repr=False)
    changes: Filter | None
    pages_in_flight: int
    requests_per_second: float | None
    rejected_share: float
    deleted_share: float

    def read_from(self) -> tuple[str, str]:
        """Return hashes of the address and of what the profile says of the list.

        What was read of one list tells nothing of another; and an address may hold a secret.
        """
        described = self.resource.model_dump_json(exclude_defaults=True)
        times = f"{self.profile.format} {self.profile.time_zone}"
        return _hash(self.base_url.rstrip("/")), _hash(f"{described} {times}")


@dataclass(frozen=True)
class Connection:
    """A way to a help desk: how it is asked, and how to get in and through.

    Attributes:
        settings: of the run.
        run_id: what rejected rows are marked with.
        session: sends the requests.
        auth: what lets them in.
    """

    settings: Settings
    run_id: str
    session: HelpDeskSession
    auth: AuthConfigBase

    @contextmanager
    def walk(self, asked: Asked | None = None) -> Iterator[Walk]:
        """Make a walk through the list, of which nothing is known yet; it reads while inside.

        Args:
            asked: which rows are asked for; None: all.
        """
        settings, resource = self.settings, self.settings.resource
        changes = asked is not None and not asked.is_window
        if resource.parent:
            # A list that fits on a page, as most of them do, is one request.
            reader: CompleteReader | ParentsReader = ParentsReader(
                self.session,
                partial(new_walk, resource, brief=True),
                self.first_request,
                past_the_end=[action.status_code for action in resource.endpoint.response_actions],
                gone_share=settings.deleted_share,
            )
        else:
            walk = new_walk(resource, brief=changes)
            reader = CompleteReader(self.session, walk)
        tables = Tables(
            settings.table,
            run_id=self.run_id,
            rejected_share=settings.rejected_share,
            exclude=resource.exclude,
        )
        with _deep_rows(), reader.open():
            yield Walk(
                reader, tables, settings.table, asked, settings.profile.name, resource.parent
            )

    def source(self, walk: Walk, parents: Parents | None = None) -> DltSource:
        """Return the source of a walk; dlt does not take the same one twice.

        Args:
            walk: how the list is read.
            parents: says whose lists are wanted, where the list is asked for by parent.
        """
        profile = self.settings.profile
        if walk.parent and parents:
            return source_by_parent(profile=profile, walk=walk, parents=parents)
        return help_desk_source(
            base_url=self.settings.base_url, auth=self.auth, profile=profile, walk=walk
        )

    def first_request(self, parent: object = None, asked: Asked | None = None) -> PreparedRequest:
        """Return the request for the first page of the list; of a parent's, by its id."""
        settings, resource = self.settings, self.settings.resource
        path = PARENT.sub(lambda _: quote(str(parent), safe=""), resource.endpoint.path)
        return self.session.requests_session.prepare_request(
            Request(
                "GET",
                endpoint_url(settings.base_url, path),
                params=params_of(resource, asked),
                headers=dict(settings.profile.client.headers),
                auth=self.auth,
                hooks={"response": _raise_for_status},
            )
        )


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
    session.auth = auth
    desk = Desk(
        endpoint_url(settings.base_url, resource.endpoint.path),
        resource.endpoint.path,
        set_secrets(settings.secrets, settings.table.desk),
    )
    try:
        with redaction.of_logs():
            yield Connection(settings, run_id, session, auth)
    except dg.Failure:
        raise
    except Exception as error:
        failure = http_failure(
            error, desk=desk, requests=session.requests, redaction=redaction
        ) or unexpected_failure(error, redaction)
        # From None: the text of the error itself may hold a secret.
        raise failure_for(settings.table.desk, failure) from None


@contextmanager
def _deep_rows() -> Iterator[None]:
    """Let rows be compared that are nested as deeply as they are read: orjson does to 1,024.

    Python does both by recursion, from wherever Dagster and dlt have got to.
    """
    before = sys.getrecursionlimit()
    sys.setrecursionlimit(max(before, RECURSION))
    try:
        yield
    finally:
        sys.setrecursionlimit(before)


def _raise_for_status(response: Response, *_: object, **__: object) -> None:
    response.raise_for_status()


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:16]


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
    """Return the URL that rows are asked for, without a query, which may hold a secret."""
    return f"{base_url.rstrip('/')}/{path.partition('?')[0].lstrip('/')}"
