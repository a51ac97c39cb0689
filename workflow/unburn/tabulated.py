"""A table of figures as CSV, Markdown, LaTeX and HTML, and figures with intervals as pictures."""

import io
import logging
import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import matplotlib as mpl
from markupsafe import Markup, escape
from matplotlib.figure import Figure as Drawing

from unburn.files import replacing
from unburn.intervals import Figure
from unburn.tables import write_csv

logging.getLogger("matplotlib").setLevel(logging.ERROR)  # it would name folders of the home
logging.getLogger("fontTools").setLevel(logging.ERROR)

Cell = str | int | Figure
COLOURS = ("#1f4e9c", "#c2571a", "#2a8a4a", "#a03a8a", "#555555", "#b8860b", "#2b8fa8", "#7a3b1e")
DASH = "–"  # between bounds
TEX = {"&": r"\&", "%": r"\%", "_": r"\_", "#": r"\#", "$": r"\$", "<": r"\textless{}",
       ">": r"\textgreater{}", "≤": r"$\leq$", "≥": r"$\geq$", "≈": r"$\approx$",
       "–": "--", "°": r"$^\circ$"}  # fmt: skip


@dataclass(frozen=True)
class Table:
    """A table: one row for each of ``rows``, a mapping from names of columns to cells.

    ``digits`` by column, 3 where none are named; ``notes`` stand below.
    """

    name: str
    title: str
    about: str
    columns: tuple[str, ...]
    rows: tuple[Mapping[str, Cell], ...]
    digits: Mapping[str, int]
    notes: tuple[str, ...] = ()

    def printed(self) -> list[list[str]]:
        """Cells as people read them."""
        return [
            [printed(row.get(c, ""), self.digits.get(c, 3)) for c in self.columns]
            for row in self.rows
        ]


def printed(cell: Cell, digits: int) -> str:
    """A cell as people read it: the value with its bounds, zero of n with the upper one."""
    if not isinstance(cell, Figure):
        return str(cell)
    if not math.isfinite(cell.value):
        return ""
    value = f"{cell.value:.{digits}f}"
    if not math.isfinite(cell.low):
        return value
    if cell.value == 0 < cell.high:
        return f"0 of {cell.of} (at most {_ceiled(cell.high, digits)})"
    return f"{value} ({cell.low:.{digits}f}{DASH}{cell.high:.{digits}f})"


def _ceiled(bound: float, digits: int) -> str:
    """An upper bound, never rounded to 0."""
    return f"{bound:.{digits}f}" if bound >= 0.5 * 10**-digits else f"{bound:.1g}"


# ------------------------------------------------------------------ files


def csv_rows(table: Table) -> tuple[list[dict[str, Any]], list[str]]:
    """Rows and columns for a CSV: a figure becomes its value, two bounds and a count."""
    columns: list[str] = []
    for name in table.columns:
        figures = any(isinstance(row.get(name), Figure) for row in table.rows)
        columns += [name, f"{name}: low", f"{name}: high", f"{name}: of"] if figures else [name]
    rows = []
    for row in table.rows:
        flat: dict[str, Any] = dict.fromkeys(columns, "")
        for name, cell in row.items():
            if not isinstance(cell, Figure):
                flat[name] = cell
                continue
            parts = zip(("", ": low", ": high"), (cell.value, cell.low, cell.high), strict=True)
            flat |= {name + end: f"{v:.6g}" if math.isfinite(v) else "" for end, v in parts}
            flat[f"{name}: of"] = cell.of
        rows.append(flat)
    return rows, columns


def markdown(table: Table) -> str:
    """The table in Markdown, with what it counts above and notes below."""
    lines = [table.columns, ["---"] * len(table.columns), *table.printed()]
    body = "\n".join("| " + " | ".join(row) + " |" for row in lines)
    notes = "".join(f"\n- {note}" for note in table.notes)
    return f"## {table.title}\n\n{table.about}\n\n{body}\n{notes}\n"


def latex(table: Table) -> str:
    """The table in LaTeX, for the package booktabs."""
    rows = [r" & ".join(map(in_tex, row)) + r" \\" for row in table.printed()]
    head = r" & ".join(map(in_tex, table.columns)) + r" \\"
    caption = in_tex(f"{table.title}. {table.about} {' '.join(table.notes)}".strip())
    return "\n".join(
        [
            r"\begin{table}", r"\centering", r"\footnotesize",
            rf"\begin{{tabular}}{{{'l' * len(table.columns)}}}", r"\toprule", head, r"\midrule",
            *rows, r"\bottomrule", r"\end{tabular}", rf"\caption{{{caption}}}",
            rf"\label{{tab:{table.name}}}", r"\end{table}", "",
        ]
    )  # fmt: skip


def in_tex(text: str) -> str:
    """A text with LaTeX's own signs written out."""
    return "".join(TEX.get(sign, sign) for sign in text)


def html(table: Table) -> Markup:
    """The table as HTML; the first column heads its row."""
    head = Markup("").join(Markup('<th scope="col">{}</th>').format(c) for c in table.columns)
    body = Markup("")
    for row in table.printed():
        first = Markup('<th scope="row">{}</th>').format(row[0])
        rest = Markup("").join(Markup("<td>{}</td>").format(unbroken(cell)) for cell in row[1:])
        body += Markup("<tr>{}{}</tr>\n").format(first, rest)
    caption = Markup("<caption>{}</caption>").format(table.title)
    return Markup(
        '<div class="scroll" role="region" tabindex="0" aria-label="{}"><table>{}<thead><tr>{}</tr>'
        "</thead><tbody>\n{}</tbody></table></div>"
    ).format(table.title, caption, head, body)


def unbroken(cell: str) -> Markup:
    """A cell whose bounds stay on one line."""
    bounds = r"(\([^()]*\))"
    return Markup("").join(
        Markup('<span style="white-space: nowrap">{}</span>').format(part) if place % 2 else part
        for place, part in enumerate(re.split(bounds, cell))
    )


def write(table: Table, folder: Path) -> None:
    """Write the table as CSV, Markdown and LaTeX."""
    rows, columns = csv_rows(table)
    write_csv(folder / f"{table.name}.csv", rows, columns)
    for suffix, text in ((".md", markdown(table)), (".tex", latex(table))):
        with replacing(folder / f"{table.name}{suffix}") as tmp:
            tmp.write_text(text, "utf-8")


# ------------------------------------------------------------------ pictures


@dataclass(frozen=True)
class Panel:
    """One axis of a picture: what it shows, and a figure for each label and series."""

    title: str
    figures: Mapping[tuple[str, str], Figure]  # (label, series)


def panels_of(table: Table, label: str, series: str, shown: Mapping[str, str]) -> Iterator[Panel]:
    """A panel for each column of ``shown``, a name by column, of the rows of a table."""
    for column, title in shown.items():
        figures = {
            (str(row[label]), str(row.get(series, ""))): row[column]
            for row in table.rows
            if isinstance(row.get(column), Figure)
        }
        yield Panel(title, {k: v for k, v in figures.items() if isinstance(v, Figure)})


def drawn(panels: Sequence[Panel]) -> Drawing:
    """Dots with their intervals: labels below each other, series in colours beside each other."""
    labels = list(dict.fromkeys(label for panel in panels for label, _ in panel.figures))
    series = list(dict.fromkeys(name for panel in panels for _, name in panel.figures))
    step = 0.7 / max(1, len(series))
    high = 1.1 + max(0.16 * len(series), 0.3) * len(labels)
    drawing = Drawing(figsize=(2.2 + 2.6 * len(panels), high), layout="constrained")
    axes = drawing.subplots(1, len(panels), sharey=True, squeeze=False)[0]
    for axis, panel in zip(axes, panels, strict=True):
        for place, name in enumerate(series):
            points = [(k, panel.figures.get((label, name))) for k, label in enumerate(labels)]
            known = [(k, f) for k, f in points if f is not None and math.isfinite(f.value)]
            colour = COLOURS[place % len(COLOURS)]
            rows = [k - 0.35 + step * (place + 0.5) for k, _ in known]
            low, high_end = [f.low for _, f in known], [f.high for _, f in known]
            axis.hlines(rows, low, high_end, color=colour, linewidth=1.4)
            axis.plot([f.value for _, f in known], rows, "o", color=colour, markersize=3.5,
                      label=name)  # fmt: skip
        axis.set_title(panel.title, fontsize=9)
        axis.set_yticks(range(len(labels)), labels, fontsize=8)
        axis.tick_params(axis="x", labelsize=8)
        axis.grid(axis="x", color="#dddddd", linewidth=0.6)
        axis.set_axisbelow(True)
    axes[0].set_ylim(len(labels) - 0.5, -0.5)
    if len(series) > 1:
        drawing.legend(*axes[0].get_legend_handles_labels(), loc="outside lower center",
                       ncols=min(3, len(series)), fontsize=8, frameon=False)  # fmt: skip
    return drawing


def save(drawing: Drawing, folder: Path, name: str) -> str:
    """Write a picture as SVG and PDF, always the same bytes, and return the SVG's text."""
    text = io.StringIO()
    with mpl.rc_context({"svg.hashsalt": name, "svg.fonttype": "none", "pdf.fonttype": 42}):
        drawing.savefig(text, format="svg", metadata={"Date": None})
        with replacing(folder / f"{name}.pdf") as tmp:
            drawing.savefig(tmp, format="pdf", metadata={"CreationDate": None})
    with replacing(folder / f"{name}.svg") as tmp:
        tmp.write_text(text.getvalue(), "utf-8")
    return text.getvalue()


def inline(name: str, svg: str, title: str) -> Markup:
    """An SVG for a page: without its XML head, its identifiers its own, named for readers."""
    drawn = svg[svg.index("<svg") + 4 :]
    drawn = re.sub(r'(\bid="|href="#|url\(#)', rf"\g<1>{name}-", drawn)
    drawn = re.sub(r"<metadata>.*?</metadata>", "", drawn, flags=re.DOTALL)
    opened = f'<svg role="img" aria-label="{escape(title)}" style="max-width: 100%; height: auto"'
    return Markup(opened + drawn)
