"""Profiles that tests write."""

from pathlib import Path

from helpdesk_assets.profiles import BUILT_IN

FILTER = """\
      date_filter:
        cursor_path: created_at
        start_param: created_since
        end_param: created_before
"""


def with_date_filter(file: Path) -> Path:
    """Write the default profile with a date filter, as the sandbox has one; return its file."""
    text = (BUILT_IN / "default.yaml").read_text()
    file.write_text(text.replace("    fields:\n", f"{FILTER}    fields:\n"))
    return file
