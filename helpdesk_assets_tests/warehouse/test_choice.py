"""Which place tickets are loaded into, and what is not one."""

from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path

import dagster as dg
import pytest

from helpdesk_assets.build import build_defs
from helpdesk_assets.resources import HelpDeskWarehouse
from helpdesk_assets.warehouse.file import DuckDbFile
from helpdesk_assets_tests.conftest import (
    Sandbox,
    Warehouse,
    error_of,
    everything_logged,
)

StartSandbox = Callable[..., Sandbox]
Connect = Callable[[Sandbox], None]
Sync = Callable[[], dg.ExecuteInProcessResult]

LAKE = "DESTINATION__DUCKLAKE__CREDENTIALS"
DUCK = "DESTINATION__MOTHERDUCK__CREDENTIALS"
POSTGRES = "DESTINATION__POSTGRES__CREDENTIALS"
SECRET = "pg-planted-4Rt8"
CATALOG = f"postgresql://loader:{SECRET}@127.0.0.1:1/lake"


@pytest.mark.parametrize(
    ("variables", "says"),
    [
        ({LAKE + "__CATALOG": CATALOG}, r"\[destination.duckdb\] and \[destination.ducklake\] are"),
        ({DUCK: "md:tickets"}, "set DESTINATION_TYPE to one of duckdb, ducklake, motherduck"),
        ({"DESTINATION_TYPE": "postgres"}, "cannot be loaded into postgres"),
        ({"DESTINATION_TYPE": "dlt.destinations.bigquery"}, "cannot be loaded into bigquery"),
        ({"DESTINATION_NAME": "no-such-place"}, "cannot be loaded into another destination"),
        (
            {"DESTINATION_TYPE": "ducklake"},
            f"has no catalog: set {LAKE}__CATALOG",
        ),
        (
            {"DESTINATION_TYPE": "ducklake", LAKE + "__CATALOG": CATALOG},
            f"has no storage.bucket_url: set {LAKE}__STORAGE__BUCKET_URL",
        ),
        (
            {
                "DESTINATION_TYPE": "ducklake",
                LAKE + "__CATALOG": f"mysql://loader:{SECRET}@127.0.0.1/lake",
                LAKE + "__STORAGE__BUCKET_URL": "files",
            },
            f"catalog in mysql is not supported: set {LAKE}__CATALOG",
        ),
        (
            {
                "DESTINATION_TYPE": "ducklake",
                LAKE + "__DUCKLAKE_NAME": "help_desk",
                LAKE + "__CATALOG": CATALOG,
                LAKE + "__STORAGE__BUCKET_URL": "files",
            },
            f"cannot have the name .*help_desk.*: set {LAKE}__DUCKLAKE_NAME",
        ),
        (
            {"DESTINATION_TYPE": "motherduck", DUCK: f"md:help_desk?motherduck_token={SECRET}"},
            "database called help_desk cannot hold the dataset help_desk",
        ),
        (
            {"DESTINATION_TYPE": "motherduck", DUCK: f"md:tickets?motherduck_token={SECRET}"},
            "has no extension motherduck here: pip install duckdb-extension-motherduck",
        ),
    ],
)
def test_place_that_cannot_be_used_is_reported_before_any_request(
    variables: dict[str, str],
    says: str,
    sandbox: StartSandbox,
    connect: Connect,
    sync: Sync,
    instance: dg.DagsterInstance,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    desk = sandbox()
    connect(desk)
    monkeypatch.chdir(tmp_path)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    result = sync()

    with pytest.raises(dg.Failure, match=says):
        raise dg.Failure(error_of(result))
    assert desk.queries == []
    assert SECRET not in everything_logged(instance, result)


@pytest.mark.skipif(find_spec("psycopg2") is not None, reason="The extra ducklake is installed.")
def test_lake_without_its_packages_is_reported(
    sandbox: StartSandbox,
    connect: Connect,
    sync: Sync,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    connect(sandbox())
    monkeypatch.setenv("DESTINATION_TYPE", "ducklake")
    monkeypatch.setenv(f"{LAKE}__CATALOG", CATALOG)
    monkeypatch.setenv(f"{LAKE}__STORAGE__BUCKET_URL", str(tmp_path))

    assert "pip install 'helpdesk_assets[ducklake]'" in error_of(sync())


def test_destination_without_a_file_is_named(
    sandbox: StartSandbox,
    connect: Connect,
    sync: Sync,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    connect(sandbox())
    monkeypatch.delenv("DESTINATION__DUCKDB__CREDENTIALS")
    monkeypatch.setenv(POSTGRES, CATALOG)

    assert "cannot be loaded into postgres" in error_of(sync())


@pytest.mark.parametrize(
    "variables",
    [
        {"DESTINATION_TYPE": "duckdb", LAKE + "__CATALOG": CATALOG},
        {"PIPELINES__HELP_DESK__DESTINATION_TYPE": "duckdb", DUCK: "md:tickets"},
        {
            "DESTINATION_NAME": "mine",
            "DESTINATION__MINE__DESTINATION_TYPE": "duckdb",
            "DESTINATION__MINE__CREDENTIALS": "here.duckdb",
        },
    ],
)
def test_place_can_be_chosen_as_in_dlt(
    variables: dict[str, str], warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(warehouse.path.parent)
    monkeypatch.setenv("DESTINATION__DUCKDB__CREDENTIALS", "here.duckdb")
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    place = HelpDeskWarehouse().place()

    assert isinstance(place, DuckDbFile)
    assert place.path == warehouse.path.parent / "here.duckdb"


def test_place_in_code_takes_precedence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(f"{LAKE}__CATALOG", CATALOG)
    address = f"md:tickets?motherduck_token={SECRET}"

    assert HelpDeskWarehouse(credentials="/data/a.duckdb").place().label == (
        "the DuckDB file /data/a.duckdb"
    )
    place = HelpDeskWarehouse(credentials=address).place()
    assert place.label == "the MotherDuck database tickets"
    assert SECRET not in str(place.metadata)


@pytest.mark.parametrize(
    ("variables", "kind"),
    [
        ({}, "duckdb"),
        ({LAKE + "__CATALOG": CATALOG}, "ducklake"),
        ({"DESTINATION_TYPE": "motherduck"}, "motherduck"),
    ],
)
def test_assets_have_the_kind_of_the_place(
    variables: dict[str, str], kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    graph = build_defs().resolve_asset_graph()

    assert graph.get(dg.AssetKey("help_desk_tickets")).kinds == {"dlt", kind}
    assert graph.get(dg.AssetKey("ticket_backlog")).kinds == {"sql", kind}
