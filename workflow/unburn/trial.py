"""Measures the detector on made frames with held-out backgrounds, fonts, seed and layouts.

The set is defined by its seed, frames and fonts; its digest stands in the table, so that two
tables can be compared.
"""

import argparse
import hashlib
import json
import logging
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import cv2
import numpy as np
import torch
from scipy import stats

from unburn import crnn, tables
from unburn.detect import Region, Seen, look, regions_of
from unburn.errors import command
from unburn.files import replacing
from unburn.frames import views
from unburn.mask import draw
from unburn.rendering import Faces, Line
from unburn.scenes import Recipe, Scene, scene
from unburn.train import font_files, read_frames, visibility

log = logging.getLogger(__name__)

COVERED = 0.9  # share of a line's ink that must be masked for the line to count as found
DILATE_PX = 3  # as the product's default
HARDLY_VISIBLE = 1.5  # local deviations
CONFIDENCE = 0.95
THRESHOLDS = (0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8)
WORTH = 0.005  # of line recall that a higher threshold may cost
HEIGHTS = ((0, 8), (8, 12), (12, 20), (20, 40), (40, 1000))
COLUMNS = ("group", "lines", "found", "recall", "low", "high", "ink_recall")


@dataclass(frozen=True)
class Settings:
    """What a trial depends on; ``threshold`` 0 chooses one on validation data."""

    seed: int
    frames: int
    side: int
    threshold: float


@dataclass(frozen=True)
class Judged:
    """One line and how much of its ink was masked."""

    line: Line
    difference: float
    deviations: float
    ink: int
    masked: int

    @property
    def found(self) -> bool:
        """Whether nothing of it can be read any more."""
        return self.masked >= COVERED * self.ink


# ------------------------------------------------------------------ judging


def mask_of(
    seen: Sequence[Seen], shape: tuple[int, int], threshold: float
) -> tuple[np.ndarray, list[Region]]:
    """Mask bool (rows, columns) after dilation, and the regions it is made of."""
    regions, _ = regions_of(seen, shape, threshold)
    mask = np.zeros(shape, np.uint8)
    for region in regions:
        draw(mask, region.quad, DILATE_PX)
    return mask > 0, regions


def judged(made: Scene, mask: np.ndarray) -> Iterator[Judged]:
    """How much of each line's ink the mask covers."""
    for number, line in enumerate(made.lines, 1):
        ink = made.owner == number
        if not ink.any():
            continue
        seen = visibility(made.picture, made.owner, number, line)
        yield Judged(line, *seen, int(ink.sum()), int((ink & mask).sum()))


def true_regions(made: Scene, regions: Sequence[Region]) -> int:
    """How many regions hold any ink."""
    count = 0
    for region in regions:
        spot = np.zeros(made.owner.shape, np.uint8)
        draw(spot, region.quad, 0)
        count += bool((made.owner[spot > 0] > 0).any())
    return count


# ------------------------------------------------------------------ tables


def bounds(hits: int, total: int) -> tuple[float, float]:
    """Clopper and Pearson's two-sided bounds of a share (Biometrika 26, 1934)."""
    tail = (1 - CONFIDENCE) / 2
    low = stats.beta.ppf(tail, hits, total - hits + 1) if hits else 0.0
    high = stats.beta.ppf(1 - tail, hits + 1, total - hits) if hits < total else 1.0
    return float(low), float(high)


def direction(angle: float) -> str:
    """Name of a line's direction; degrees counter-clockwise."""
    angle = angle % 360
    for name, middle in (("horizontal", 0), ("vertical 90", 90), ("upside down", 180),
                         ("vertical 270", 270), ("horizontal", 360)):  # fmt: skip
        if abs(angle - middle) < 0.5:
            return name
    off = min(angle % 90, 90 - angle % 90)
    return "tilted up to 5" if off <= 5 else "tilted more than 5"


def groups(line: Judged) -> Iterator[str]:
    """Names of the groups a line belongs to."""
    if line.deviations < HARDLY_VISIBLE:
        yield "hardly visible"
        return
    yield "all but hardly visible"
    for low, high in HEIGHTS:
        if low < line.line.height <= high:
            yield f"height {low + 1} to {high} px" if high < 1000 else f"height over {low} px"
    yield f"direction: {direction(line.line.angle)}"
    limits = ((25, "under 25"), (60, "25 to 60"), (256, "over 60"))
    contrast = next(name for limit, name in limits if line.difference < limit)
    yield f"difference {contrast} grey levels"
    if line.line.kind in ("single", "marker", "foreign", "odd"):
        yield f"kind: {line.line.kind}"


def table(lines: Iterable[Judged]) -> list[dict[str, object]]:
    """Recall by group, with bounds."""
    members: dict[str, list[Judged]] = {}
    for line in lines:
        for group in groups(line):
            members.setdefault(group, []).append(line)
    rows = []
    for group in sorted(members):
        found, total = sum(line.found for line in members[group]), len(members[group])
        low, high = bounds(found, total)
        ink = sum(line.masked for line in members[group]) / sum(line.ink for line in members[group])
        rows.append(
            {"group": group, "lines": total, "found": found, "recall": f"{found / total:.4f}",
             "low": f"{low:.4f}", "high": f"{high:.4f}", "ink_recall": f"{ink:.4f}"}
        )  # fmt: skip
    return rows


# ------------------------------------------------------------------ the trial


def made_frames(
    settings: Settings, frames: Sequence[np.ndarray], recipe: Recipe
) -> Iterator[Scene]:
    """The frozen set: scene k from (seed, k)."""
    for number in range(settings.frames):
        yield scene(np.random.default_rng([settings.seed, number]), frames, recipe)


def choose(
    network: crnn.Detector, scenes: Iterable[Scene]
) -> tuple[float, list[dict[str, object]]]:
    """The highest threshold that costs next to no recall against the lowest."""
    lines: dict[float, list[Judged]] = {threshold: [] for threshold in THRESHOLDS}
    counts = dict.fromkeys(THRESHOLDS, (0, 0))
    for made in scenes:
        seen = look(network, views(made.picture))
        for threshold in THRESHOLDS:
            mask, regions = mask_of(seen, made.picture.shape, threshold)
            lines[threshold] += judged(made, mask)
            right, total = counts[threshold]
            counts[threshold] = right + true_regions(made, regions), total + len(regions)
    rows: list[dict[str, object]] = []
    recalls: dict[float, float] = {}
    for threshold in THRESHOLDS:
        plain = [line for line in lines[threshold] if line.deviations >= HARDLY_VISIBLE]
        recall = sum(line.found for line in plain) / max(1, len(plain))
        right, total = counts[threshold]
        recalls[threshold] = recall
        rows.append({"threshold": threshold, "lines": len(plain), "recall": round(recall, 4),
                     "component_precision": round(right / max(1, total), 4)})  # fmt: skip
    worth = [t for t in THRESHOLDS if recalls[t] >= recalls[THRESHOLDS[0]] - WORTH]
    return max(worth), rows


def measure(
    network: crnn.Detector, settings: Settings, frames: Sequence[np.ndarray], recipe: Recipe
) -> tuple[list[dict[str, object]], dict[str, object]]:
    """Recall by group on the frozen set, and what was masked without reason."""
    digest = hashlib.sha256()
    lines: list[Judged] = []
    right = total = 0
    distractors: list[float] = []
    for made in made_frames(settings, frames, recipe):
        digest.update(made.picture.tobytes())
        seen = look(network, views(made.picture))
        mask, regions = mask_of(seen, made.picture.shape, settings.threshold)
        lines += judged(made, mask)
        right, total = right + true_regions(made, regions), total + len(regions)
        if not made.lines:
            distractors.append(float(mask.mean()))
    areas, suspicious = [], 0
    for frame in frames:
        digest.update(frame.tobytes())
        mask, _ = mask_of(look(network, views(frame)), frame.shape, settings.threshold)
        areas.append(float(mask.mean()))
        suspicious += bool(mask.any())
    figures = {
        "threshold": settings.threshold,
        "frames": settings.frames,
        "side": settings.side,
        "digest": digest.hexdigest()[:16],
        "component_precision": round(right / max(1, total), 4),
        "masked_share_of_made_frames_without_text": round(float(np.mean(distractors or [0])), 5),
        "text_free_frames": len(areas),
        "masked_share_of_text_free_frames": round(float(np.mean(areas)), 5),
        "text_free_frames_with_a_mask": suspicious,
    }
    return table(lines), figures


def trial_recipe(faces: Faces, side: int) -> Recipe:
    """Other layouts and shares than in training."""
    return Recipe(
        faces, side=side, text_share=0.85, procedural_share=0.25, clutter_share=0.6,
        turned_page_share=0.05, foreign_share=0.05, sizes=(7.0, 90.0), vertical_share=0.2,
        slant_share=0.15, faint_share=0.3, jpeg=(30, 95), spread_share=0.0,
    )  # fmt: skip


def main(argv: Sequence[str] | None = None) -> None:
    """Choose the threshold on validation data and measure the detector on the held-out set."""
    parser = argparse.ArgumentParser(prog="python -m unburn.trial", description=main.__doc__)
    parser.add_argument("--weights", type=Path, required=True)
    parser.add_argument("--frames", type=Path, required=True, help="CSV of text-free frames")
    parser.add_argument("--split-seed", type=int, required=True, help="seed of the training run")
    parser.add_argument("--fonts", type=Path, nargs="+", required=True, help="of the training run")
    parser.add_argument("--held-out-fonts", type=Path, nargs="+", required=True)
    parser.add_argument("--settings", required=True, help="JSON")
    parser.add_argument("--out", type=Path, required=True, help="table of recall by group")
    parser.add_argument("--figures", type=Path, required=True, help="everything else, as JSON")
    options = parser.parse_args(argv)
    settings = Settings(**json.loads(options.settings))
    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    network = crnn.load(options.weights)
    sweep: list[dict[str, object]] = []
    if not settings.threshold:
        known = trial_recipe(Faces.of(font_files(options.fonts)), settings.side)
        validation = read_frames(options.frames, "validation", options.split_seed)
        shorter = replace(settings, seed=settings.seed + 1, frames=max(1, settings.frames // 2))
        threshold, sweep = choose(network, made_frames(shorter, validation, known))
        settings = replace(settings, threshold=threshold)
    frames = read_frames(options.frames, "test", options.split_seed)
    recipe = trial_recipe(Faces.of(font_files(options.held_out_fonts), False), settings.side)
    rows, figures = measure(network, settings, frames, recipe)
    tables.write(options.out, rows, COLUMNS)
    with replacing(options.figures) as tmp:
        tmp.write_text(json.dumps({**figures, "validation": sweep}, indent=1) + "\n")
    for row in rows:
        log.info("%s", row)
    log.info("%s", figures)


if __name__ == "__main__":
    command(main)
