"""The demo on DuckLake."""

import subprocess
import sys
from pathlib import Path

import pytest

from helpdesk_assets_tests.conftest import PROJECT

pytestmark = pytest.mark.scale


def test_make_demo_lake_prints_the_result(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # Otherwise, make would behave differently if it has started these tests itself.
    monkeypatch.delenv("MAKEFLAGS", raising=False)
    monkeypatch.delenv("MAKELEVEL", raising=False)
    data = tmp_path / "data"
    ran = subprocess.run(
        [
            *("make", f"--old-file={sys.prefix}/.ready", f"SCALE_VENV={sys.prefix}"),
            *(f"DATA={data}", "demo-lake"),
        ],
        cwd=PROJECT,
        capture_output=True,
        text=True,
        timeout=280,
        check=False,
    )

    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert "2,500 rows in help_desk.help_desk_tickets of the DuckLake ducklake in" in ran.stdout
    assert "FAILED" not in ran.stdout
    assert list((data / "sandbox.files").rglob("*.parquet"))
    assert (data / "sandbox.sqlite").stat().st_mode & 0o777 == 0o600
