"""The command line of the sandbox."""

import argparse
import os
import signal
import subprocess
import sys
import threading
from datetime import datetime, timedelta, timezone
from pathlib import Path

from helpdesk_assets.sandbox.app import DEFAULT_API_KEY, build_app
from helpdesk_assets.sandbox.desk import ORDERS, Desk
from helpdesk_assets.sandbox.faults import FAULTS
from helpdesk_assets.sandbox.server import serve

EPILOG = """\
examples:
  python -m helpdesk_assets.sandbox --port 8010 --tickets 2500 --seed 1
  python -m helpdesk_assets.sandbox --port 0 -- dagster dev

With a command after --, the sandbox runs it with SOURCES__HELP_DESK__BASE_URL, API_KEY and, unless
it is set, SOURCES__HELP_DESK__PROFILE set, stops when it ends, and returns its exit code. Without a
command, it serves until Ctrl-C.
"""
# The profile of the sandbox, with all of its lists.
PROFILE = Path(__file__).with_name("sandbox.yaml")
# The age of the oldest ticket.
SPAN = timedelta(days=365)


def parser() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    result = argparse.ArgumentParser(
        prog="python -m helpdesk_assets.sandbox",
        description="A local help desk with made-up tickets: GET /v1/tickets over HTTP.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    result.add_argument("--host", default="127.0.0.1", help="address to listen on [%(default)s]")
    result.add_argument(
        "--port", type=int, default=8010, help="port to listen on; 0: any free port [%(default)s]"
    )
    result.add_argument(
        "--tickets", type=_count, default=2500, help="number of tickets [%(default)s]"
    )
    result.add_argument(
        "--seed", type=int, default=1, help="seed of the generated tickets [%(default)s]"
    )
    result.add_argument(
        "--now",
        type=_instant,
        metavar="TIME",
        help="when the newest tickets are created, such as 2026-10-31T18:00Z [the current hour]",
    )
    result.add_argument("--api-key", default=DEFAULT_API_KEY, help="accepted key [%(default)s]")
    result.add_argument("--no-total", action="store_true", help="send no total number of tickets")
    result.add_argument(
        "--order",
        choices=ORDERS,
        default="id",
        help="sort order of tickets [%(default)s]; --order=-id: newest first",
    )
    result.add_argument(
        "--latency",
        type=float,
        default=0,
        metavar="SECONDS",
        help="delay of each response [%(default)s]",
    )
    result.add_argument(
        "--churn",
        type=float,
        default=0,
        metavar="RATE",
        help="average number of tickets deleted, added or reopened after each page [%(default)s]",
    )
    result.add_argument(
        "--fault", choices=FAULTS, metavar="NAME", help="simulate a fault; see --list-faults"
    )
    result.add_argument("--list-faults", action="store_true", help="list faults and exit")
    result.add_argument(
        "command", nargs="*", metavar="-- COMMAND", help="command to run against the sandbox"
    )
    return result


def main(arguments: list[str] | None = None) -> int:
    """Serve until Ctrl-C, or until the given command ends. Return the exit code."""
    options = parser().parse_args(arguments)
    if options.list_faults:
        for fault in FAULTS.values():
            sys.stdout.write(f"{fault.name:18}{fault.description}\n")
        return 0
    desk = Desk(
        options.tickets,
        options.seed,
        order=options.order,
        churn=options.churn,
        clock=_now,
        # Starting it again within the hour gives the same tickets.
        end=options.now or _now().replace(minute=0, second=0),
        span=SPAN,
    )
    app = build_app(
        desk,
        api_key=options.api_key,
        total=not options.no_total,
        latency=options.latency,
        fault=FAULTS[options.fault].make() if options.fault else None,
    )
    # SIGTERM stops the server and the command cleanly, as Ctrl-C does; also in a sandbox started
    # in the background by a shell, which ignores SIGINT.
    for interrupt in (signal.SIGINT, signal.SIGTERM):
        signal.signal(interrupt, signal.default_int_handler)
    try:
        with serve(app, host=options.host, port=options.port) as base_url:
            sys.stderr.write(f"Serving a help desk with {options.tickets} tickets at {base_url}\n")
            sys.stderr.flush()
            if options.command:
                return _run(options.command, base_url, options.api_key)
            threading.Event().wait()
    except OSError as error:
        sys.stderr.write(
            f"The sandbox cannot listen on {options.host}:{options.port}: {error.strerror}. "
            "Choose another --port, or 0 for a free one.\n"
        )
        return 1
    except KeyboardInterrupt:
        sys.stderr.write("Help desk stopped.\n")
    return 0


def _run(command: list[str], base_url: str, api_key: str) -> int:
    profile = {"SOURCES__HELP_DESK__PROFILE": str(PROFILE)}
    settings = {"SOURCES__HELP_DESK__BASE_URL": base_url, "API_KEY": api_key}
    with subprocess.Popen(command, env={**profile, **os.environ, **settings}) as process:
        try:
            return process.wait()
        except KeyboardInterrupt:
            # Ctrl-C in a terminal has reached the command as well; SIGTERM has not.
            if process.poll() is None:
                process.send_signal(signal.SIGINT)
            return process.wait()


def _now() -> datetime:
    return datetime.now(timezone.utc).replace(microsecond=0)


def _instant(text: str) -> datetime:
    # Python 3.10 does not know Z.
    instant = datetime.fromisoformat(text.replace("Z", "+00:00"))
    return instant if instant.tzinfo else instant.replace(tzinfo=timezone.utc)


def _count(text: str) -> int:
    number = int(text)
    if number < 0:
        raise argparse.ArgumentTypeError("must be 0 or more")
    return number


if __name__ == "__main__":
    sys.exit(main())
