"""The detection benchmark: our detector and two others on the same frozen set, in one run.

``measure`` makes the set and judges every line under every method; ``tabulate`` turns that into
tables and a picture. The units are those of ``judging``; the set is that of ``challenge``.
"""

import argparse
import csv
import hashlib
import json
import logging
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import lru_cache, partial
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from rapidocr_onnxruntime import RapidOCR

from unburn import challenge, crnn, glyphs, judging, readers, settings
from unburn.challenge import APART, Frame, shown
from unburn.detect import look, regions_of
from unburn.errors import command
from unburn.files import replacing, sha256
from unburn.frames import views
from unburn.grounds import Source
from unburn.judging import Judged
from unburn.parallel import in_order
from unburn.train import font_files

log = logging.getLogger(__name__)

OURS = "unburn"
PEERS = ("rapidocr", "tesseract")
HEIGHTS = ((0, 8), (8, 12), (12, 20), (20, 40), (40, 100000))
ALL = "all but hardly visible"
HARDLY = "hardly visible"
FAMILIES = (
    "height", "place", "direction", "kind", "rendering", "polarity", "script", "frame", "ground",
)  # fmt: skip
FEW = 60  # lines of a group under which the table says so
LEGIBLE_PX = 96  # pictures of misses are enlarged until their short side has so many pixels
SHOWN, MISSES = 24, 60  # frames on the contact sheet, and missed lines that are kept as pictures
SHEET_PX = 480

LINE_COLUMNS = ("method", "frame", "line", "strata", "difference", "deviations", "ink", "masked")
FRAME_COLUMNS = (
    "method", "frame", "subject", "layout", "modality", "real", "rows", "columns", "regions",
    "true_regions", "false_pixels", "far_pixels", "masked_share",
)  # fmt: skip


@dataclass(frozen=True)
class Bench:
    """What a run of the benchmark depends on."""

    seed: int
    threshold: float
    weights: Path
    frames: Path | None
    split: str
    split_seed: int
    faces: tuple[glyphs.Face, ...]
    peers: tuple[str, ...]

    @property
    def methods(self) -> tuple[str, ...]:
        """Ours first."""
        return (OURS, *self.peers)


# ------------------------------------------------------------------ methods

Method = Callable[[Frame], list[np.ndarray]]


def ours(weights: Path, threshold: float) -> Method:
    """Our detector: quads float32 (4, 2) of the regions found in all views of a frame."""
    network = crnn.load(weights)

    def find(frame: Frame) -> list[np.ndarray]:
        pictures = views(frame.stored, frame.photometric, frame.bits)
        regions, _ = regions_of(look(network, pictures), pictures.shape[1:], threshold)
        return [region.quad for region in regions]

    return find


def rapidocr() -> Method:
    """RapidOCR's detector alone, with the weights and settings of its wheel, on one thread."""
    readers.check_weights()
    engine = RapidOCR(intra_op_num_threads=1, inter_op_num_threads=1)

    def find(frame: Frame) -> list[np.ndarray]:
        picture = np.ascontiguousarray(readers.colour(shown(frame))[..., ::-1])
        quads, _ = engine(picture, use_cls=False, use_rec=False)
        return [np.asarray(quad, np.float32) for quad in quads or ()]

    return find


def tesseract() -> Method:
    """Tesseract's lines in page mode 11; what it reads is not looked at."""
    reader = readers.tesseract()
    return lambda frame: [line.quad for line in reader.read(shown(frame))]


@lru_cache(maxsize=1)
def _methods(bench: Bench) -> dict[str, Method]:
    """Every method of a run, loaded once in each process."""
    torch.set_num_threads(1)
    made = {"rapidocr": rapidocr, "tesseract": tesseract}
    return {
        OURS: ours(bench.weights, bench.threshold),
        **{name: made[name]() for name in bench.peers},
    }


@lru_cache(maxsize=1)
def _sources(bench: Bench) -> list[Source]:
    cv2.setNumThreads(1)
    return challenge.read_sources(bench.frames, bench.split, bench.split_seed)


# ------------------------------------------------------------------ strata


def direction(angle: float) -> str:
    """Name of a line's direction; degrees counter-clockwise."""
    angle = angle % 360
    for name, middle in (("horizontal", 0), ("vertical 90", 90), ("upside down", 180),
                         ("vertical 270", 270), ("horizontal", 360)):  # fmt: skip
        if abs(angle - middle) < 0.5:
            return name
    off = min(angle % 90, 90 - angle % 90)
    return "tilted up to 5 degrees" if off <= 5 else "tilted more than 5 degrees"


def height(pixels: float) -> str:
    """Name of a class of heights, by whole pixels of ink."""
    low, high = next(limits for limits in HEIGHTS if round(pixels) <= limits[1])
    if not low:
        return f"{high} px and less"
    return f"{low + 1} to {high} px" if high < 1000 else f"over {low} px"


def strata(line: challenge.Line, frame: Frame) -> tuple[str, ...]:
    """Names of all groups that a line belongs to."""
    if line.kind in APART:
        return (APART[line.kind],)
    side = min(frame.owner.shape)
    return (
        f"height: {height(line.height)}",
        f"place: {'empty ground' if line.empty else 'over anatomy'}",
        f"direction: {direction(line.angle)}",
        f"kind: {'line' if line.kind == 'text' else line.kind}",
        *(f"rendering: {name}" for name in line.rendering),
        f"polarity: {'bright' if line.bright else 'dark'}",
        f"script: {line.script}",
        f"frame: {'under 256' if side < 256 else '256 to 1100' if side < 1100 else 'over 1100'} px",
        f"frame: {'colour' if frame.stored.ndim == 3 else f'{8 * frame.stored.itemsize} bits'}",
        f"ground: {'true frame' if frame.real else 'made'}",
    )


# ------------------------------------------------------------------ measuring


@dataclass(frozen=True)
class Measured:
    """Figures of one frame, by method, and what is kept as pictures."""

    digest: str
    lines: list[dict[str, Any]]
    frames: list[dict[str, Any]]
    picture: np.ndarray | None
    misses: list[np.ndarray]


def measure(number: int, bench: Bench) -> Measured:
    """Make frame ``number`` and judge every method on it."""
    frame = challenge.frame(bench.seed, number, _sources(bench), bench.faces)
    picture, owner = shown(frame), frame.owner
    heights = [line.height for line in frame.lines]
    seen = judging.contrasts(picture, owner, heights)
    far = judging.far_from_text(owner, heights)
    lines, frames, misses, drawn = [], [], [], None
    for method, find in _methods(bench).items():
        quads = find(frame)
        mask = judging.mask_of(quads, owner.shape)
        for place, (line, (ink, masked)) in enumerate(
            zip(frame.lines, judging.ink_under(owner, mask, len(heights)), strict=True)
        ):
            if not ink:
                continue
            difference, deviations = seen[place]
            judged = Judged(
                number, strata(line, frame), round(difference, 2), round(deviations, 3), ink, masked
            )
            lines.append({"method": method, "line": place, **asdict(judged)})
            if method == OURS and judged.visible and not judged.found:
                misses.append(miss(picture, owner == place + 1, mask))
        frames.append(
            {"method": method, "frame": number, "subject": frame.subject, "layout": frame.layout,
             "modality": frame.modality, "real": int(frame.real), "rows": owner.shape[0],
             "columns": owner.shape[1], "regions": len(quads),
             "true_regions": judging.true_regions(owner, quads),
             "false_pixels": int((mask & far).sum()), "far_pixels": int(far.sum()),
             "masked_share": round(float(mask.mean()), 6)}
        )  # fmt: skip
        if method == OURS and number < SHOWN:
            drawn = sheet_picture(frame, picture, quads)
    return Measured(frame.digest(), lines, frames, drawn, misses)


def _in_colour(picture: np.ndarray) -> np.ndarray:
    """Blue, green, red (rows, columns, 3), a copy, as OpenCV writes it."""
    return np.ascontiguousarray(readers.colour(picture)[..., ::-1]).copy()


def _fitted(picture: np.ndarray, side: int) -> np.ndarray:
    """A picture made smaller so that it fits into ``side`` pixels, in the middle of a grey one."""
    scale = min(1.0, side / max(picture.shape[:2]))
    small = cv2.resize(picture, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    out = np.full((side, side, 3), 70, np.uint8)
    top, left = (side - small.shape[0]) // 2, (side - small.shape[1]) // 2
    out[top : top + small.shape[0], left : left + small.shape[1]] = small
    return out


def sheet_picture(frame: Frame, picture: np.ndarray, quads: Sequence[np.ndarray]) -> np.ndarray:
    """A frame beside itself with its ink in red and the regions found outlined in green."""
    plain, marked = _in_colour(picture), _in_colour(picture)
    marked[frame.owner > 0] = (60, 60, 255)
    weight = max(1, round(max(picture.shape[:2]) / SHEET_PX))
    for quad in quads:
        cv2.polylines(marked, [np.round(quad).astype(np.int32)], True, (60, 230, 60), weight)
    return np.hstack([_fitted(plain, SHEET_PX), _fitted(marked, SHEET_PX)])


def miss(picture: np.ndarray, ink: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """A missed line and what is around it, beside the same with its ink red and the mask blue."""
    rows, columns = np.flatnonzero(ink.any(1)), np.flatnonzero(ink.any(0))
    margin = 12 + (rows[-1] - rows[0]) // 2
    where = np.s_[
        max(0, rows[0] - margin) : rows[-1] + margin,
        max(0, columns[0] - margin) : columns[-1] + margin,
    ]
    plain, marked = _in_colour(picture[where]), _in_colour(picture[where])
    marked[mask[where]] = marked[mask[where]] // 2 + np.array([110, 40, 20], np.uint8)
    marked[ink[where]] = (60, 60, 255)
    both = np.hstack([plain, np.full((plain.shape[0], 4, 3), 128, np.uint8), marked])
    times = max(1, LEGIBLE_PX // min(plain.shape[:2]))
    return both.repeat(times, 0).repeat(times, 1)


def stacked(pictures: Sequence[np.ndarray], columns: int) -> np.ndarray:
    """Pictures of any size below each other in some columns, uint8 (rows, columns, 3)."""
    heaps: list[list[np.ndarray]] = [[] for _ in range(columns)]
    for picture in pictures:
        smallest = min(heaps, key=lambda heap: sum(p.shape[0] + 6 for p in heap))
        smallest.append(picture)
    wide = max((p.shape[1] for p in pictures), default=1)
    high = max(sum(p.shape[0] + 6 for p in heap) for heap in heaps) or 1
    sheet = np.full((high, (wide + 6) * columns, 3), 70, np.uint8)
    for place, heap in enumerate(heaps):
        top = 0
        for picture in heap:
            left = place * (wide + 6)
            sheet[top : top + picture.shape[0], left : left + picture.shape[1]] = picture
            top += picture.shape[0] + 6
    return sheet


def run(bench: Bench, count: int, threads: int, out: Path) -> None:
    """Measure ``count`` frames; write tables, pictures and what the set is to ``out``."""
    lines: list[dict[str, Any]] = []
    frames: list[dict[str, Any]] = []
    pictures: list[np.ndarray] = []
    misses: list[np.ndarray] = []
    digest = hashlib.sha256()
    for number, found in enumerate(in_order(partial(measure, bench=bench), range(count), threads)):
        digest.update(found.digest.encode())
        lines += [{**line, "strata": "|".join(line["strata"])} for line in found.lines]
        frames += found.frames
        misses += found.misses
        if found.picture is not None:
            pictures.append(found.picture)
        if number % 50 == 49:
            log.info("%d of %d frames", number + 1, count)
    write_csv(out / "lines.csv", lines, LINE_COLUMNS)
    write_csv(out / "frames.csv", frames, FRAME_COLUMNS)
    write_picture(out / "frames.png", stacked(pictures, 3))
    write_picture(out / "misses.png", stacked(misses[:MISSES], 6))
    about = {
        "seed": bench.seed, "frames": count, "digest": digest.hexdigest()[:16],
        "threshold": bench.threshold, "weights": sha256(bench.weights)[:16],
        "demo_only": bench.frames is None, "split": bench.split,
        "fonts": len(bench.faces), "methods": list(bench.methods),
    }  # fmt: skip
    with replacing(out / "set.json") as tmp:
        tmp.write_text(json.dumps(about, indent=1) + "\n")


def write_csv(path: Path, rows: Iterable[Mapping[str, Any]], columns: Sequence[str]) -> None:
    """Write rows as CSV in the order of ``columns``."""
    with replacing(path) as tmp, open(tmp, "w", newline="") as file:
        writer = csv.DictWriter(file, columns, extrasaction="ignore", lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)


def write_picture(path: Path, picture: np.ndarray) -> None:
    """Write a colour picture as PNG."""
    with replacing(path) as tmp:
        tmp.write_bytes(cv2.imencode(".png", picture)[1].tobytes())


# ------------------------------------------------------------------ tables


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


def recall(lines: Mapping[str, Sequence[Judged]], seed: int) -> list[dict[str, object]]:
    """Recall of each method by group, with bounds."""
    rows = []
    for method, judged in lines.items():
        members: dict[str, list[Judged]] = {}
        for line in judged:
            for group in groups(line):
                members.setdefault(group, []).append(line)
        for group in sorted(members, key=_order):
            rows.append({"method": method, **judging.row(group, members[group], seed)})
    return rows


def _order(group: str) -> tuple[int, int, str]:
    """All first, then the strata by family, then what is reported apart."""
    if group in (ALL, HARDLY):
        return 0, int(group == HARDLY), group
    if group in APART.values():
        return 2, 0, group
    family, name = group.split(": ")
    heights = [height(limits[1]) for limits in HEIGHTS]
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


def precision(frames: Sequence[Mapping[str, str]]) -> dict[str, float]:
    """What was masked without reason, of one method."""
    by = {s: [f for f in frames if f["subject"] == s] for s in challenge.SUBJECTS}
    regions, right, wrong, far = (
        sum(int(f[column]) for f in by["text"])
        for column in ("regions", "true_regions", "false_pixels", "far_pixels")
    )
    touched = sum(float(f["masked_share"]) > 0 for f in by["text-free"])
    return {
        "component precision": right / max(1, regions),
        "false area, text-free frames": false_area(by["text-free"]),
        "frames touched, text-free": touched / max(1, len(by["text-free"])),
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
    counts = {s: sum(f["subject"] == s for f in frames[OURS]) for s in challenge.SUBJECTS}
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
                touched = sum(float(f["masked_share"]) > 0 for f in own)
                cells.append(f"{100 * false_area(own):.2f} %, {touched}")
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


def tabulate(measured: Path, speed: Path | None, out: Path) -> None:
    """Write recall.csv, table.md and recall.svg to ``out``."""
    about = json.loads((measured / "set.json").read_text())
    rows = recall(read_lines(measured / "lines.csv"), about["seed"])
    frames = read_frames(measured / "frames.csv")
    write_csv(out / "recall.csv", rows, ("method", *judging.COLUMNS))
    timed = json.loads(speed.read_text()) if speed else None
    with replacing(out / "table.md") as tmp:
        tmp.write_text(markdown(about, rows, frames, timed))


def main(argv: Sequence[str] | None = None) -> None:
    """Entry of the rules of target ``detection`` in ``workflow/benchmark.smk``."""
    parser = argparse.ArgumentParser(prog="python -m unburn.detection", description=__doc__)
    steps = parser.add_subparsers(dest="what", required=True)
    step = steps.add_parser("measure", help="make the set and judge every method on it")
    step.add_argument("--settings", required=True, help="section detection, as JSON")
    step.add_argument("--weights", type=Path, required=True, help="of the detector")
    step.add_argument("--threads", type=int, default=1, help="processes")
    step.add_argument("--out", type=Path, required=True, help="folder to write to")
    step = steps.add_parser("tabulate", help="turn what was measured into tables")
    step.add_argument("--measured", type=Path, required=True, help="folder of `measure`")
    step.add_argument("--speed", type=Path, help="speed.json")
    step.add_argument("--out", type=Path, required=True, help="folder to write to")
    options = parser.parse_args(argv)
    if options.what == "tabulate":
        tabulate(options.measured, options.speed, options.out)
        return
    given = json.loads(options.settings)
    run(bench_of(given, options.weights), given["count"], options.threads, options.out)


def bench_of(given: Mapping[str, Any], weights: Path) -> Bench:
    """The run that the section detection of the benchmark's settings describes."""
    threshold = given["threshold"]
    if threshold is None:
        threshold = settings.schema()["properties"]["detect"]["properties"]["threshold"]["default"]
    return Bench(
        seed=given["seed"],
        threshold=threshold,
        weights=weights,
        frames=Path(given["frames"]) if given["frames"] else None,
        split="test",
        split_seed=given["split_seed"],
        faces=glyphs.faces(font_files([Path(folder) for folder in given["fonts"]])),
        peers=tuple(given["peers"]),
    )


if __name__ == "__main__":
    command(main)
