"""Every number of the page equals a count in Python over the help desk's own rows.

Between the two are all models.
"""

from collections.abc import Sequence
from datetime import date, datetime, time, timedelta

import pytest
from hypothesis import HealthCheck, given, settings

from helpdesk_assets.reports.numbers import numbers
from helpdesk_assets_tests.conftest import at_length
from helpdesk_assets_tests.models import definitions
from helpdesk_assets_tests.models.definitions import HelpDeskData, Row, Rules, State
from helpdesk_assets_tests.models.test_numbers import built, help_desks, rules
from helpdesk_assets_tests.reports.expected import DAY, Page, Target, Ticket


@pytest.mark.parametrize("examples", at_length([10, 100], short=1))
def test_numbers_match_the_rows_of_the_help_desk(examples: int) -> None:
    @settings(max_examples=examples, deadline=None, suppress_health_check=list(HealthCheck))
    @given(data=help_desks(), chosen=rules())
    def look(data: HelpDeskData, chosen: tuple[Rules, dict[str, str]]) -> None:
        given_rules, written = chosen
        page = Page(data.as_of, given_rules.zone)
        rows = definitions.present(data)
        opened = [
            page.day_of(state.started_at)
            for row in rows
            for state in definitions.history(data, given_rules, row)
            if not state.is_solved
        ]
        with built(data, given_rules, written) as connection:
            found = numbers(connection, data.as_of, str(given_rules.zone))

        tickets = [ticket_of(data, given_rules, row, page) for row in rows]
        page.compare(found, tickets, min(opened, default=None))

    look()


def ticket_of(data: HelpDeskData, given_rules: Rules, row: Row, page: Page) -> Ticket:
    """Return what the definitions say about a ticket."""
    known = definitions.metrics(data, given_rules, row)
    return Ticket(
        id=row["id"],
        group=known["group_name"],
        priority=known["priority"],
        created_at=known["created_at"],
        replied_at=known["first_reply_at"],
        solved_at=known["solved_at"],
        is_solved=known["is_solved"],
        reply=known["first_reply_minutes"],
        reply_business=known["first_reply_business_minutes"],
        resolution=known["resolution_minutes"],
        resolution_business=known["resolution_business_minutes"],
        targets=[
            Target(target["due_at"], target["is_breached"], target["is_open"])
            for target in definitions.sla(data, given_rules)
            if target["ticket_id"] == row["id"]
        ],
        open_days=open_days(definitions.history(data, given_rules, row), page),
    )


def open_days(states: Sequence[State], page: Page) -> set[date]:
    """Return the days at whose end a ticket was open."""
    found = set()
    for state in states:
        day = page.day_of(state.started_at)
        while not state.is_solved and day <= page.today:
            end = datetime.combine(day + DAY, time(), page.zone)
            if state.started_at < end and (state.ended_at is None or state.ended_at >= end):
                found.add(day)
            day += timedelta(days=1)
    return found
