"""24 months loaded by the daemon, four at a time, into a lake that is read at the same time."""

import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from helpdesk_assets.resources import HelpDeskWarehouse
from helpdesk_assets.sandbox.app import build_app
from helpdesk_assets.sandbox.desk import Desk
from helpdesk_assets.sandbox.server import serve
from helpdesk_assets_tests.conftest import API_KEY
from helpdesk_assets_tests.scale.deployment import Deployment, settings_of_example, wait_for
from helpdesk_assets_tests.scale.postgres import PostgresServer
from helpdesk_assets_tests.support.profile import with_date_filter

pytestmark = [pytest.mark.scale, pytest.mark.timeout(900)]
# In the help desk, there are tickets of these months.
MONTHS = [f"{2024 + (10 + n) // 12}-{(10 + n) % 12 + 1:02}" for n in range(24)]
# Seconds for all of them, on a busy machine.
LONG = 800


def months_in(desk: Desk) -> Counter[str]:
    """Return the number of tickets by the month in which they were created."""
    return Counter(ticket["created_at"][:7] for ticket in desk.tickets if ticket["created_at"])


@contextmanager
def polled() -> Iterator[list[dict[str, int]]]:
    """Read the number of tickets by month again and again, and return what was read."""
    seen: list[dict[str, int]] = []
    errors: list[Exception] = []
    is_over = threading.Event()

    def poll() -> None:
        while not is_over.wait(0.5):
            try:
                with HelpDeskWarehouse().reader() as connection:
                    rows = connection.execute(
                        "select strftime(created_at, '%Y-%m'), count(*)"
                        " from help_desk.help_desk_tickets group by all"
                    ).fetchall()
                seen.append(dict(rows))
            except Exception as error:
                if not seen and "does not exist" in str(error):
                    continue
                errors.append(error)

    reader = threading.Thread(target=poll)
    reader.start()
    try:
        yield seen
    finally:
        is_over.set()
        reader.join()
    assert errors == []


def test_months_are_loaded_side_by_side_and_readers_see_whole_months(
    postgres: PostgresServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk = Desk(2400)
    with serve(build_app(desk, api_key=API_KEY)) as base_url:
        settings = settings_of_example(postgres, tmp_path) | {
            "SOURCES__HELP_DESK__BASE_URL": base_url,
            "SOURCES__HELP_DESK__PROFILE": str(with_date_filter(tmp_path / "desk.yaml")),
            "API_KEY": API_KEY,
        }
        for name, value in settings.items():
            monkeypatch.setenv(name, value)
        deployment = Deployment(
            tmp_path / "deployment",
            postgres,
            settings=settings,
            limits={"poll_interval_seconds": 2, "free_slots_after_run_end_seconds": 1},
        )
        try:
            deployment.start("code")
            deployment.wait_until_healthy("code")
            for service in ("webserver", "daemon"):
                deployment.start(service)
            deployment.wait_until_healthy("webserver", "daemon")
            with polled() as seen:
                deployment.runs.backfill("help_desk_backfill", [f"{m}-01" for m in MONTHS])
                wait_for(
                    lambda: (
                        sum(deployment.runs.by_status().values()) == 24
                        and deployment.runs.by_status().keys() <= {"SUCCESS", "FAILURE"}
                    ),
                    "the backfill has not ended",
                    LONG,
                )
            failures = deployment.runs.failures()
            ended, most = deployment.runs.by_status(), deployment.runs.most_at_once()
        finally:
            deployment.stop()
    with HelpDeskWarehouse().reader() as connection:
        stored = connection.execute(
            "select id, subject from help_desk.help_desk_tickets order by id"
        ).fetchall()
    whole = months_in(desk)

    assert failures == {}
    assert ended == {"SUCCESS": 24}
    # The limit is 4. How many overlap depends on how fast the daemon starts them.
    assert 2 <= most <= 4
    assert set(whole) == set(MONTHS)
    assert stored == sorted(
        (ticket["id"], ticket["subject"]) for ticket in desk.tickets if ticket["created_at"]
    )
    assert len(seen) > 20
    for months in seen:
        assert months.items() <= whole.items()
