"""Serves the sandbox over HTTP from a thread of the calling process."""

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import uvicorn
from starlette.applications import Starlette

START_SECONDS = 30


@contextmanager
def serve(
    app: Starlette, *, host: str = "127.0.0.1", port: int = 0, dated: bool = True
) -> Iterator[str]:
    """Serve ``app`` while inside; the value is its base URL.

    Args:
        app: what answers.
        host: the address to listen on.
        port: the port to listen on; 0 takes a free one.
        dated: whether answers get the header Date, by this machine's clock.

    Raises:
        OSError: the port is taken.
    """
    listener = socket.create_server((host, port))
    # The access log would print every request's query, in which the key is.
    config = uvicorn.Config(
        app,
        log_level="warning",
        access_log=False,
        lifespan="off",
        date_header=dated,
        # A fault may still be holding a connection, for ever.
        timeout_graceful_shutdown=1,
    )
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, args=([listener],), name="sandbox", daemon=True)
    thread.start()
    try:
        _wait_until_started(server, thread)
        yield f"http://{host}:{listener.getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join()
        listener.close()


def _wait_until_started(server: uvicorn.Server, thread: threading.Thread) -> None:
    deadline = time.monotonic() + START_SECONDS
    while not server.started:
        if not thread.is_alive() or time.monotonic() > deadline:
            raise RuntimeError("The sandbox did not start; what uvicorn printed says why.")
        time.sleep(0.01)
