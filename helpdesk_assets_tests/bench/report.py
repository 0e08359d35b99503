"""The benchmark results as Markdown tables and a chart."""

import os
import platform
from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path

from helpdesk_assets_tests.bench.measure import Run

PACKAGES = ("dagster", "dagster-dlt", "dlt", "duckdb", "pyarrow")

Scenario = Mapping[str, Run]


def machine() -> str:
    """Describe the machine and the versions."""
    try:
        cpu = next(
            line.partition(":")[2].strip()
            for line in Path("/proc/cpuinfo").read_text().splitlines()
            if line.startswith("model name")
        )
    except (OSError, StopIteration):
        cpu = platform.machine()
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    versions = ", ".join(f"{name} {version(name)}" for name in PACKAGES)
    return (
        f"{cpu}, {os.cpu_count()} cores, {memory:.0f} GiB; {platform.system()}, "
        f"Python {platform.python_version()}, {versions}."
    )


def scenario_table(scenarios: Mapping[str, Scenario]) -> str:
    """Return a table of the contenders' results by scenario."""
    lines = [
        "| what is loaded | by | seconds | peak memory, MB | requests |"
        " times as fast as plain dlt | times as long as by hand |",
        "| --- | --- | ---: | ---: | ---: | ---: | ---: |",
    ]
    for title, runs in scenarios.items():
        plain, limit = runs["plain dlt"].seconds, runs["by hand"].seconds
        lines += [
            f"| {title} | {name} | {run.seconds:.2f} | {run.megabytes:.0f} | {run.requests:.0f} | "
            f"{plain / run.seconds:.1f} | {run.seconds / limit:.2f} |"
            for name, run in runs.items()
        ]
    return "\n".join(lines)


def growth_table(growth: Mapping[int, Run]) -> str:
    """Return a table of this project's results by number of tickets."""
    lines = [
        "| tickets | seconds | seconds per 100,000 | peak memory, MB |",
        "| ---: | ---: | ---: | ---: |",
    ]
    lines += [
        f"| {tickets:,} | {run.seconds:.2f} | {run.seconds / tickets * 100_000:.2f} | "
        f"{run.megabytes:.0f} |"
        for tickets, run in growth.items()
    ]
    return "\n".join(lines)


def bar_chart(title: str, values: Mapping[str, float]) -> str:
    """Return a chart in the syntax of Mermaid, which GitHub draws: a bar per name."""
    # Mermaid has its own meaning for a backtick.
    names = ", ".join(f'"{name}"' for name in values).replace("`", "")
    lengths = ", ".join(f"{value:.2f}" for value in values.values())
    return "\n".join(
        (
            "```mermaid",
            "xychart-beta horizontal",
            f'    title "{title}"',
            f"    x-axis [{names}]",
            f"    bar [{lengths}]",
            "```",
        )
    )


def replace_measured(page: Path, report: str, what: str = "") -> None:
    """Replace what was measured in a page of the documentation.

    Args:
        page: the page; created if it does not exist.
        report: the new text between the markers.
        what: the name in the markers, in a page with several.
    """
    name = f": {what}" if what else ""
    begin, end = f"<!-- measured{name} -->", f"<!-- end of what was measured{name} -->"
    text = page.read_text() if page.exists() else f"{begin}\n{end}\n"
    before, after = text.partition(begin)[0], text.partition(end)[2]
    page.write_text(f"{before}{begin}\n\n{report}\n\n{end}{after}")
