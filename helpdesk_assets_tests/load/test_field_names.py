"""Custom fields have their names in the help desk, in a view beside the table."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from helpdesk_assets.build import build_defs
from helpdesk_assets.sandbox.desk import Desk
from helpdesk_assets.sandbox.server import serve
from helpdesk_assets_tests.conftest import (
    Warehouse,
    execute,
    job_of,
    metadata_of,
    set_variables,
)

PROFILE = """\
client:
  auth:
    type: bearer
    token: dlt.secrets["api_key"]
resources:
  - name: help_desk_tickets
    endpoint:
      path: /tickets
      data_selector: data
      paginator: {type: offset}
      incremental: {start_param: updated_since}
    fields: {id: id, subject: subject, status: status, created_at: created_at}
    field_names: {resource: field_definitions, name: title, values: custom_fields}
  - name: field_definitions
    endpoint:
      path: /fields
      data_selector: fields
      paginator: {type: offset}
    fields: {id: {path: id, type: text}, title: title}
"""
Run = Callable[..., dg.ExecuteInProcessResult]


class Fields:
    """A help desk with custom fields.

    Attributes:
        desk: its tickets.
        titles: the names of its fields, by id.
        is_broken: whether the list of fields is answered with 403.
    """

    def __init__(self) -> None:
        self.desk = Desk(12)
        self.titles: dict[Any, Any] = {360001: "Asset tag", 360002: "Größe", 360003: "Größe"}
        self.is_broken = False
        self.app = Starlette(
            routes=[Route("/tickets", self._tickets), Route("/fields", self._fields)]
        )

    def give(self, values: dict[Any, Any], *, as_list: bool = True) -> None:
        """Give each ticket custom fields."""
        for ticket in self.desk.tickets:
            listed = [{"id": field, "value": value} for field, value in values.items()]
            ticket["custom_fields"] = listed if as_list else values

    async def _tickets(self, request: Request) -> Response:
        query = request.query_params
        since = query.get("updated_since", "")
        page, total = self.desk.page(int(query["offset"]), int(query["limit"]), updated_since=since)
        return JSONResponse({"data": page, "total": total})

    async def _fields(self, request: Request) -> Response:
        if self.is_broken:
            return PlainTextResponse("no", status_code=403)
        rows = [{"id": field, "title": title} for field, title in self.titles.items()]
        offset = int(request.query_params["offset"])
        return JSONResponse({"fields": rows[offset:], "total": len(rows)})


@pytest.fixture
def fields(
    warehouse: Warehouse, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Fields]:
    fields = Fields()
    (tmp_path / "desk.yaml").write_text(PROFILE)
    monkeypatch.setenv("SOURCES__HELP_DESK__PROFILE", str(tmp_path / "desk.yaml"))
    with serve(fields.app) as base_url:
        set_variables(monkeypatch, base_url, warehouse)
        yield fields


@pytest.fixture
def load(instance: dg.DagsterInstance) -> Run:
    """Load lists one after another. Default: the tickets, then the fields."""

    def run(*names: str) -> dg.ExecuteInProcessResult:
        definitions = build_defs()
        for name in names or ("help_desk_tickets", "field_definitions"):
            selection = dg.AssetSelection.assets(name).without_checks()
            result = execute(job_of(selection, definitions), instance)
        return result

    return run


def named(warehouse: Warehouse, columns: str = "*") -> list[tuple[Any, ...]]:
    return warehouse.query(
        f"select {columns} from help_desk.help_desk_tickets_named order by id limit 1"
    )


def columns_of(warehouse: Warehouse, name: str = "help_desk_tickets_named") -> set[str]:
    return {name for name, *_ in warehouse.query(f"describe help_desk.{name}")}


def test_custom_fields_in_a_list_of_ids_and_values_are_named(
    fields: Fields, load: Run, warehouse: Warehouse
) -> None:
    fields.give({360001: 'PC "7"', 360002: ["a", "b"], 360003: 7, 360009: "not defined"})
    fields.desk.tickets[3]["custom_fields"] = None
    fields.desk.tickets[4]["custom_fields"] = "oops"
    fields.desk.tickets[5]["custom_fields"] = [1, {"id": 360001}]
    load("help_desk_tickets")
    assert (
        warehouse.query("select * from information_schema.views where table_schema = 'help_desk'")
        == []
    )
    assert load("field_definitions").success

    asset, sizes = 'PC "7"', ('["a","b"]', "7")
    assert named(warehouse, "id, asset_tag, grosse, grosse__360003") == [(1, asset, *sizes)]
    tags = "select asset_tag from help_desk.help_desk_tickets_named where id between 4 and 6"
    assert warehouse.query(tags) == [(None,)] * 3
    # The other columns are those of the table, which is unchanged.
    assert columns_of(warehouse, "help_desk_tickets") - columns_of(warehouse) == {"custom_fields"}


def test_custom_fields_in_an_object_by_id_are_named(
    fields: Fields, load: Run, warehouse: Warehouse, tmp_path: Path
) -> None:
    fields.titles = {"customfield_10010": "Story points", 24: "Asset", "none": "Not used"}
    fields.give({"customfield_10010": 5, "24": "PC", "other": True}, as_list=False)
    load("field_definitions", "help_desk_tickets")

    assert named(warehouse, "story_points, asset, not_used, custom_fields__other") == [
        (5, "PC", None, True)
    ]
    assert "custom_fields__customfield_10010" not in columns_of(warehouse)


def test_column_names_stay_when_fields_are_renamed_added_or_deleted(
    fields: Fields, load: Run, warehouse: Warehouse
) -> None:
    fields.give({360001: "PC", 360002: "L", 360003: "M", 12: "new"})
    load()
    before = columns_of(warehouse)
    fields.titles = {12: "Größe", 360001: "Device", 360003: "Größe", 13: None}
    load()

    assert named(warehouse, "asset_tag, grosse, grosse__360003, grosse__12") == [
        ("PC", "L", "M", "new")
    ]
    assert columns_of(warehouse) - before == {"grosse__12"}
    warehouse.query("delete from help_desk._field_names where field_id = '360001'")
    load()
    assert named(warehouse, "device") == [("PC",)]


@pytest.mark.long
def test_custom_fields_do_not_get_names_of_other_columns(
    fields: Fields, load: Run, warehouse: Warehouse
) -> None:
    fields.titles = {1: "Status", 2: "Team", 3: "'; drop table x; --", 4: '%s "', 5: "🙂", 6: " "}
    fields.give({1: "a", 2: "b", 3: "c", 4: "d", 5: "e", 6: "f"})
    load()
    assert named(warehouse, "status__1, team") == [("a", "b")]
    for ticket in fields.desk.tickets:
        ticket["team"], ticket["updated_at"] = "of the API", "2027-05-01T00:00:00Z"
    load("help_desk_tickets")

    # An assigned name stays; the API's column is in the table.
    assert named(warehouse, "status__1, team") == [("a", "b")]
    assert len(columns_of(warehouse) - columns_of(warehouse, "help_desk_tickets")) == 5


@pytest.mark.long
def test_incremental_sync_keeps_the_view(fields: Fields, load: Run, warehouse: Warehouse) -> None:
    fields.give({360001: "PC"})
    load()
    fields.desk.tickets[0]["custom_fields"] = [{"id": 360001, "value": "Mac"}]
    fields.desk.tickets[0]["updated_at"] = "2027-05-01T00:00:00Z"
    fields.desk.tickets[0]["added later"] = 1
    fields.is_broken = True
    result = load("help_desk_tickets")

    assert metadata_of(result)["sync_mode"] == "incremental"
    assert named(warehouse, "asset_tag, added_later") == [("Mac", 1)]
    assert not load("field_definitions").success
    assert named(warehouse, "asset_tag") == [("Mac",)]
