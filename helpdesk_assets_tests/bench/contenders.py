"""The programs that are compared, each in a separate process.

`python -m helpdesk_assets_tests.bench.contenders NAME BASE_URL DUCKDB_FILE IN_FLIGHT` loads every
ticket. It prints as JSON when the rows were committed (by the machine's monotonic clock), the
number of rows, and the peak memory in MB.
"""

import importlib
import json
import logging
import os
import resource
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

KEY = "bench-key"
TABLE = "help_desk.help_desk_tickets"
# dlt imports these lazily, so that the import would be included in the time.
DLT_IMPORTS = (
    "dlt.common.libs.pyarrow",
    "dlt.destinations.impl.duckdb.duck",
    "dlt.load.load",
    "dlt.normalize.worker",
)


def ours(base_url: str, file: str, in_flight: int) -> Callable[[], None]:
    """Load with this project's source and pipeline, as its asset does."""
    # A run of the asset imports this before its first request. Imports are not timed.
    for module in (*DLT_IMPORTS, "helpdesk_assets.definitions"):
        importlib.import_module(module)
    from helpdesk_assets.resources import HelpDeskApi, HelpDeskWarehouse

    api = HelpDeskApi(base_url=base_url, api_key=KEY, pages_in_flight=in_flight)
    warehouse = HelpDeskWarehouse(credentials=file)

    def run() -> None:
        with (
            api.connection("bench") as connection,
            warehouse.loading() as load,
            connection.walk() as walk,
        ):
            load.pipeline.run(connection.source(walk), loader_file_format="parquet")

    return run


def plain(base_url: str, file: str, in_flight: int, **options: Any) -> Callable[[], None]:
    """Load with dlt alone, configured as the API documents. It requests one page at a time."""
    import dlt

    for module in DLT_IMPORTS:
        importlib.import_module(module)
    from helpdesk_assets_tests.support.plain import plain_source

    def run() -> None:
        pipeline = dlt.pipeline(
            "plain",
            pipelines_dir=str(Path(file).parent / "pipelines"),
            destination=dlt.destinations.duckdb(file),
            dataset_name="help_desk",
        )
        pipeline.run(plain_source(base_url, KEY), **options)

    return run


def parquet(base_url: str, file: str, in_flight: int) -> Callable[[], None]:
    """Load with plain dlt, through Parquet files."""
    return plain(base_url, file, in_flight, loader_file_format="parquet")


def limit(base_url: str, file: str, in_flight: int) -> Callable[[], None]:
    """Load with a minimal script: no checks, no state, everything in memory."""
    import asyncio

    import aiohttp
    import duckdb
    import orjson
    import pyarrow as pa

    async def pages() -> list[Any]:
        found: dict[int, Any] = {}
        async with aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=in_flight)
        ) as session:

            async def get(offset: int) -> Any:
                params = {"offset": str(offset), "limit": "100", "api_key": KEY}
                async with session.get(f"{base_url}/v1/tickets", params=params) as response:
                    body = orjson.loads(await response.read())
                found[offset] = body["data"]
                return body["total"]

            offsets = iter(range(100, await get(0), 100))

            async def work() -> None:
                for offset in offsets:
                    await get(offset)

            await asyncio.gather(*(work() for _ in range(in_flight)))
        return [row for offset in sorted(found) for row in found[offset]]

    def run() -> None:
        tickets = pa.Table.from_pylist(asyncio.run(pages()))
        with duckdb.connect(file) as connection:
            connection.register("tickets", tickets)
            connection.execute("create schema if not exists help_desk")
            connection.execute(f"create table if not exists {TABLE} as from tickets limit 0")
            connection.execute(f"create unique index if not exists by_id on {TABLE} (id)")
            connection.execute(f"insert or replace into {TABLE} from tickets")
            connection.execute(f"select count(*) from {TABLE}").fetchall()

    return run


CONTENDERS = {"this project": ours, "plain dlt": plain, "dlt, parquet": parquet, "by hand": limit}


def peak_megabytes(used: resource.struct_rusage) -> float:
    """Return the peak memory of a process in MB, which Linux reports in units of 1,024 bytes."""
    return used.ru_maxrss * 1024 / 1e6


def main(name: str, base_url: str, file: str, in_flight: str) -> None:
    """Run one contender, and print its result."""
    import duckdb

    os.environ["RUNTIME__DLTHUB_TELEMETRY"] = "false"
    run = CONTENDERS[name](base_url, file, int(in_flight))
    logging.getLogger("dlt").setLevel(logging.ERROR)
    run()
    committed = time.monotonic()
    with duckdb.connect(file, read_only=True) as connection:
        rows = connection.execute(f"select count(*), count(distinct id) from {TABLE}").fetchall()[0]
    memory = peak_megabytes(resource.getrusage(resource.RUSAGE_SELF))
    sys.stdout.write(json.dumps({"committed": committed, "rows": rows, "memory": memory}) + "\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
