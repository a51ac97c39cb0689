"""Tables and a picture of what the detection benchmark measured."""

import argparse
import csv
import json
from collections.abc import Iterator, Mapping, Sequence
from html import escape
from pathlib import Path
from typing import Any

import numpy as np

from unburn import judging
from unburn.challenge import APART, SUBJECTS
from unburn.detection import OURS
from unburn.errors import command
from unburn.files import replacing
from unburn.judging import Judged
from unburn.tables import write_csv

ALL = "all but hardly visible"
HARDLY = "hardly visible"
FAMILIES = (
    "height", "place", "direction", "kind", "rendering", "polarity", "script", "frame", "ground",
)  # fmt: skip
FEW = 60  # lines of a group under which the table says so
COLOURS = ("#1f4e9c", "#c2571a", "#777777")


def read_lines(path: Path) -> dict[str, list[Judged]]:
    """Judged lines of ``lines.csv`` by method."""
    found: dict[str, list[Judged]] = {}
    with open(path, newline="") as file:
        for row in csv.DictReader(file):
            line = Judged(
                int(row["frame"]), tuple(row["strata"].split("|")), float(row["difference"]),
                float(row["deviations"]), int(row["ink"]), int(row["masked"]),
            )  # fmt: skip
            found.setdefault(row["method"], []).append(line)
    return found


def groups(line: Judged) -> Iterator[str]:
    """Groups of the table that a line counts in."""
    if line.strata[0] in APART.values():
        yield line.strata[0]
    elif not line.visible:
        yield HARDLY
    else:
        yield ALL
        yield from line.strata


def recall(lines: Mapping[str, Sequence[Judged]]) -> list[dict[str, object]]:
    """Recall of each method by group, with bounds."""
    rows = []
    for method, judged in lines.items():
        members: dict[str, list[Judged]] = {}
        for line in judged:
            for group in groups(line):
                members.setdefault(group, []).append(line)
        for group in sorted(members, key=_order):
            rows.append({"method": method, **judging.row(group, members[group])})
    return rows


def _order(group: str) -> tuple[int, int, str]:
    """All first, then the strata by family, then what is reported apart."""
    if group in (ALL, HARDLY):
        return 0, int(group == HARDLY), group
    if group in APART.values():
        return 2, 0, group
    family, name = group.split(": ")
    heights = [judging.height(limits[1]) for limits in judging.HEIGHTS]
    return 1, FAMILIES.index(family), str(heights.index(name)) if family == "height" else name


def read_frames(path: Path) -> dict[str, list[dict[str, str]]]:
    """Rows of ``frames.csv`` by method."""
    found: dict[str, list[dict[str, str]]] = {}
    with open(path, newline="") as file:
        for row in csv.DictReader(file):
            found.setdefault(row["method"], []).append(row)
    return found


def false_area(frames: Sequence[Mapping[str, str]]) -> float:
    """Mean share of frames without text that is masked."""
    return float(np.mean([float(f["masked_share"]) for f in frames])) if frames else 0.0


def touched(frames: Sequence[Mapping[str, str]]) -> int:
    """How many frames have any mask."""
    return sum(float(f["masked_share"]) > 0 for f in frames)


def precision(frames: Sequence[Mapping[str, str]]) -> dict[str, float]:
    """What was masked without reason, of one method."""
    by = {s: [f for f in frames if f["subject"] == s] for s in SUBJECTS}
    regions, right, wrong, far = (
        sum(int(f[column]) for f in by["text"])
        for column in ("regions", "true_regions", "false_pixels", "far_pixels")
    )
    return {
        "component precision": right / max(1, regions),
        "false area, text-free frames": false_area(by["text-free"]),
        "frames touched, text-free": touched(by["text-free"]) / max(1, len(by["text-free"])),
        "false area, distractor frames": false_area(by["distractors"]),
        "false area, frames with text, far from lines": wrong / max(1, far),
    }


def markdown(
    about: Mapping[str, Any], rows: Sequence[Mapping[str, Any]],
    frames: Mapping[str, Sequence[Mapping[str, str]]], speed: Mapping[str, Any] | None,
) -> str:  # fmt: skip
    """The tables as Markdown, units beside them."""
    methods = list(frames)
    by = {(row["method"], row["group"]): row for row in rows}
    counts = {s: sum(f["subject"] == s for f in frames[OURS]) for s in SUBJECTS}
    parts = ["# Detection\n"]
    if about["demo_only"]:
        parts.append("**Demo, not evidence**: only the demo's own frames and made grounds.\n")
    parts.append(
        f"{about['frames']} frames ({', '.join(f'{n} {s}' for s, n in counts.items())}), seed "
        f"{about['seed']}, digest `{about['digest']}`; {about['fonts']} fonts; weights "
        f"`{about['weights']}`, threshold {about['threshold']}.\n\n{_units()}\n"
    )
    heads = "".join(f" {m} lines | {m} ink |" for m in methods)
    parts.append(f"| group | lines | frames |{heads} bounds | bounds by frame |")
    parts.append("|---|---|---|" + "---|---|" * len(methods) + "---|---|")
    for (method, group), row in by.items():
        if method != OURS:
            continue
        few = f" (under {FEW})" if int(row["lines"]) < FEW else ""
        cells = [group, f"{row['lines']}{few}", str(row["frames"])]
        for name in methods:
            peer = by[name, group]
            cells += [f"{float(peer['recall']):.3f}", f"{float(peer['ink_recall']):.4f}"]
        for low, high in (("low", "high"), ("low_by_frame", "high_by_frame")):
            cells.append(f"{float(row[low]):.3f} to {float(row[high]):.3f}")
        parts.append("| " + " | ".join(cells) + " |")
    parts.append(f"\nBounds (95 %) are those of {OURS}.\n")
    figures = {method: precision(rows) for method, rows in frames.items()}
    parts.append("| masked without reason | " + " | ".join(methods) + " |")
    parts.append("|---|" + "---|" * len(methods))
    for name in figures[OURS]:
        cells = [f"{100 * figures[m][name]:.3f} %" for m in methods]
        parts.append(f"| {name} | " + " | ".join(cells) + " |")
    parts.append("\n| false area and frames touched by | frames | " + " | ".join(methods) + " |")
    parts.append("|---|---|" + "---|" * len(methods))
    for subject, column in (("distractors", "layout"), ("text-free", "modality")):
        names = sorted({f[column] for f in frames[OURS] if f["subject"] == subject})
        for name in names:
            cells = []
            for method in methods:
                own = [f for f in frames[method] if f["subject"] == subject and f[column] == name]
                cells.append(f"{100 * false_area(own):.2f} %, {touched(own)}")
            real = sum(int(f["real"]) for f in own)
            made = f", {len(own) - real} of them made" if real < len(own) else ""
            parts.append(f"| {subject}: {name} | {len(own)}{made} | " + " | ".join(cells) + " |")
    if speed:
        parts.append("\n| speed and memory | |\n|---|---|")
        parts += [f"| {name} | {value} |" for name, value in speed.items()]
    return "\n".join(parts) + "\n"


def _units() -> str:
    """The definitions of ``judging`` as a list."""
    text = (judging.__doc__ or "").split("\n\n")[1]
    out = []
    for line in text.splitlines():
        out.append(f" {line.strip()}" if line.startswith(" ") else f"\n- **{line}**:")
    return "".join(out).strip()


def drawn(rows: Sequence[Mapping[str, Any]]) -> str:
    """Line recall by group and method with its bounds, as SVG: a dot and a line on 0 to 1."""
    methods = list(dict.fromkeys(row["method"] for row in rows))
    names = list(dict.fromkeys(row["group"] for row in rows if row["method"] == OURS))
    left, wide, step = 250, 520, 8 * len(methods) + 8
    high = step * len(names) + 50
    parts = []
    for tick in range(0, 11, 2):
        x = left + wide * tick / 10
        parts.append(f'<path d="M{x} 24V{high - 24}" stroke="#ddd"/>')
        parts.append(f'<text x="{x}" y="{high - 8}" text-anchor="middle">{tick / 10:g}</text>')
    for place, method in enumerate(methods):
        colour = COLOURS[place % len(COLOURS)]
        parts.append(
            f'<text x="{left + 130 * place}" y="14" fill="{colour}">{escape(method)}</text>'
        )
    for row in rows:
        place = methods.index(row["method"])
        colour = COLOURS[place % len(COLOURS)]
        y = 34 + step * names.index(row["group"]) + 8 * place
        low, middle, end = (left + wide * float(row[name]) for name in ("low", "recall", "high"))
        parts.append(f'<path d="M{low:.1f} {y}H{end:.1f}" stroke="{colour}" stroke-width="2"/>')
        parts.append(f'<circle cx="{middle:.1f}" cy="{y}" r="3" fill="{colour}"/>')
        if not place:
            name = f"{escape(row['group'])} ({row['lines']})"
            parts.append(f'<text x="{left - 10}" y="{y + 8}" text-anchor="end">{name}</text>')
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {left + wide + 30} {high}"'
        f' font-family="sans-serif" font-size="12">{"".join(parts)}</svg>\n'
    )


def tabulate(measured: Path, speed: Path | None, out: Path) -> None:
    """Write recall.csv, table.md and recall.svg to ``out``."""
    about = json.loads((measured / "set.json").read_text())
    rows = recall(read_lines(measured / "lines.csv"))
    frames = read_frames(measured / "frames.csv")
    write_csv(out / "recall.csv", rows, ("method", *judging.COLUMNS))
    timed = json.loads(speed.read_text()) if speed else None
    with replacing(out / "table.md") as tmp:
        tmp.write_text(markdown(about, rows, frames, timed))
    with replacing(out / "recall.svg") as tmp:
        tmp.write_text(drawn(rows))


def main(argv: Sequence[str] | None = None) -> None:
    """Turn what was measured into tables and a picture."""
    parser = argparse.ArgumentParser(prog="python -m unburn.comparison", description=main.__doc__)
    parser.add_argument("--measured", type=Path, required=True, help="folder of unburn.detection")
    parser.add_argument("--speed", type=Path, help="of unburn.timing")
    parser.add_argument("--out", type=Path, required=True, help="folder to write to")
    options = parser.parse_args(argv)
    tabulate(options.measured, options.speed, options.out)


if __name__ == "__main__":
    command(main)
