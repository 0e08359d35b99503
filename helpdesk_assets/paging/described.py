"""Creates the walk and the page format of a list from its profile."""

import re
from collections.abc import Callable, Iterator
from datetime import datetime
from functools import partial
from typing import Any

from helpdesk_assets.paging.bounds import FEWEST_IN_A_PAGE
from helpdesk_assets.paging.chained import ChainWalk, SinglePageWalk
from helpdesk_assets.paging.checkpoint import ReadBefore
from helpdesk_assets.paging.counted import CompleteWalk
from helpdesk_assets.paging.fixed import FixedPagesWalk
from helpdesk_assets.paging.numbered import SIZE, LinkedWalk
from helpdesk_assets.paging.parts import Part, PartsWalk
from helpdesk_assets.paging.positions import ChainPaging, Counted, OffsetPaging, PageNumberPaging
from helpdesk_assets.paging.requests import Variation
from helpdesk_assets.paging.slices import Slice, slices
from helpdesk_assets.profiles.endpoint import Endpoint
from helpdesk_assets.profiles.paginators import (
    CursorPaginator,
    HeaderLinkPaginator,
    JsonLinkPaginator,
    OffsetPaginator,
    PageNumberPaginator,
    SinglePagePaginator,
)
from helpdesk_assets.profiles.resource import LISTED_BY, Resource
from helpdesk_assets.tables.paths import path_of
from helpdesk_assets.tables.times import UTC_TIMES, Times
from helpdesk_assets.transport.pages import PageFormat

# Common names of sort parameters.
ORDER = re.compile(r"sort|order", re.I)

ListWalk = CompleteWalk | ChainWalk | FixedPagesWalk | LinkedWalk | PartsWalk
# Returns the parameters of an endpoint's requests, for the rows from a time on or for all rows that
# the run asks for.
Vary = Callable[[Endpoint, datetime | None], Variation]


def page_format(endpoint: Endpoint) -> PageFormat:
    """Return the structure of an endpoint's responses."""
    paginator = endpoint.paginator
    following = None
    if isinstance(paginator, CursorPaginator):
        following = path_of(paginator.cursor_path)
    elif isinstance(paginator, JsonLinkPaginator):
        following = path_of(paginator.next_url_path)
    total, has_more, is_last = (
        path_of(spelled) if spelled else None
        for spelled in (
            getattr(paginator, name, None)
            for name in ("total_path", "has_more_path", "is_last_path")
        )
    )
    return PageFormat(
        rows=endpoint.rows_path,
        total=total,
        has_more=has_more,
        following=following,
        link=paginator.links_next_key if isinstance(paginator, HeaderLinkPaginator) else None,
        is_last=is_last,
        total_header=paginator.total_header,
        null_is_empty=endpoint.null_is_empty,
        is_single=endpoint.is_single,
    )


def new_walk(
    resource: Resource,
    *,
    brief: bool = False,
    start: str | None = None,
    times: Times = UTC_TIMES,
    vary: Vary = lambda endpoint, start: Variation(),
    before: ReadBefore | None = None,
) -> ListWalk:
    """Return a new walk for a resource's list.

    Args:
        resource: the resource in the profile.
        brief: whether the list is a list of changes; see CompleteWalk.
        start: the cursor of an export to continue at.
        times: the format of times in rows.
        vary: returns the parameters of requests.
        before: what an interrupted run has read of a list in slices.
    """
    endpoint = resource.endpoint
    of_list = partial(_of_list, resource, brief=brief, start=start, times=times, vary=vary)
    if not endpoint.passes:
        return of_list(endpoint, before=before)

    def passes() -> Iterator[Part]:
        left = before
        for each in endpoint.passes if brief else endpoint.passes_of_full_syncs:
            if left and each.name != left.up_to.name:
                continue
            changed = {
                "path": each.path or endpoint.path,
                "params": endpoint.params | each.params,
                "json_body": endpoint.json_body | each.json_body,
            }
            own = endpoint.model_copy(update=changed)
            yield Part(vary(own, None), of_list(own, before=left), each.name)
            left = None

    return PartsWalk(passes(), identity=resource.identity, mark=LISTED_BY)


def _of_list(
    resource: Resource,
    endpoint: Endpoint,
    *,
    brief: bool,
    start: str | None,
    times: Times,
    vary: Vary,
    before: ReadBefore | None,
) -> ListWalk:
    """Return the walk of one list: the resource's endpoint, or that of one of its passes."""
    identity, paginator, changes = resource.identity, endpoint.paginator, endpoint.incremental
    paging = _counted(endpoint)
    order = next((name for name in endpoint.params if ORDER.search(name)), None)
    if paging:
        options: dict[str, Any] = {"identity": identity, "brief": brief, "order_param": order}
        if not (endpoint.is_sliced and changes):
            return CompleteWalk(paging, **options)
        return PartsWalk(
            slices(
                partial(Slice, paging=paging, **options),
                partial(vary, endpoint),
                cursor=path_of(changes.cursor_path),
                times=times,
                identity=identity,
                before=before,
            ),
            identity=identity,
            before=before,
        )
    if isinstance(paginator, SinglePagePaginator):
        return SinglePageWalk(identity=identity)
    if isinstance(paginator, PageNumberPaginator):
        size = paginator.limit_body_path or paginator.limit_param
        by_number = ChainPaging(
            cursor_param=paginator.page_body_path or paginator.page_param,
            in_body=paginator.page_body_path is not None,
            is_number=True,
            beside=((size, paginator.limit),) if size else (),
        )
        return FixedPagesWalk(
            by_number,
            paginator.base_page,
            maximum_page=paginator.maximum_page,
            identity=identity,
            brief=brief,
            cursor=path_of(changes.cursor_path) if changes and changes.row_order else None,
        )
    cursor, in_body = None, False
    if isinstance(paginator, CursorPaginator):
        cursor = paginator.cursor_body_path or paginator.cursor_param
        in_body = paginator.cursor_body_path is not None
    chain = partial(
        ChainWalk,
        ChainPaging(cursor_param=cursor, in_body=in_body),
        identity=identity,
        brief=brief,
        size=_size_asked_for(endpoint),
        strict=resource.parent is None,
        start=start,
        grows_at_end=endpoint.resumes,
    )
    if in_body or endpoint.resumes:
        return chain()
    counted = partial(CompleteWalk, identity=identity, brief=brief, order_param=order)
    return LinkedWalk(chain, counted, endpoint.params)


def _counted(endpoint: Endpoint) -> Counted | None:
    """Return how the pages are counted; None if they cannot be counted, or not overlap."""
    paginator = endpoint.paginator
    if isinstance(paginator, OffsetPaginator):
        return OffsetPaging(
            paginator.limit,
            paginator.offset_body_path or paginator.offset_param,
            paginator.limit_body_path or paginator.limit_param,
            in_body=paginator.offset_body_path is not None,
            first=paginator.offset,
            most=paginator.maximum_offset,
        )
    if not isinstance(paginator, PageNumberPaginator) or paginator.limit < FEWEST_IN_A_PAGE:
        return None
    size = paginator.limit_body_path or paginator.limit_param
    if size is None:
        return None
    return PageNumberPaging(
        paginator.limit,
        paginator.page_body_path or paginator.page_param,
        size,
        paginator.base_page,
        paginator.maximum_page,
        in_body=paginator.page_body_path is not None,
    )


def _size_asked_for(endpoint: Endpoint) -> int | None:
    """Return the requested page size, recognized by its parameter name; None without."""
    for name, value in endpoint.params.items():
        if SIZE.search(name) and str(value).isdecimal():
            return int(str(value))
    return None
