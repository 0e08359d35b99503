"""Command line of helpdesk_assets: `check` tests a help desk before the first sync."""

import argparse
import sys

from helpdesk_assets.settings import DEFAULT_DESK
from helpdesk_assets.shown import shown

# Maximum length of a finding.
LONGEST = 4000

EPILOG = """\
The base URL, the API key and all other settings are looked up as in a sync: in the environment,
.dlt/secrets.toml and .dlt/config.toml. Nothing is written, except that a refresh token is replaced
by a new one where the API requires it.

example:
  python -m helpdesk_assets check --profile ./desk.yaml
"""


def parser() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    result = argparse.ArgumentParser(prog="python -m helpdesk_assets", description=__doc__)
    commands = result.add_subparsers(dest="command", required=True)
    check = commands.add_parser(
        "check",
        help="read a few pages from the help desk and report what works",
        description="Read a few pages from the help desk and report what works and what does not.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    check.add_argument(
        "--profile",
        help="name of a built-in profile, or path of a profile [SOURCES__HELP_DESK__PROFILE, or "
        "default]",
    )
    check.add_argument(
        "--desk",
        default=DEFAULT_DESK,
        help="name of the help desk whose settings are used, such as SOURCES__EU__BASE_URL for eu "
        "[%(default)s]",
    )
    return result


def main(arguments: list[str] | None = None) -> int:
    """Run the command; return 0 if everything works, otherwise 1."""
    options = parser().parse_args(arguments)
    # Imported here, so that --help is fast.
    from helpdesk_assets.cli.preflight import look
    from helpdesk_assets.resources import HelpDeskApi

    well = True
    for finding in look(HelpDeskApi(desk=options.desk, profile=options.profile)):
        well = well and finding.ok is not False
        word = {True: "ok    ", None: "note  ", False: "FAILED"}[finding.ok]
        sys.stdout.write(f"{word}  {finding.what:8}  {shown(finding.message, LONGEST)}\n")
        sys.stdout.flush()
    return 0 if well else 1
