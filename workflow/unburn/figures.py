"""Distributions of a submission: what became of items, where text stood, how sure and how good.

Each figure has its finding in a sentence and its numbers as a table. It shows counts and measures
of many items, never a value of a header.
"""

import itertools
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from matplotlib.axes import Axes
from matplotlib.patches import Rectangle
from matplotlib.ticker import FuncFormatter, MaxNLocator

from unburn.drawing import FIRST, INK, ROW_IN, SECOND, THIRD, Figure, counted, figure, histogram
from unburn.evaluate import Item
from unburn.files import replacing
from unburn.numerals import (
    count_text,
    hours_text,
    number_text,
    percent_text,
    score_text,
    things,
    unit_of_hours,
)

SHARES = (0.0, 0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1.0)  # borders of painted shares
HEIGHTS_PX = (0, 6, 8, 10, 12, 16, 20, 28, 40, 80, np.inf)
GRID = (12, 16)  # rows and columns into which a frame is divided
MOST_POINTS = 60  # of a modality that are drawn one by one
# --- the figures


def outcomes(modalities: Sequence[Mapping[str, Any]]) -> Figure:
    """What became of the items of each modality."""
    names = [row["modality"] or "not readable" for row in modalities]
    columns = [
        [row["released"] - row["masked_released"] for row in modalities],
        [row["masked_released"] for row in modalities],
        [row["held_back"] for row in modalities],
    ]
    untouched, painted, held = map(sum, columns)
    kinds = (("released, unchanged pixels", THIRD), ("released, painted", FIRST),
             ("held back", SECOND))  # fmt: skip

    def draw(axes: Axes) -> None:
        left = np.zeros(len(names))
        for numbers, (label, colour) in zip(columns, kinds, strict=True):
            axes.barh(names, numbers, left=left, color=colour, label=label, height=0.7)
            left += numbers
        axes.invert_yaxis()
        axes.set_xlabel("items")
        counted(axes, "x")
        axes.figure.legend(loc="outside upper center", ncols=3, handlelength=1, columnspacing=1)

    return figure(
        "outcomes",
        "What became of the items",
        f"Of {things(untouched + painted + held, 'item')}, {count_text(untouched)} were released "
        f"with unchanged pixels, {count_text(painted)} with painted places, and "
        f"{count_text(held)} held back.",
        ("Modality", *(label for label, _ in kinds)),
        [(name, *map(count_text, row)) for name, *row in zip(names, *columns, strict=True)],
        draw,
        1.0 + ROW_IN * len(names),
    )


def binned(values: np.ndarray, borders: Sequence[float]) -> list[int]:
    """Count values in bins, each with its upper border and without its lower one."""
    return np.bincount(
        np.digitize(values, borders[1:-1], right=True), minlength=len(borders) - 1
    ).tolist()


def painted(released: Sequence[Item], flag: float) -> Figure:
    """How much of the released images was painted."""
    shares = np.array([one.painted_share for one in released if one.searched])
    touched = shares[shares > 0]
    counts = [len(shares) - len(touched), *binned(touched, SHARES)]
    names = ["0"] + [f"{100 * upper:g}" for upper in SHARES[1:]]
    ranges = ["0 %"] + [
        f"more than {100 * low:g} to {100 * high:g} %" for low, high in itertools.pairwise(SHARES)
    ]
    flagged = int((shares > flag).sum())
    finding = f"No pixel of {things(len(shares), 'released image')} was painted."
    if len(touched):
        finding = (
            f"Of {things(len(shares), 'released image')}, {count_text(len(touched))} have painted "
            f"pixels; half of these up to {percent_text(float(np.median(touched)))} of the image, "
            f"the most painted one {percent_text(float(touched.max()))}. In {flagged or 'none'} "
            f"it is more than {percent_text(flag)}."
        )

    def draw(axes: Axes) -> None:
        histogram(axes, counts, names, "images", [THIRD] + [FIRST] * (len(counts) - 1))
        axes.set_xlabel("painted share of the image, up to … %")

    return figure(
        "painted",
        "How much was painted",
        finding,
        ("Painted share", "Released images"),
        [(name, count_text(n)) for name, n in zip(ranges, counts, strict=True)]
        if len(shares)
        else (),
        draw,
    )


def heights(found: np.ndarray) -> Figure:
    """How tall the lines of text are; ``found`` in pixels of the stored matrix."""
    counts = binned(found, HEIGHTS_PX)
    names = [f"{border:g}" for border in HEIGHTS_PX[1:-1]] + ["more"]
    ranges = [
        f"more than {low:g}, up to {high:g}" if np.isfinite(high) else f"more than {low:g}"
        for low, high in itertools.pairwise(HEIGHTS_PX)
    ]
    finding = "No text was found."
    if len(found):
        low, middle, high = np.percentile(found, (5, 50, 95))
        finding = (
            f"{things(len(found), 'place')} with text, half of them up to {middle:.0f} pixels "
            f"tall; nine of ten between {low:.0f} and {high:.0f}."
        )

    def draw(axes: Axes) -> None:
        histogram(axes, counts, names, "places, once a frame", [FIRST] * len(counts))
        axes.set_xlabel("height of the text, up to … pixels")

    return figure(
        "heights",
        "How tall the text is",
        finding,
        ("Height, pixels", "Places"),
        zip(ranges, map(count_text, counts), strict=True) if len(found) else (),
        draw,
    )


def touched_cells(quads: np.ndarray, rows: int, columns: int) -> np.ndarray:
    """The cells of ``GRID`` that lines of a frame touch with the boxes around them.

    Parameters
    ----------
    quads : (lines, 4, 2) as x, y in pixels of the stored matrix
    rows, columns : of the frame

    Returns
    -------
    bool, ``GRID``
    """
    cells = np.zeros(GRID, bool)
    scale = np.array([GRID[1] / columns, GRID[0] / rows])
    last = np.array([GRID[1] - 1, GRID[0] - 1])
    low = np.clip(np.floor(quads.min(axis=1) * scale), 0, last).astype(int)
    high = np.clip(np.ceil(quads.max(axis=1) * scale) - 1, low, last).astype(int)
    for (left, top), (right, bottom) in zip(low, high, strict=True):
        cells[top : bottom + 1, left : right + 1] = True
    return cells


def places(counts: np.ndarray, frames: int) -> Figure:
    """Where in the frames text was found.

    ``counts`` : integers, ``GRID``, the frames with text in each cell; ``frames`` with any text.
    """
    shares = counts / max(1, frames)
    outer = np.ones(GRID, bool)
    outer[GRID[0] // 4 : -GRID[0] // 4, GRID[1] // 4 : -GRID[1] // 4] = False
    finding = "No text was found."
    if frames:
        row, column = np.unravel_index(int(counts.argmax()), GRID)
        down = ("top", "middle", "bottom")[3 * int(row) // GRID[0]]
        across = ("left", "centre", "right")[3 * int(column) // GRID[1]]
        at_edge = float(counts[outer].sum() / counts.sum())
        finding = (
            f"In {things(frames, 'frame')} with text it stands most often at the {down} "
            f"{across}, in {percent_text(float(shares.max()))} of them; "
            f"{percent_text(at_edge)} of the area it covers lies in the outer quarter along a side."
        )
    thirds = [np.array_split(part, 3, axis=1) for part in np.array_split(shares, 3, axis=0)]

    def draw(axes: Axes) -> None:
        for (row, column), value in np.ndenumerate(shares):
            if value:
                axes.add_patch(
                    Rectangle(
                        (column, row), 1, 1, facecolor=FIRST, alpha=round(0.1 + 0.9 * value, 2)
                    )
                )
        axes.set(xlim=(0, GRID[1]), ylim=(GRID[0], 0), aspect="equal", xticks=[], yticks=[])
        axes.set_xlabel("width of the frame")
        axes.set_ylabel("height of the frame")
        for spine in axes.spines.values():
            spine.set_visible(True)
            spine.set_color(INK)

    return figure(
        "places",
        "Where the text stands",
        finding,
        ("Highest share of frames with text", "left", "centre", "right"),
        [
            (name, *(percent_text(float(part.max())) for part in row))
            for name, row in zip(("top", "middle", "bottom"), thirds, strict=True)
        ]
        if frames
        else (),
        draw,
    )


def certainty(suspicions: np.ndarray, threshold: float, read_from: float) -> Figure:
    """How sure the detector was of each frame.

    Parameters
    ----------
    suspicions : highest probability of text in each frame
    threshold : from which it is masked
    read_from : from which the reader of the gate looks at a frame in any case
    """
    borders = sorted({0.0, 0.001, 0.01, read_from, threshold, 0.3, 0.5, 0.9, 0.99, 1.0})
    values = np.where(np.isfinite(suspicions), suspicions, 1.0)
    counts = np.histogram(values, borders)[0].tolist()
    calm = int((values < min(threshold, read_from)).sum())
    close = int(((values >= threshold / 2) & (values < 2 * threshold)).sum())
    finding = "No frame was searched."
    if len(values):
        finding = (
            f"Of {things(len(values), 'searched frame')}, {count_text(calm)} stayed below "
            f"{score_text(min(threshold, read_from))}, from which the reader looks in any case; "
            f"{count_text(close)} came within a factor of two of the threshold of "
            f"{score_text(threshold)}."
        )

    def draw(axes: Axes) -> None:
        colours = [FIRST if border >= threshold else THIRD for border in borders[:-1]]
        histogram(axes, counts, [f"{border:g}" for border in borders[:-1]], "frames", colours)
        axes.axvline(borders.index(threshold) - 0.5, color=SECOND, linestyle="--", linewidth=1)
        axes.set_xlabel("highest probability of text in a frame, from …")

    return figure(
        "certainty",
        "How sure the detector was",
        finding,
        ("Highest probability of text", "Frames"),
        [
            (f"{low:g} to {high:g}", count_text(count))
            for low, high, count in zip(borders, borders[1:], counts, strict=False)
        ]
        if len(values)
        else (),
        draw,
    )


def by_modality(released: Iterable[Item], name: str) -> dict[str, np.ndarray]:
    """The finite values of a measure of the painted items of each modality."""
    found: dict[str, list[float]] = {}
    for one in released:
        if one.touched and one.candidate.get(name):
            found.setdefault(one.modality, []).append(float(one.candidate[name]))
    arrays = {key: np.array(values) for key, values in sorted(found.items())}
    finite = {key: values[np.isfinite(values)] for key, values in arrays.items()}
    return {key: values for key, values in finite.items() if len(values)}


def texture(released: Iterable[Item]) -> Figure:
    """How fine painted places are beside what stands around them."""
    values = by_modality(released, "texture_ratio")
    together = np.concatenate([*values.values(), np.zeros(0)])
    finding = "No painted place could be compared with its surroundings."
    if len(together):
        finding = (
            f"Over {things(len(together), 'painted item')} the median is "
            f"{number_text(float(np.median(together)))}; 1 is as fine as the surroundings, 0 is "
            "without any texture."
        )

    def draw(axes: Axes) -> None:
        axes.axvline(1, color=SECOND, linestyle="--", linewidth=1)
        for k, numbers in enumerate(values.values()):
            if len(numbers) > MOST_POINTS:
                low, first, middle, third, high = np.percentile(numbers, (5, 25, 50, 75, 95))
                axes.plot([low, high], [k, k], color=FIRST, linewidth=1)
                axes.barh(k, third - first, left=first, height=0.5, color=FIRST)
            else:
                middle = float(np.median(numbers))
                axes.plot(numbers, np.full(len(numbers), k), "o", color=FIRST, alpha=0.5, ms=4)
            axes.plot([middle, middle], [k - 0.32, k + 0.32], color=INK, linewidth=2)
        axes.set_yticks(range(len(values)), list(values))
        axes.set_ylim(len(values) - 0.4, -0.6)
        axes.set_xlim(0, max(1.2, 1.05 * float(together.max())))
        axes.grid(axis="x")
        axes.set_xlabel("texture inside over around; line: median")

    return figure(
        "texture",
        "How well painted places fit in",
        finding,
        ("Modality", "Items", "5 %", "Median", "95 %"),
        [
            (
                name,
                count_text(len(numbers)),
                *(number_text(float(part)) for part in np.percentile(numbers, (5, 50, 95))),
            )
            for name, numbers in values.items()
        ],
        draw,
        0.8 + ROW_IN * 1.2 * len(values),
    )


def recall(controls: Mapping[str, Any]) -> Figure:
    """The share of the planted lines that was found on each class of devices, with its bounds."""
    rows = [row for row in controls.get("by_class", ()) if row["recall"] is not None]
    finding = "No line was planted on frames of this submission."
    if rows:
        finding = (
            f"Of {things(controls['lines'], 'visible planted line')}, "
            f"{count_text(controls['found'])} were found: {percent_text(controls['recall'])}, with "
            f"bounds from {percent_text(controls['lower_bound'])} to "
            f"{percent_text(controls['upper_bound'])}."
        )

    def draw(axes: Axes) -> None:
        axes.axvline(controls["min_recall"], color=SECOND, linestyle="--", linewidth=1)
        for k, row in enumerate(rows):
            colour = SECOND if row["held_back"] else FIRST
            axes.plot([row["lower_bound"], row["upper_bound"]], [k, k], color=colour, linewidth=2)
            axes.plot([row["recall"]], [k], "o", color=colour, ms=6)
        axes.set_yticks(range(len(rows)), [row["class"] for row in rows])
        axes.set_ylim(len(rows) - 0.4, -0.6)
        axes.set_xlim(min(0.5, *(row["lower_bound"] for row in rows)), 1.01)
        axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
        axes.grid(axis="x")
        axes.set_xlabel("share of planted lines that was found")

    return figure(
        "recall",
        "What the spiked controls say",
        finding,
        ("Class of devices", "Lines", "Found", "Share", "From", "To"),
        [
            (
                row["class"],
                count_text(row["lines"]),
                count_text(row["found"]),
                *(percent_text(row[name]) for name in ("recall", "lower_bound", "upper_bound")),
            )
            for row in rows
        ],
        draw,
        0.8 + ROW_IN * 1.2 * len(rows),
    )


def took(resources: Mapping[str, Any]) -> Figure:
    """CPU time of each stage."""
    stages = sorted(
        ((name, row["core_hours"], row["jobs"]) for name, row in resources["by_stage"].items()),
        key=lambda row: -row[1],
    )
    total = resources["core_hours"]
    finding = "No time was measured."
    if stages:
        finding = (
            f"{hours_text(total)} of CPU time in {things(resources['jobs'], 'job')}; most of them, "
            f"{percent_text(stages[0][1] / total if total else None)}, for “{stages[0][0]}”."
        )

    def draw(axes: Axes) -> None:
        unit, many = unit_of_hours(max((row[1] for row in stages), default=0))
        times = [many * row[1] for row in stages]
        axes.barh([row[0] for row in stages], times, color=FIRST, height=0.7)
        axes.invert_yaxis()
        axes.xaxis.set_major_locator(MaxNLocator(nbins=5))
        axes.grid(axis="x")
        axes.set_xlabel(f"CPU time, {unit}")

    return figure(
        "took",
        "What each stage took",
        finding,
        ("Stage", "CPU time", "Jobs"),
        [(name, hours_text(hours), count_text(jobs)) for name, hours, jobs in stages],
        draw,
        0.7 + ROW_IN * len(stages),
    )


# --- what they are drawn from


@dataclass(frozen=True)
class Found:
    """What the detector left of a submission, put together over its shards.

    heights : float, (places,), in pixels
    suspicions : float, (frames,), highest probability of text of each frame
    cells : integers, ``GRID``, frames with text in each cell; of ``frames`` with any
    """

    heights: np.ndarray
    suspicions: np.ndarray
    cells: np.ndarray
    frames: int


def found(items: Iterable[Item], shards: Iterable[Path]) -> Found:
    """Read what the detector found."""
    sides = {
        int(one.item): (int(one.plan["rows"]), int(one.plan["columns"]))
        for one in items
        if one.plan.get("rows") and one.plan.get("columns")
    }
    tall, suspicions = [np.zeros(0)], [np.zeros(0)]
    cells, frames = np.zeros(GRID, int), 0
    for folder in shards:
        with h5py.File(folder / "regions.h5") as file:
            regions = file["regions"][:]
            suspicions.append(file["examined"]["suspicion"].astype(float))
        tall.append(regions["height"].astype(float))
        for item, quads in lines_of_frames(regions):
            if item in sides:
                cells += touched_cells(quads, *sides[item])
                frames += 1
    return Found(np.concatenate(tall), np.concatenate(suspicions), cells, frames)


def lines_of_frames(regions: np.ndarray) -> Iterator[tuple[int, np.ndarray]]:
    """The item and the quads of each frame with lines."""
    ordered = regions[np.lexsort((regions["frame"], regions["item"]))]
    if not len(ordered):
        return
    new = (np.diff(ordered["item"]) != 0) | (np.diff(ordered["frame"]) != 0)
    for part in np.split(ordered, np.flatnonzero(new) + 1):
        yield int(part["item"][0]), part["quad"]


def draw_all(
    items: Sequence[Item],
    shards: Sequence[Path],
    metrics: Mapping[str, Any],
    settings: Mapping[str, Any],
) -> dict[str, Figure]:
    """Every figure of a submission, by name.

    ``settings`` are those of the run: the thresholds of detector and gate.
    """
    released = [one for one in items if one.status == "released"]
    seen = found(items, shards)
    flag = metrics["quality"]["flagged_from_painted_share"]
    drawn = (
        outcomes(metrics["modalities"]),
        painted(released, flag),
        places(seen.cells, seen.frames),
        heights(seen.heights),
        certainty(seen.suspicions, settings["detect"]["threshold"], settings["gate"]["suspicion"]),
        texture(released),
        recall(metrics.get("controls", {})),
        took(metrics["resources"]),
    )
    return {one.name: one for one in drawn}


def write(figures: Iterable[Figure], out: Path) -> None:
    """Write each figure as ``<name>.svg`` into the folder ``out``, and nothing else."""
    with replacing(out) as tmp:
        tmp.mkdir()
        for one in figures:
            (tmp / f"{one.name}.svg").write_text(one.svg, "utf-8")
