"""A client that discards its responses, to measure how many pages per second the server can send.

`python -m helpdesk_assets_tests.bench.client BASE_URL PAGES` prints that number.
"""

import asyncio
import sys
import time
from urllib.parse import urlsplit

CONNECTIONS = 8


async def _read(host: str, port: int, pages: int) -> None:
    reader, writer = await asyncio.open_connection(host, port)
    for page in range(pages):
        writer.write(
            b"GET /v1/tickets?offset=%d&limit=100&api_key=bench-key HTTP/1.1\r\nHost: a\r\n\r\n"
            % (page * 100)
        )
        head = await reader.readuntil(b"\r\n\r\n")
        await reader.readexactly(int(head.rpartition(b"Content-Length: ")[2]))
    writer.close()


async def _rate(base_url: str, pages: int) -> float:
    address = urlsplit(base_url)
    began = time.perf_counter()
    await asyncio.gather(
        *(
            _read(str(address.hostname), address.port or 80, pages // CONNECTIONS)
            for _ in range(CONNECTIONS)
        )
    )
    return pages / (time.perf_counter() - began)


if __name__ == "__main__":
    sys.stdout.write(f"{asyncio.run(_rate(sys.argv[1], int(sys.argv[2]))):.0f}\n")
