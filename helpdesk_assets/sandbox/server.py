"""Serves the sandbox over HTTP in a thread of the calling process."""

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
    """Serve ``app`` inside a ``with`` block; the value is its base URL.

    Args:
        app: the web application.
        host: the address to listen on.
        port: the port to listen on; 0: any free port.
        dated: whether responses have a Date header, from this machine's clock.

    Raises:
        OSError: the port is in use.
    """
    listener = socket.create_server((host, port))
    # The access log would print every request's query, which contains the key.
    config = uvicorn.Config(
        app,
        log_level="warning",
        access_log=False,
        lifespan="off",
        date_header=dated,
        # A fault may hold a connection open forever.
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
            raise RuntimeError("The sandbox did not start: see the output of uvicorn.")
        time.sleep(0.01)
