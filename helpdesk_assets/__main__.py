"""Runs the command line: ``python -m helpdesk_assets``."""

import sys

from helpdesk_assets.cli.main import main

if __name__ == "__main__":
    sys.exit(main())
