"""Profiles for tests."""

from pathlib import Path

from helpdesk_assets.profiles import BUILT_IN

FILTER = """\
      date_filter:
        cursor_path: created_at
        start_param: created_since
        end_param: created_before
"""


def with_date_filter(file: Path) -> Path:
    """Write the default profile with the date filter of the sandbox; return the file."""
    text = (BUILT_IN / "default.yaml").read_text()
    file.write_text(text.replace("    fields:\n", f"{FILTER}    fields:\n"))
    return file


UNDATED = """\
        undated:
          params:
            undated: true
"""


def with_undated(file: Path) -> Path:
    """Write the default profile with all filters of the sandbox; return the file."""
    text = with_date_filter(file).read_text()
    file.write_text(text.replace(FILTER, FILTER + UNDATED))
    return file
