"""Creates the walk and the page format of a list from its profile."""

import re
from functools import partial

from helpdesk_assets.paging.chained import ChainWalk
from helpdesk_assets.paging.counted import CompleteWalk
from helpdesk_assets.paging.numbered import SIZE, LinkedWalk
from helpdesk_assets.paging.positions import ChainPaging, OffsetPaging, PageNumberPaging
from helpdesk_assets.profiles.endpoint import (
    CursorPaginator,
    Endpoint,
    HeaderLinkPaginator,
    JsonLinkPaginator,
    OffsetPaginator,
    PageNumberPaginator,
)
from helpdesk_assets.profiles.model import Resource
from helpdesk_assets.tables.paths import path_of
from helpdesk_assets.transport.pages import PageFormat

# Common names of sort parameters.
ORDER = re.compile(r"sort|order", re.I)

ListWalk = CompleteWalk | ChainWalk | LinkedWalk


def page_format(endpoint: Endpoint) -> PageFormat:
    """Return the structure of an endpoint's responses."""
    paginator = endpoint.paginator
    has_more = getattr(paginator, "has_more_path", None)
    following = None
    if isinstance(paginator, CursorPaginator):
        following = path_of(paginator.cursor_path)
    elif isinstance(paginator, JsonLinkPaginator):
        following = path_of(paginator.next_url_path)
    return PageFormat(
        rows=path_of(endpoint.data_selector),
        total=path_of(paginator.total_path) if paginator.total_path else None,
        has_more=path_of(has_more) if has_more else None,
        following=following,
        link=paginator.links_next_key if isinstance(paginator, HeaderLinkPaginator) else None,
    )


def new_walk(resource: Resource, *, brief: bool = False) -> ListWalk:
    """Return a new walk for a resource's list.

    Args:
        resource: the resource in the profile.
        brief: whether the list is a list of changes; see CompleteWalk.
    """
    endpoint, identity = resource.endpoint, resource.identity
    paginator = endpoint.paginator
    order = next((name for name in endpoint.params if ORDER.search(name)), None)
    counted = partial(CompleteWalk, identity=identity, brief=brief, order_param=order)
    if isinstance(paginator, OffsetPaginator):
        return counted(OffsetPaging(paginator.limit, paginator.offset_param, paginator.limit_param))
    if isinstance(paginator, PageNumberPaginator):
        return counted(
            PageNumberPaging(
                paginator.limit,
                paginator.page_param,
                paginator.limit_param,
                paginator.base_page,
                paginator.maximum_page,
            )
        )
    cursor = paginator.cursor_param if isinstance(paginator, CursorPaginator) else None
    chain = partial(
        ChainWalk,
        ChainPaging(cursor_param=cursor),
        identity=identity,
        brief=brief,
        size=_size_asked_for(endpoint),
        strict=resource.parent is None,
    )
    return LinkedWalk(chain, counted, endpoint.params)


def _size_asked_for(endpoint: Endpoint) -> int | None:
    """Return the requested page size, recognized by its parameter name; None without."""
    for name, value in endpoint.params.items():
        if SIZE.search(name) and str(value).isdecimal():
            return int(value)
    return None
