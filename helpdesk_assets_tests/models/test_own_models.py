"""Models of the user: a file replaces a built-in model, or adds one."""

from collections.abc import Callable
from pathlib import Path

import dagster as dg
import pytest

from helpdesk_assets.build import build_defs
from helpdesk_assets.desk import HelpDesk
from helpdesk_assets.models.own import with_own_models
from helpdesk_assets.models.tables import MODELS
from helpdesk_assets_tests.conftest import Sandbox, Warehouse, error_of, execute, job_of

BY_STATUS = """\
-- Unsolved tickets by status.
-- Not by priority.
select status, count(*) as tickets from desk_tickets where not is_solved group by status;
"""
MOST = "select max(tickets) as most from Tickets_By_Status -- and ticket_metrics\n"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "models").mkdir()
    return tmp_path / "models"


def test_own_models_replace_built_in_ones_and_add_others(
    folder: Path,
    sandbox: Callable[..., Sandbox],
    connect: Callable[[Sandbox], None],
    warehouse: Warehouse,
    instance: dg.DagsterInstance,
) -> None:
    desk = sandbox(tickets=60)
    for ticket in desk.desk.tickets[:9]:
        ticket |= {"status": "new", "is_deleted": False}
    connect(desk)
    (folder / "tickets_by_status.sql").write_text(BY_STATUS)
    (folder / "most.sql").write_text(MOST)
    built_in = next(model for model in MODELS if model.name == "ticket_volume_daily")
    replaced = built_in.path.read_text().replace("left(status, 200)", "upper(status)")
    (folder / "ticket_volume_daily.sql").write_text(replaced)
    definitions = build_defs(HelpDesk(models=str(folder)))
    result = execute(definitions.resolve_job_def("help_desk_sync"), instance)

    assert result.success
    assert warehouse.query("select sum(tickets)::int from help_desk.tickets_by_status") == (
        warehouse.query("select sum(tickets)::int from help_desk.ticket_backlog")
    )
    assert warehouse.query("select most > 0 from help_desk.most") == [(True,)]
    statuses = {
        status for (status,) in warehouse.query("select status from help_desk.ticket_volume_daily")
    }
    assert "NEW" in statuses
    graph = definitions.resolve_asset_graph()
    assert graph.get(dg.AssetKey("most")).parent_keys == {dg.AssetKey("tickets_by_status")}
    added = graph.get(dg.AssetKey("tickets_by_status"))
    assert added.parent_keys == {dg.AssetKey("help_desk_tickets")}
    assert added.description == "Unsolved tickets by status.\nNot by priority."

    before = warehouse.query("from help_desk.ticket_backlog")
    (folder / "most.sql").write_text("select cast(subject as bigint) as n from desk_tickets")
    failed = execute(job_of(dg.AssetSelection.groups("help_desk"), definitions), instance)
    assert f"The model most in {folder / 'most.sql'} failed (ConversionException)" in (
        error_of(failed)
    )
    (folder / "most.sql").write_text("select no_such_column from desk_tickets")
    failed = execute(job_of(dg.AssetSelection.groups("help_desk"), definitions), instance)
    assert "no_such_column" in error_of(failed)
    assert warehouse.query("from help_desk.ticket_backlog") == before


def test_invalid_own_models_are_refused(folder: Path) -> None:
    with pytest.raises(dg.DagsterInvalidDefinitionError, match="does not exist: set REPORTS__"):
        with_own_models(MODELS, folder / "nowhere")
    (folder / "one.sql").write_text("from two")
    (folder / "two.sql").write_text("from one")
    with pytest.raises(dg.DagsterInvalidDefinitionError, match="one, two read each other"):
        with_own_models(MODELS, folder)
    (folder / "My Model.sql").write_text("select 1")
    with pytest.raises(dg.DagsterInvalidDefinitionError, match="is invalid: use lowercase"):
        with_own_models(MODELS, folder)
