"""The benchmark results as Markdown tables and a plot."""

import os
import platform
from collections.abc import Mapping, Sequence
from importlib.metadata import version
from pathlib import Path

from helpdesk_assets_tests.bench.measure import Run

PACKAGES = ("dagster", "dagster-dlt", "dlt", "duckdb", "pyarrow")
COLOURS = {
    "this project": "#2a6fdb",
    "plain dlt": "#b0b0b0",
    "dlt, parquet": "#d8a03a",
    "by hand": "#4f9d69",
}

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


def plot(scenarios: Mapping[str, Scenario], growth: Mapping[int, Run], path: Path) -> None:
    """Plot the seconds of each contender, and of this project by number of tickets."""
    import matplotlib

    matplotlib.use("agg")
    from matplotlib import pyplot

    figure, (bars, line) = pyplot.subplots(
        1, 2, figsize=(11, 4), width_ratios=(3, 1), layout="constrained"
    )
    width = 0.8 / len(COLOURS)
    for place, (name, colour) in enumerate(COLOURS.items()):
        seconds = [runs[name].seconds for runs in scenarios.values()]
        drawn = bars.bar(
            [number + place * width for number in range(len(scenarios))],
            seconds,
            width,
            label=name,
            color=colour,
        )
        bars.bar_label(drawn, [_short(value) for value in seconds], fontsize=8)
    bars.set_xticks(
        [number + 1.5 * width for number in range(len(scenarios))],
        [title.replace(", ", "\n") for title in scenarios],
        fontsize=8,
    )
    bars.set_yscale("log")
    bars.set_ylabel("seconds, first request to committed rows")
    bars.legend(frameon=False, fontsize=8)
    sizes: Sequence[int] = list(growth)
    line.plot(sizes, [growth[size].seconds for size in sizes], "o-", color=COLOURS["this project"])
    line.set_xscale("log")
    line.set_yscale("log")
    line.set_xlabel("tickets")
    line.set_title("this project", fontsize=9)
    for axes in (bars, line):
        axes.spines[["top", "right"]].set_visible(False)
    figure.savefig(path, dpi=110, facecolor="white")


def _short(seconds: float) -> str:
    return f"{seconds:.2g}" if seconds < 10 else f"{seconds:.0f}"


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
