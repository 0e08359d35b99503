"""Charts as SVG, on their own light background, so that they are legible on any page.

They are drawn with matplotlib, without its global state; it is imported when it is needed.
"""

import base64
import io
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, timedelta
from importlib.util import find_spec
from typing import TYPE_CHECKING, Literal
from xml.etree import ElementTree

from helpdesk_assets.shown import shown

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# Colours that people with any colour vision can distinguish (Okabe and Ito, 2008), and a grey for
# all other statuses.
COLOURS = ("#0072b2", "#e69f00", "#009e73", "#cc79a7", "#56b4e9", "#d55e00", "#8a6d3b")
GREY = "#999999"
INK = "#222222"
FEWEST_DAYS = 15
# matplotlib counts days from this date.
EPOCH = date(1970, 1, 1)
NONE = "no status"
CANNOT_BE_DRAWN = "Charts need matplotlib: pip install 'helpdesk_assets[reports]'."
OTHERS = "others"
# Maximum length of a label.
LONGEST_LABEL = 40


def can_be_drawn() -> bool:
    """Return whether matplotlib is installed."""
    return find_spec("matplotlib") is not None


@dataclass(frozen=True)
class Series:
    """A part of each bar: its name, and its length in each bar."""

    name: str
    values: Sequence[int]


def by_status(
    rows: Sequence[tuple[date, str | None, int]],
) -> tuple[list[date], list[Series]]:
    """Return the days, and a series of counts per status, most frequent first.

    Args:
        rows: day, status and number of tickets.
    """
    days = sorted({day for day, _, _ in rows})
    totals: dict[str | None, int] = {}
    counted: dict[tuple[date, str | None], int] = {}
    for day, status, tickets in rows:
        totals[status] = totals.get(status, 0) + tickets
        counted[day, status] = counted.get((day, status), 0) + tickets
    ranked = sorted(totals, key=lambda status: (-totals[status], str(status)))
    own, left = ranked[: len(COLOURS)], ranked[len(COLOURS) :]
    series = [
        Series(_plain(status), [counted.get((day, status), 0) for day in days]) for status in own
    ]
    if left:
        rest = [sum(counted.get((day, status), 0) for status in left) for day in days]
        series.append(Series(OTHERS, rest))
    return days, series


def volume_chart(rows: Sequence[tuple[date, str | None, int]]) -> "Figure":
    """Draw the number of tickets opened per day, one colour per status."""
    days, series = by_status(rows)
    with _axes(3.2, "tickets opened per day", counted="y") as (figure, axes):
        if not days:
            _nothing(axes)
            return figure
        # One outline per status: one bar per day would make the file ten times as large.
        edges = [(day - EPOCH).days for day in [*days, days[-1] + timedelta(days=1)]]
        floor = [0] * len(days)
        for place, part in enumerate(series):
            colour = COLOURS[place] if place < len(COLOURS) else GREY
            top = [low + value for low, value in zip(floor, part.values, strict=True)]
            axes.stairs(top, edges, baseline=floor, fill=True, color=colour, label=part.name)
            floor = top
        axes.xaxis_date()
        # With fewer days, the axis would show hours.
        axes.set_xlim(edges[-1] - max(len(days), FEWEST_DAYS), edges[-1])
        axes.set_ylim(bottom=0)
        axes.legend(loc="upper left", bbox_to_anchor=(1, 1), frameon=False, labelcolor=INK)
        return figure


def bar_chart(labels: Sequence[str], values: Sequence[int], what: str) -> "Figure":
    """Draw a horizontal bar per label, the first on top, with its value next to it."""
    with _axes(0.9 + 0.36 * max(1, len(labels)), what, counted="x") as (figure, axes):
        if not labels:
            _nothing(axes)
            return figure
        bars = axes.barh(range(len(labels)), values, color=COLOURS[0], height=0.7)
        axes.set_yticks(range(len(labels)), [shown(label, 2 * LONGEST_LABEL) for label in labels])
        axes.bar_label(bars, labels=[f"{value:,}" for value in values], padding=4, color=INK)
        axes.invert_yaxis()
        axes.margins(x=0.12)
        return figure


def _nothing(axes: "Axes") -> None:
    axes.text(0.5, 0.5, "no data", ha="center", color=INK, transform=axes.transAxes)
    axes.set_xticks([])
    axes.set_yticks([])


def svg(figure: "Figure") -> bytes:
    """Return a figure as SVG, with labels as text, so that any script can be displayed."""
    import matplotlib as mpl

    image = io.BytesIO()
    # The same table results in the same image.
    with mpl.rc_context({"svg.fonttype": "none", "svg.hashsalt": "help_desk"}):
        figure.savefig(image, format="svg", metadata={"Date": None, "Creator": None})
    # matplotlib writes coordinates with six decimals.
    picture = re.sub(rb"(\d\.\d\d)\d+", rb"\1", image.getvalue())
    # A browser does not show an SVG that is not XML. matplotlib escapes text, so it cannot contain
    # foreign entities.
    ElementTree.fromstring(picture)  # noqa: S314
    return picture


def as_address(image: bytes) -> str:
    """Return an SVG as a data URL, for a self-contained page."""
    return f"data:image/svg+xml;base64,{base64.b64encode(image).decode()}"


@contextmanager
def _axes(
    height: float, title: str, *, counted: Literal["x", "y"]
) -> Iterator[tuple["Figure", "Axes"]]:
    """Create a figure with one pair of axes, one of which shows counts."""
    import matplotlib as mpl
    from matplotlib.figure import Figure
    from matplotlib.ticker import MaxNLocator

    # A status may contain characters that matplotlib would parse as mathematics.
    with mpl.rc_context({"text.parse_math": False}):
        figure = Figure(figsize=(9, height), layout="constrained", facecolor="white")
        axes = figure.subplots()
        yield figure, axes
        axes.set_title(title, loc="left", color=INK, fontsize=11)
        axes.tick_params(colors=INK, length=0)
        axes.spines[["top", "right", "left"]].set_visible(False)
        axes.spines["bottom"].set_color(GREY)
        axis = axes.xaxis if counted == "x" else axes.yaxis
        if len(axis.get_majorticklocs()):
            axis.set_major_locator(MaxNLocator(integer=True))


def _plain(status: str | None) -> str:
    """Return a label that matplotlib shows: it hides labels starting with _ in legends."""
    if status is None:
        return NONE
    label = shown(status, LONGEST_LABEL)
    return f" {label}" if label.startswith("_") else label
