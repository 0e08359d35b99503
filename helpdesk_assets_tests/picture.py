"""Takes the README's picture: the lineage in the real UI, after a real run. See `make picture`."""

import subprocess
import sys
import tempfile
from pathlib import Path

from helpdesk_assets_tests.conftest import EXECUTE
from helpdesk_assets_tests.webserver import dagster_dev

CHROMIUM = (
    "chromium --headless --disable-gpu --disable-quic --disable-sync --no-first-run"
    " --disable-background-networking --disable-component-update --hide-scrollbars"
    # It may run as root in a container, and the only page it sees is this machine's.
    " --no-sandbox --window-size=1280,520 --virtual-time-budget=20000"
)


def take(picture: Path) -> None:
    """Run the job, open the lineage page and save what it looks like as a PNG file."""
    subprocess.run(EXECUTE, check=True)
    picture.unlink(missing_ok=True)
    with tempfile.TemporaryDirectory() as folder, dagster_dev(Path(folder) / "log") as webserver:
        arguments = [f"--user-data-dir={folder}/profile", f"--screenshot={picture}"]
        lineage = f"{webserver.url}/asset-groups/"
        with subprocess.Popen([*CHROMIUM.split(), *arguments, lineage]) as chromium:
            try:
                chromium.wait(timeout=40)
            except subprocess.TimeoutExpired:
                # It stays for as long as the page keeps its connection open.
                chromium.kill()
    if not picture.exists():
        sys.exit(f"Chromium took no picture of {lineage}.")


if __name__ == "__main__":
    take(Path(sys.argv[1]))
