"""Charts for the metadata of materializations: small SVG images in Markdown.

Dagster's UI shows Markdown of fewer than 1,000 characters in place, and a link to it otherwise
(``MetadataEntry.tsx`` in Dagster's ``ui-core``). No charting library draws that briefly, and
importing one takes longer than most models; therefore they are written here. They have a light
background of their own, so that they are legible on any page.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date
from html import escape
from typing import TypeVar
from unicodedata import east_asian_width

from helpdesk_assets.shown import shown

NONE = "no status"
# Maximum length of an image in Markdown that is shown in place, in UTF-16 units, as JavaScript
# counts. The rest of 999 is for the Markdown around it, with the name of a table.
LONGEST = 940
# Maximum length of a label, and number of bars.
LONGEST_LABEL = 28
MOST_BARS = 10
WIDTH = 360
# Heights in pixels: of the area of a chart of days, and of a line with a bar.
TALLEST = 96
LINE = 18
LABELS_END = 170
LONGEST_BAR = 140

P = TypeVar("P")

# Characters that mean something in a URL, in HTML or in Markdown.
_ESCAPED = {ord(letter): f"%{ord(letter):02X}" for letter in '%<>#&\\"()[]{}|^` '}


@dataclass(frozen=True)
class Drawn:
    """The elements of an image, and their height in pixels."""

    elements: str
    height: int


def chart_of_days(title: str, days: Sequence[tuple[date, int]]) -> str:
    """Return an image of a number per day; the earliest days are omitted if needed.

    Args:
        title: what is counted.
        days: each day and its number, in order, without gaps.
    """
    return _longest_that_fits(title, days, _of_days)


def chart_of_bars(title: str, bars: Sequence[tuple[str, int]]) -> str:
    """Return an image of a bar with its value per label; the last ones are omitted if needed.

    Args:
        title: what is counted.
        bars: each label and its number, the first on top.
    """
    return _longest_that_fits(title, bars[:MOST_BARS][::-1], lambda kept: _of_bars(kept[::-1]))


def as_address(image: str) -> str:
    """Return an SVG image as a data URL, for Markdown or HTML."""
    return "data:image/svg+xml," + image.translate(_ESCAPED)


def as_markdown(name: str, image: str) -> str:
    """Return Markdown that shows an image.

    Args:
        name: the name of the table that it is drawn from.
        image: an SVG image.
    """
    return f"![{name}]({as_address(image)})"


def _longest_that_fits(title: str, parts: Sequence[P], draw: Callable[[Sequence[P]], Drawn]) -> str:
    """Return an image of the last parts, as many as fit."""
    for left_out in range(len(parts)):
        image = _svg(title, draw(parts[left_out:]))
        if len(as_address(image).encode("utf-16-le")) <= 2 * LONGEST:
            return image
    return _svg(title, Drawn("<text y='34'>no data</text>", LINE))


def _svg(title: str, drawn: Drawn) -> str:
    """Return an SVG image with a title; labels are text, so that any script can be displayed."""
    return (
        f"<svg xmlns='http://www.w3.org/2000/svg' width='{WIDTH}' height='{drawn.height + 22}'"
        " style='background:#fff;font:12px sans-serif'>"
        f"<text y='14' font-weight='700'>{escape(title, quote=False)}</text>{drawn.elements}</svg>"
    )


def _of_days(days: Sequence[tuple[date, int]]) -> Drawn:
    most = max(number for _, number in days)
    bottom, step = TALLEST + 26, max(1, WIDTH // len(days))
    outline, height, ahead = f"M0,{bottom}", 0, 0
    for _, number in days:
        taller = round(TALLEST * number / most) if most else 0
        if taller != height:
            outline += (f"h{ahead}" if ahead else "") + f"v{height - taller}"
            height, ahead = taller, 0
        ahead += step
    outline += f"h{ahead}V{bottom}z"
    end = step * len(days)
    return Drawn(
        f"<path fill='#0072b2' d='{outline}'/>"
        f"<text y='{bottom + 15}'>{days[0][0]}</text>"
        f"<text x='{end}' y='{bottom + 15}' text-anchor='end'>{days[-1][0]}: {days[-1][1]:,}</text>"
        f"<text x='{end}' y='14' text-anchor='end'>at most {most:,}</text>",
        bottom,
    )


def _of_bars(bars: Sequence[tuple[str, int]]) -> Drawn:
    most = max(number for _, number in bars) or 1
    texts, lines = "", ""
    for place, (label, number) in enumerate(bars):
        length = round(LONGEST_BAR * number / most)
        lines += f"M{LABELS_END},{31 + LINE * place}h{length}"
        texts += (
            f"<tspan x='0' y='{35 + LINE * place}'>{escape(_short(label), quote=False)}</tspan>"
            f"<tspan x='{LABELS_END + 6 + length}'>{number:,}</tspan>"
        )
    return Drawn(
        f"<path stroke='#0072b2' stroke-width='14' d='{lines}'/><text>{texts}</text>",
        LINE * len(bars) + 4,
    )


def _short(label: str) -> str:
    """Return a label that fits in front of a bar; the letters of some scripts are wide."""
    is_wide = any(east_asian_width(letter) in "FW" for letter in label[:LONGEST_LABEL])
    return shown(label, LONGEST_LABEL // 2 if is_wide else LONGEST_LABEL)
