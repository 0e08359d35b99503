"""The connection to a help desk: what a run needs to read it, created from its settings."""

import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from urllib.parse import quote

import dagster as dg
from dlt.common.configuration.resolve import resolve_configuration
from dlt.extract import DltSource
from dlt.sources.helpers.rest_client.auth import AuthConfigBase
from requests import PreparedRequest, Request, Response

from helpdesk_assets.load.incremental import Asked, filled
from helpdesk_assets.load.settings import Settings
from helpdesk_assets.load.source import Walk, help_desk_source, source_by_parent
from helpdesk_assets.paging.checkpoint import Checkpoint, ReadBefore
from helpdesk_assets.paging.described import new_walk, page_format
from helpdesk_assets.paging.parents import ParentsReader
from helpdesk_assets.paging.pauses import Pauses
from helpdesk_assets.paging.reader import CompleteReader
from helpdesk_assets.paging.requests import Variation
from helpdesk_assets.profiles.endpoint import Endpoint
from helpdesk_assets.profiles.resource import PARENT
from helpdesk_assets.settings import DEFAULT_DESK, Section, failure_for, settings_explained
from helpdesk_assets.tables.arrow import Tables
from helpdesk_assets.transport.authentication import authentication
from helpdesk_assets.transport.failures import Desk, http_failure, unexpected_failure
from helpdesk_assets.transport.redaction import Redaction
from helpdesk_assets.transport.retries import RetryPolicy
from helpdesk_assets.transport.session import HelpDeskSession

# Three times the nesting that orjson reads, and a tenth of what fits into a thread's stack.
RECURSION = 3000


@dataclass(frozen=True)
class Connection:
    """A connection to a help desk.

    Attributes:
        settings: the settings of the run.
        run_id: the run that rejected rows are recorded with.
        session: sends the requests.
        auth: authenticates the requests.
    """

    settings: Settings
    run_id: str
    session: HelpDeskSession
    auth: AuthConfigBase

    @contextmanager
    def walk(
        self, asked: Asked | None = None, checkpoint: Checkpoint | None = None
    ) -> Iterator[Walk]:
        """Start reading the list, inside a ``with`` block.

        Args:
            asked: which rows to request; None: all.
            checkpoint: from where an interrupted run is continued that has requested all of them.
        """
        settings, resource = self.settings, self.settings.resource
        changes = asked is not None and not asked.is_window
        fingerprint = settings.protection.hashed
        if resource.parent:
            # Most of these lists fit on a page, which then takes one request.
            reader: CompleteReader | ParentsReader = ParentsReader(
                self.session,
                partial(new_walk, resource, brief=True),
                self.first_request,
                past_the_end=[action.status_code for action in resource.endpoint.response_actions],
                gone_share=settings.deleted_share,
            )
        else:
            walk = new_walk(
                resource,
                brief=changes,
                start=asked.cursor if asked else None,
                times=settings.profile.times(),
                vary=partial(self._variation, asked),
                before=ReadBefore(checkpoint, fingerprint) if checkpoint else None,
            )
            pauses = None if asked else Pauses(fingerprint, checkpoint)
            reader = CompleteReader(self.session, walk, pauses=pauses)
        tables = Tables(
            settings.table,
            run_id=self.run_id,
            rejected_share=settings.rejected_share,
            exclude=resource.exclude,
            protection=settings.protection,
        )
        with _deep_rows(), reader.open():
            yield Walk(
                reader,
                tables,
                settings.table,
                asked,
                settings.profile.name,
                resource.parent,
                inner=settings.inner_rows(),
                only=settings.only_rows(),
            )

    def has_no_changes(self, walk: Walk) -> bool:
        """Request the changed rows of a list, and return whether there are certainly none.

        What was read is not requested again by the source. Returns False without a request if all
        rows or those of a date range are read, and if an answer may be no page, which dlt handles.
        """
        reader, endpoint = walk.reader, self.settings.resource.endpoint
        if not walk.asked or walk.asked.is_window or not isinstance(reader, CompleteReader):
            return False
        if endpoint.response_actions or "?" in endpoint.path:
            return False
        return reader.is_empty(self.first_request(asked=walk.asked))

    def total(self, asked: Asked | None = None) -> int | None:
        """Request the first page of the list, and return the total number of rows in the response.

        Not to be called while the list is read.

        Args:
            asked: which rows to request; None: all.
        """
        walk = new_walk(
            self.settings.resource,
            times=self.settings.profile.times(),
            vary=partial(self._variation, asked),
        )
        reader = CompleteReader(self.session, walk)
        return next(reader.look(self.first_request(asked=asked), pages=1)).total

    def source(self, walk: Walk) -> DltSource:
        """Return the source for one load; dlt does not accept the same source twice."""
        profile = self.settings.profile
        if walk.parent:
            return source_by_parent(profile=profile, walk=walk)
        return help_desk_source(
            base_url=self.settings.base_url,
            auth=self.auth,
            headers=self.settings.headers,
            profile=profile,
            walk=walk,
            variation=self._variation(walk.asked, self.settings.resource.endpoint),
        )

    def _variation(
        self, asked: Asked | None, endpoint: Endpoint, start: datetime | None = None
    ) -> Variation:
        """Return the parameters of a list's requests, for the requested part or from a time on."""
        changes = self.settings.changes
        if start is not None and changes:
            return changes.later(endpoint, start)
        variation = filled(endpoint, changes, asked)
        if endpoint.path != self.settings.resource.endpoint.path:
            # A pass may have a path of its own.
            return replace(variation, url=endpoint_url(self.settings.base_url, endpoint.path))
        return variation

    def first_request(self, parent: object = None, asked: Asked | None = None) -> PreparedRequest:
        """Return the request for the first page of the list, or of a parent's list, by its id."""
        settings, resource = self.settings, self.settings.resource
        path = PARENT.sub(lambda _: quote(str(parent), safe=""), resource.endpoint.path)
        variation = self._variation(asked, resource.endpoint)
        return self.session.requests_session.prepare_request(
            Request(
                resource.endpoint.method,
                endpoint_url(settings.base_url, path),
                params=variation.params,
                json=variation.json if resource.endpoint.method == "POST" else None,
                headers=settings.headers,
                auth=self.auth,
                hooks={"response": _raise_for_status},
            )
        )


@contextmanager
def connected(settings: Settings, run_id: str = "") -> Iterator[Connection]:
    """Open a connection to the help desk.

    Errors and log records inside are redacted: secrets are removed, and errors become a dg.Failure
    with a user-facing message.

    Args:
        settings: the settings of the run.
        run_id: the run that rejected rows are recorded with.
    """
    resource = settings.resource
    redaction = Redaction(*settings.secrets.values(), settings.hash_key)
    session = HelpDeskSession(
        redaction,
        _retry_policy(),
        in_flight=settings.pages_in_flight,
        per_second=settings.requests_per_second,
        page_format=page_format(resource.endpoint),
    )
    auth = authentication(
        settings.profile.client.auth,
        base_url=settings.base_url,
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
        # From None: the text of the original error may contain a secret.
        raise failure_for(settings.table.desk, failure) from None


@contextmanager
def _deep_rows() -> Iterator[None]:
    """Raise the recursion limit, so that rows can be compared that orjson can read.

    orjson reads a nesting of 1,024. Python compares and serializes by recursion, on top of the
    stack of Dagster and dlt.
    """
    before = sys.getrecursionlimit()
    sys.setrecursionlimit(max(before, RECURSION))
    try:
        yield
    finally:
        sys.setrecursionlimit(before)


def _raise_for_status(response: Response, *_: object, **__: object) -> None:
    response.raise_for_status()


@settings_explained()
def _retry_policy() -> RetryPolicy:
    return resolve_configuration(RetryPolicy())


def set_secrets(names: Iterable[str], desk: str) -> str:
    """Return where to set the secrets of a desk, given their names; empty if there are none."""
    names = list(names)
    if not names:
        return ""
    plain = [name.replace(".", "__").upper() for name in names]
    if desk == DEFAULT_DESK:
        return f"{' and '.join(plain)}, or {' and '.join(names)} in .dlt/secrets.toml"
    own = [Section("sources", desk).variable(name) for name in names]
    return (
        f"{' and '.join(own)} (or {' and '.join(plain)} for all desks), or {' and '.join(names)} "
        f"under [sources.{desk}] in .dlt/secrets.toml"
    )


def endpoint_url(base_url: str, path: str) -> str:
    """Return the URL of a list without its query, which may contain a secret."""
    return f"{base_url.rstrip('/')}/{path.partition('?')[0].lstrip('/')}"
