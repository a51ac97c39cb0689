"""Chooses the detector's threshold on validation data, made by two renderers.

One is the renderer of training with validation frames, the other that of the benchmark with
another seed, validation frames and validation fonts. How good the detector is then is measured on
the frozen set, which nothing is chosen on: ``workflow/benchmark.smk``.
"""

import argparse
import json
import logging
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import torch

from unburn import challenge, crnn, glyphs, judging
from unburn.challenge import Frame
from unburn.detect import look, regions_of
from unburn.errors import command
from unburn.files import replacing
from unburn.frames import views
from unburn.material import font_files
from unburn.rendering import Faces
from unburn.scenes import Recipe, Scene, scene

log = logging.getLogger(__name__)

THRESHOLDS = (0.03, 0.05, 0.07, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8)
WORTH = 0.015  # of line recall that a higher threshold may cost on either set


@dataclass(frozen=True)
class Settings:
    """What a trial depends on: seed, frames of each renderer, side of the training renderer's."""

    seed: int
    frames: int
    side: int


@dataclass(frozen=True)
class Sample:
    """A frame with known text: views uint8 (views, rows, columns), what a person sees, the ink.

    ``heights`` of its lines in pixels; only those ``counted`` are.
    """

    pictures: np.ndarray
    shown: np.ndarray
    owner: np.ndarray
    heights: tuple[float, ...]
    counted: tuple[bool, ...]


def of_scene(made: Scene) -> Sample:
    """A scene of the training renderer."""
    heights = tuple(line.height for line in made.lines)
    counted = (True,) * len(heights)
    return Sample(made.pictures, made.pictures[0], made.owner, heights, counted)


def of_frame(frame: Frame) -> Sample:
    """A frame of the benchmark's renderer; codes and handwriting do not count."""
    return Sample(
        views(frame.stored, frame.photometric, frame.bits),
        challenge.shown(frame),
        frame.owner,
        tuple(line.height for line in frame.lines),
        tuple(line.kind not in challenge.APART for line in frame.lines),
    )


def sweep(network: crnn.Detector, samples: Iterable[Sample]) -> list[dict[str, float]]:
    """Line recall, component precision and false area at each threshold."""
    lines, found = 0, dict.fromkeys(THRESHOLDS, 0)
    regions, right = dict.fromkeys(THRESHOLDS, 0), dict.fromkeys(THRESHOLDS, 0)
    areas: dict[float, list[float]] = {threshold: [] for threshold in THRESHOLDS}
    for sample in samples:
        seen = look(network, sample.pictures)
        contrasts = judging.contrasts(sample.shown, sample.owner, sample.heights)
        wanted = [
            counted and deviations >= judging.HARDLY_VISIBLE
            for counted, (_, deviations) in zip(sample.counted, contrasts, strict=True)
        ]
        lines += sum(wanted)
        for threshold in THRESHOLDS:
            made, _ = regions_of(seen, sample.owner.shape, threshold)
            quads = [region.quad for region in made]
            mask = judging.mask_of(quads, sample.owner.shape)
            if not sample.heights:
                areas[threshold].append(float(mask.mean()))
                continue
            under = judging.ink_under(sample.owner, mask, len(sample.heights))
            found[threshold] += sum(
                masked >= judging.COVERED * ink
                for wants, (ink, masked) in zip(wanted, under, strict=True)
                if wants
            )
            regions[threshold] += len(quads)
            right[threshold] += judging.true_regions(sample.owner, quads)
    return [
        {
            "threshold": threshold,
            "lines": lines,
            "recall": round(found[threshold] / max(1, lines), 4),
            "component_precision": round(right[threshold] / max(1, regions[threshold]), 4),
            "false_area": round(float(np.mean(areas[threshold] or [0])), 5),
        }
        for threshold in THRESHOLDS
    ]


def chosen(sweeps: Mapping[str, Sequence[Mapping[str, float]]]) -> float:
    """The highest threshold that costs next to no recall against the best, on every set."""
    worth = set(THRESHOLDS)
    for rows in sweeps.values():
        best = max(row["recall"] for row in rows)
        worth &= {row["threshold"] for row in rows if row["recall"] >= best - WORTH}
    return max(worth, default=min(THRESHOLDS))


def scenes(settings: Settings, frames: Sequence[np.ndarray], recipe: Recipe) -> Iterator[Scene]:
    """Scene k of the training renderer from (seed, k)."""
    for number in range(settings.frames):
        yield scene(np.random.default_rng([settings.seed, number]), frames, recipe)


def trial_recipe(faces: Faces, side: int) -> Recipe:
    """Other layouts and shares than in training."""
    return Recipe(
        faces, side=side, text_share=0.85, procedural_share=0.25, clutter_share=0.6,
        turned_page_share=0.05, foreign_share=0.05, sizes=(7.0, 90.0), vertical_share=0.2,
        slant_share=0.15, faint_share=0.3, jpeg=(30, 95), deep_share=0.0, alike_share=0.0,
    )  # fmt: skip


def main(argv: Sequence[str] | None = None) -> None:
    """Choose the threshold on validation data of two renderers."""
    parser = argparse.ArgumentParser(prog="python -m unburn.trial", description=main.__doc__)
    parser.add_argument("--weights", type=Path, required=True)
    parser.add_argument("--frames", type=Path, required=True, help="CSV of text-free frames")
    parser.add_argument("--split-seed", type=int, required=True, help="seed of the training run")
    parser.add_argument("--fonts", type=Path, nargs="+", required=True, help="of the training run")
    parser.add_argument("--held-out-fonts", type=Path, nargs="+", required=True)
    parser.add_argument("--settings", required=True, help="JSON")
    parser.add_argument("--out", type=Path, required=True, help="threshold.json to write")
    options = parser.parse_args(argv)
    settings = Settings(**json.loads(options.settings))
    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    network = crnn.load(options.weights)
    recipe = trial_recipe(Faces.of(font_files(options.fonts)), settings.side)
    sources = challenge.read_sources(options.frames, "validation", options.split_seed)
    pictures = [source.picture for source in sources]
    faces = glyphs.faces(font_files(options.held_out_fonts))
    made = (challenge.frame(settings.seed, k, sources, faces) for k in range(settings.frames))
    sweeps = {
        "training renderer": sweep(network, map(of_scene, scenes(settings, pictures, recipe))),
        "benchmark renderer": sweep(network, map(of_frame, made)),
    }
    threshold = chosen(sweeps)
    with replacing(options.out) as tmp:
        tmp.write_text(json.dumps({"threshold": threshold, **sweeps}, indent=1) + "\n")
    log.info("threshold %s", threshold)
    for name, rows in sweeps.items():
        for row in rows:
            log.info("%s: %s", name, row)


if __name__ == "__main__":
    command(main)
