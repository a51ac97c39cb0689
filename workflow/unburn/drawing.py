"""Small vector figures for a page: drawn with matplotlib as SVG, in the page's own colours.

Text stays text, and colours are variables of the page, so that a figure follows its light or dark
scheme. Alone, as in Snakemake's report, it has the colours of the light one.
"""

import io
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import matplotlib
from matplotlib.axes import Axes
from matplotlib.figure import Figure as Canvas
from matplotlib.ticker import FuncFormatter, MaxNLocator

from unburn.numerals import count_text

# Stand-ins that matplotlib draws with, and what they are on a page: its variables, or these colours
# where there is none.
INK, LINE, FIRST, SECOND, THIRD = "#010203", "#010204", "#010205", "#010206", "#010207"
COLOURS = {
    INK: "var(--ink, #1c2733)",
    LINE: "var(--line, #d3dae1)",
    FIRST: "var(--first, #14708a)",
    SECOND: "var(--second, #b35900)",
    THIRD: "var(--third, #7d8b99)",
}
WIDTH_IN, HEIGHT_IN = 4.4, 2.5
ROW_IN = 0.26  # of a figure with a bar a row
STYLE: dict[Any, Any] = {
    "svg.fonttype": "none",
    "svg.hashsalt": "unburn",
    "font.family": "sans-serif",
    "font.size": 9,
    "text.color": INK,
    "text.parse_math": False,
    "axes.labelcolor": INK,
    "axes.edgecolor": LINE,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.axisbelow": True,
    "xtick.color": INK,
    "ytick.color": INK,
    "xtick.major.size": 0,
    "ytick.major.size": 0,
    "legend.frameon": False,
    "legend.fontsize": 8,
    "grid.color": LINE,
    "grid.linewidth": 0.6,
}


@dataclass(frozen=True)
class Figure:
    """A figure: its finding in a sentence, its numbers as a table, and the drawing."""

    name: str
    title: str
    finding: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]  # none where there is nothing to draw
    svg: str


# --- drawing


def svg(name: str, canvas: Canvas) -> str:
    """Write a drawing as SVG whose identifiers are its own and whose colours are the page's."""
    text = io.StringIO()
    canvas.savefig(text, format="svg", metadata={"Date": None, "Creator": None, "Format": None,
                   "Type": None}, transparent=True)  # fmt: skip
    drawn = text.getvalue()
    drawn = drawn[drawn.index("<svg") :]
    drawn = re.sub(r"<metadata>.*?</metadata>", "", drawn, flags=re.DOTALL)
    drawn = re.sub(r'(\bid="|href="#|url\(#)', rf"\g<1>{name}-", drawn)
    drawn = re.sub(r"\bhref=\"#", 'href="#', drawn)
    for stand_in, colour in COLOURS.items():
        drawn = drawn.replace(stand_in, colour)
    return re.sub(r">\s+<", "><", drawn).strip() + "\n"


def drawing(draw: Callable[[Axes], None], height_in: float = HEIGHT_IN) -> Canvas:
    """A drawing of one pair of axes."""
    canvas = Canvas(figsize=(WIDTH_IN, height_in), layout="constrained")
    draw(canvas.add_subplot())
    return canvas


def nothing(axes: Axes) -> None:
    """Draw the words that say that there is nothing to draw."""
    axes.set_axis_off()
    axes.text(0.5, 0.5, "nothing to draw", ha="center", va="center", transform=axes.transAxes)


def figure(
    name: str,
    title: str,
    finding: str,
    columns: Sequence[str],
    rows: Iterable[Sequence[str]],
    draw: Callable[[Axes], None],
    height_in: float = HEIGHT_IN,
) -> Figure:
    """Draw a figure; without rows it says so instead."""
    table = tuple(tuple(row) for row in rows)
    with matplotlib.rc_context(STYLE):
        canvas = drawing(draw, height_in) if table else drawing(nothing, 1.0)
        return Figure(name, title, finding, tuple(columns), table, svg(name, canvas))


def counted(axes: Axes, axis: Literal["x", "y"]) -> None:
    """Let an axis count things: whole numbers, with fine lines."""
    which = axes.xaxis if axis == "x" else axes.yaxis
    which.set_major_locator(MaxNLocator(nbins=5, integer=True))
    which.set_major_formatter(FuncFormatter(lambda value, _: count_text(int(value))))
    axes.grid(axis=axis)
    axes.spines["left" if axis == "x" else "bottom"].set_color(INK)


def histogram(
    axes: Axes, counts: Sequence[int], names: Sequence[str], what: str, colours: Sequence[str]
) -> None:
    """Draw counts as bars side by side, each with its number."""
    places = range(len(counts))
    axes.bar(places, counts, width=0.86, color=colours)
    for place, count in zip(places, counts, strict=True):
        if count:
            axes.annotate(count_text(count), (place, count), ha="center", va="bottom", fontsize=8)
    axes.set_xticks(list(places), names)
    axes.set_ylabel(what)
    axes.margins(y=0.12)
    counted(axes, "y")
