"""Builds all models of a large help desk, and prints time and memory. See `make bench-models`."""

import argparse
import os
import resource
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timezone
from pathlib import Path

import duckdb

from helpdesk_assets.models.preparation import prepare
from helpdesk_assets.models.runner import build
from helpdesk_assets.models.sources import create_views
from helpdesk_assets.models.tables import MODELS
from helpdesk_assets.profiles import load_profile
from helpdesk_assets.resources import HelpDeskReports
from helpdesk_assets.resources.sla import sla_targets
from helpdesk_assets_tests.bench.contenders import peak_megabytes

# Five years of tickets, three status changes and ten comments for each.
LOADED = """
create schema help_desk;
use help_desk;
create table help_desk_tickets as
select
    id,
    'subject ' || id as subject,
    case when id % 20 = 0 then 'open' when id % 50 = 1 then 'pending' else 'closed' end as status,
    timestamptz '2021-11-01 00:00:00+00' + to_seconds(cast(id * 157680000.0 / $tickets as bigint))
        as created_at,
    ['low', 'normal', 'high', 'urgent'][1 + id % 4] as priority,
    id % 12 as group_id,
    id % 60 as assignee_id,
    case id % 7 when 0 then 'good' when 1 then 'bad' end as satisfaction,
    cast(null as timestamptz) as deleted_at
from (select unnest(range(1, $tickets + 1)) as id);
create table comments as
select
    tickets.id * 100 + number as id,
    tickets.id as ticket_id,
    case when number % 2 = 1 then assignee_id else 1000 + tickets.id % 5000 end as author_id,
    case when number % 2 = 1 then 'agent' else 'customer' end as author_role,
    number % 5 <> 3 as is_public,
    created_at + to_seconds(cast(hash(tickets.id) % 7200 * number as bigint)) as created_at
from help_desk_tickets as tickets, (select unnest(range(0, 10)) as number);
create table status_changes as
select
    tickets.id * 10 + number as id,
    tickets.id as ticket_id,
    ['new', 'open', 'pending'][number] as old_status,
    case when number = 3 then status else ['open', 'pending'][number] end as new_status,
    created_at + to_seconds(cast(hash(tickets.id + 1) % 86400 * number as bigint)) as changed_at
from help_desk_tickets as tickets, (select unnest(range(1, 4)) as number);
create table groups as select unnest(range(0, 12)) as id, 'group ' || id as name;
create table agents as select unnest(range(0, 60)) as id, 'agent ' || id as name;
"""
SLA = '{"first_reply": {"urgent": "1h", "*": "8h"}, "next_reply": "8h", "resolution": "40h"}'


@contextmanager
def warehouse(path: Path, memory_limit: str) -> Iterator[duckdb.DuckDBPyConnection]:
    """Open a DuckDB file with a memory limit."""
    with duckdb.connect(str(path), config={"memory_limit": memory_limit}) as connection:
        yield connection


def main() -> int:
    """Print the seconds of each model, and the peak memory of the process."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tickets", type=int, default=1_000_000, help="[%(default)s]")
    parser.add_argument("--memory-limit", default="600MB", help="of DuckDB [%(default)s]")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "tickets.duckdb"
        # In a process of its own, so that its memory does not count.
        if (child := os.fork()) == 0:
            with warehouse(path, "2GB") as connection:
                connection.execute(LOADED.replace("$tickets", str(options.tickets)))
            os._exit(0)
        os.waitpid(child, 0)
        settings = {
            "as_of": datetime(2026, 11, 1, tzinfo=timezone.utc),
            **HelpDeskReports(timezone="Europe/Berlin").parameters(load_profile()),
            "sla_targets": sla_targets(SLA),
        }
        began = time.perf_counter()
        with warehouse(path, options.memory_limit) as connection:
            connection.execute("use help_desk")
            roles = {role: [role] for role in ("comments", "status_changes", "groups", "agents")}
            sources = create_views(connection, "help_desk", roles, settings)
            parameters = prepare(connection, sources, settings)
            for each in build(connection, MODELS, parameters):
                name, seconds = each.model.name, each.seconds
                sys.stdout.write(f"{name:24} {seconds:7.2f} s {each.rows:10,} rows\n")
        seconds = time.perf_counter() - began
        used = resource.getrusage(resource.RUSAGE_SELF)
        memory, processor = peak_megabytes(used) / 1e3, used.ru_utime + used.ru_stime
        load = os.getloadavg()[0]
    sys.stdout.write(
        f"{options.tickets:,} tickets, {10 * options.tickets:,} comments: all models in "
        f"{seconds:.1f} s ({processor:.1f} s of processor time), {memory:.2f} GB at most, on "
        f"{os.cpu_count()} cores with a load of {load:.1f}\n"
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
