"""The command line: `python -m helpdesk_assets check` looks at a help desk before a sync does."""

import argparse
import sys

from helpdesk_assets.settings import DEFAULT_DESK
from helpdesk_assets.shown import shown

# Letters of what is said of one thing.
LONGEST = 4000

EPILOG = """\
The address, the key and whatever else a sync takes are looked up as for a sync: in the environment,
.dlt/secrets.toml and .dlt/config.toml. Nothing is written anywhere.

example:
  python -m helpdesk_assets check --profile ./desk.yaml
"""


def parser() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    result = argparse.ArgumentParser(prog="python -m helpdesk_assets", description=__doc__)
    commands = result.add_subparsers(dest="command", required=True)
    check = commands.add_parser(
        "check",
        help="read some pages of the help desk, and say what works",
        description="Read some pages of the help desk, and say what works and what does not.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    check.add_argument(
        "--profile",
        help="name of a built-in profile, or path of one [SOURCES__HELP_DESK__PROFILE, or default]",
    )
    check.add_argument(
        "--desk",
        default=DEFAULT_DESK,
        help="name of the help desk, whose settings are looked up: SOURCES__EU__BASE_URL and "
        "others for eu [%(default)s]",
    )
    return result


def main(arguments: list[str] | None = None) -> int:
    """Run the command; return 0 when all is well, and 1 when something is not."""
    options = parser().parse_args(arguments)
    # Imported when it is clear that they are needed, for --help should not take a second.
    from helpdesk_assets.cli.preflight import look
    from helpdesk_assets.resources import HelpDeskApi

    well = True
    for finding in look(HelpDeskApi(desk=options.desk, profile=options.profile)):
        well = well and finding.ok is not False
        word = {True: "ok    ", None: "note  ", False: "FAILED"}[finding.ok]
        sys.stdout.write(f"{word}  {finding.what:8}  {shown(finding.said, LONGEST)}\n")
        sys.stdout.flush()
    return 0 if well else 1
