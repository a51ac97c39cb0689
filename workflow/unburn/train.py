"""Trains the detector and the line reader from a seed, without any real text.

Scenes are made in one process and learnt from in another; the state is kept every few minutes,
so that a run that was stopped goes on where it was.
"""

import argparse
import csv
import json
import logging
import math
import multiprocessing
import os
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from queue import Empty, Full
from typing import Any

import cv2
import numpy as np
import torch
from safetensors.torch import load_file
from torch import Tensor, nn
from torch.nn import functional

from unburn import crnn, lines
from unburn.distance import edits
from unburn.errors import UserError, command
from unburn.files import replacing, sha256
from unburn.frames import views
from unburn.material import font_files, read_frames
from unburn.rendering import Faces, Line, Page
from unburn.scenes import Recipe, Scene, full_page, made_frames, scene, write

log = logging.getLogger(__name__)

FAINT_STEPS, FAINT_SHARE = 4.0, 0.7  # grey values, local deviations: nobody sees a line below
AVERAGING = 0.999  # of the weights that are kept, per step
KEEP_EVERY_S = 180
HARD_NEGATIVES = 8.0  # how much more a place counts that the network is sure of, wrongly
HARD_POSITIVES = 2.0  # how much more a letter counts that the network is sure is none
LARGER = ((1.0, 0.55), (1.5, 0.25), (2.0, 0.2))  # sides of scenes, and their shares of batches
MADE_FRAMES = 250  # beside the true ones, to be searched with them
MINED_FRAMES = 300  # that are searched for places taken for text, each time,
MINED_SCORE = 0.15  # the probability from which a place counts,
MINED_CELL = 64  # one place in each square of so many pixels,
MINED_WITH_TEXT = 0.6  # of these frames have text written on them, away from which places count,
TEXT_AWAY_PX = 24  # by so much at least,
MINED_PLACES = 2500  # and how many are kept, newest first
VALIDATION_BATCHES = 4
COLOURS = ("#1f4e9c", "#c2571a", "#2e7d32", "#6a1b9a", "#555555")
PAGE_PX, PAGE_FAINT = 384, 0.12  # of the pages that the reader learns from
WIDTH_GROUP = 16  # lines that are read at one width


@dataclass(frozen=True)
class Settings:
    """What a training run depends on; ``minutes`` ends it early if ``crops`` takes longer.

    Every ``mine_every`` steps (0: never) the training frames are searched for places that are
    taken for text, which later scenes show more often. Of the weights that training went on from,
    ``start_share`` is in those that are written: between the two, text of other renderers is
    found more surely than at either end (Wortsman et al. 2022, arXiv 2109.01903).
    """

    seed: int
    crops: int
    minutes: float
    batch: int
    rate: float
    mine_every: int
    start_share: float


# ------------------------------------------------------------------ data


def visibility(
    pictures: np.ndarray, owner: np.ndarray, number: int, line: Line
) -> tuple[float, float]:
    """How far a line's ink is from its surroundings: (grey values, local deviations).

    ``pictures`` uint8 (n, rows, columns); the one counts in which the line shows best.
    """
    margin = max(3, round(line.height * 0.4))
    left, top = np.floor(line.quad.min(0)).astype(int) - margin
    right, bottom = np.ceil(line.quad.max(0)).astype(int) + margin
    where = np.s_[max(0, top) : bottom, max(0, left) : right]
    ink = owner[where] == number
    around = cv2.dilate((owner[where] > 0).astype(np.uint8), np.ones((3, 3), np.uint8)) == 0
    if not ink.any() or around.sum() < 8:
        return 0.0, 0.0
    found = []
    for picture in pictures:
        spot = picture[where].astype(np.float32)
        ring = spot[around]
        difference = float(np.abs(spot[ink] - np.median(ring)).mean())
        found.append((difference, difference / max(1.0, float(ring.std()))))
    return max(found, key=lambda one: min(one[0] / FAINT_STEPS, one[1] / FAINT_SHARE))


def targets(made: Scene) -> tuple[np.ndarray, np.ndarray]:
    """What the detector should say of a scene.

    Returns
    -------
    (uint8 (2, rows / 2, columns / 2): text and line cores; float16 (rows / 2, columns / 2): weight
    of each place: more on ink and on small lines, none on lines that nobody can see)
    """
    rows, columns = made.owner.shape
    wanted = np.zeros((2, rows // 2, columns // 2), np.uint8)
    weight = np.ones((rows // 2, columns // 2), np.float32)
    ink = made.owner.reshape(rows // 2, 2, columns // 2, 2).max((1, 3))
    for number, line in enumerate(made.lines, 1):
        difference, deviations = visibility(made.pictures, made.owner, number, line)
        centre = line.quad.mean(0)
        across, down = line.quad[1] - line.quad[0], line.quad[3] - line.quad[0]
        width, height = float(np.hypot(*across)), float(np.hypot(*down))
        whole = _polygon(_grown(line.quad, centre, width, height, max(1.0, 0.08 * line.height)))
        if difference < FAINT_STEPS or deviations < FAINT_SHARE:
            cv2.fillPoly(weight, [whole], 0.0)
            continue
        core = _polygon(_grown(line.quad, centre, width, height, -0.25 * min(width, height)))
        cv2.fillPoly(wanted[0], [whole], 1)
        cv2.fillPoly(wanted[1], [core], 1)
        share = float(np.clip(math.sqrt(600 / max(1.0, width * height)), 0.7, 3))
        cv2.fillPoly(weight, [whole], 1 + 0.7 * share)
        weight[ink == number] += 1.3 * share
    return wanted, weight.astype(np.float16)


def _grown(
    quad: np.ndarray, centre: np.ndarray, width: float, height: float, by: float
) -> np.ndarray:
    """Move the sides of a turned rectangle outwards by ``by`` pixels."""
    along = (quad[1] - quad[0]) / max(width, 1e-6)
    upright = (quad[3] - quad[0]) / max(height, 1e-6)
    across, down = max(0.5, width / 2 + by), max(0.5, height / 2 + by)
    corners = ((-1, -1), (1, -1), (1, 1), (-1, 1))
    return np.array([centre + x * across * along + y * down * upright for x, y in corners])


def _polygon(quad: np.ndarray) -> np.ndarray:
    """Corners in pixels of the maps, which have half the size."""
    return np.round((quad - 0.5) / 2).astype(np.int32)


Place = tuple[int, int, int]  # number of a frame, row, column


def mine(
    network: crnn.Detector,
    frames: Sequence[np.ndarray],
    recipe: Recipe,
    rng: np.random.Generator,
) -> list[Place]:
    """Search some frames, uint8 (rows, columns), for places that are wrongly taken for text.

    Most have text written on them first: it moves the window, and what stands in its row.
    """
    places = []
    for number in rng.permutation(len(frames))[:MINED_FRAMES]:
        page = Page(frames[number])
        if rng.random() < MINED_WITH_TEXT:
            write(rng, page, recipe)
        burned = np.clip(np.rint(page.picture), 0, 255).astype(np.uint8)
        text = crnn.probabilities(network, views(burned)[[0, -1]][None])[0, 0]
        near = cv2.dilate((page.owner > 0).astype(np.uint8), np.ones((TEXT_AWAY_PX * 2 + 1,) * 2))
        text[near[::2, ::2] > 0] = 0
        cell = MINED_CELL // 2
        for top in range(0, text.shape[0], cell):
            for left in range(0, text.shape[1], cell):
                spot = text[top : top + cell, left : left + cell]
                if spot.max() >= MINED_SCORE:
                    row, column = np.unravel_index(int(spot.argmax()), spot.shape)
                    places.append((int(number), 2 * (top + int(row)), 2 * (left + int(column))))
    return places


def detector_batch(
    number: int,
    seed: int,
    batch: int,
    frames: Sequence[np.ndarray],
    recipe: Recipe,
    mined: Sequence[Place] = (),
) -> tuple[np.ndarray, ...]:
    """Make batch ``number``: pictures uint8 (n, 2, side, side), wanted maps, weights.

    The larger the scenes the fewer, so that a batch has as many pixels as ``batch`` small ones.
    """
    parts = []
    rng = np.random.default_rng([seed, number])
    larger = float(rng.choice([by for by, _ in LARGER], p=[share for _, share in LARGER]))
    recipe = replace(recipe, side=round(larger * recipe.side))
    for place in range(max(1, int(batch / larger**2))):
        made = scene(np.random.default_rng([seed, number, place]), frames, recipe, mined)
        parts.append((made.pictures, *targets(made)))
    return tuple(np.stack(part) for part in zip(*parts, strict=True))


def reader_batch(
    number: int,
    seed: int,
    batch: int,
    frames: Sequence[np.ndarray],
    recipe: Recipe,
    mined: Sequence[Place] = (),
) -> tuple[np.ndarray, ...]:
    """Make batch ``number`` of line crops; ``mined`` places are nothing to read.

    Returns
    -------
    (float32 (n, 1, 32, columns) crops, the narrowest first; int32 (n, 2) their columns and numbers
    of characters, 0 where there is no text; int64 the classes of all characters, line by line)
    """
    rng = np.random.default_rng([seed, number])
    page = replace(recipe, side=PAGE_PX, faint_share=PAGE_FAINT)
    read: list[tuple[np.ndarray, list[int]]] = []
    while len(read) < batch:
        made = full_page(rng, frames, page)
        picture = made.pictures[int(rng.integers(len(made.pictures)))]
        for place, line in enumerate(made.lines, 1):
            if not set(line.text) <= set(lines.ALPHABET):
                continue
            if visibility(picture[None], made.owner, place, line)[1] < 1:
                continue
            label = [lines.ALPHABET.index(letter) + 1 for letter in line.text]
            read.append((lines.straightened(picture, _loose(rng, line.quad)), label))
        empty = rng.uniform(0, PAGE_PX, 2) + np.array([[0, 0], [1, 0], [1, 1], [0, 1]]) * (
            rng.uniform(8, 100, 2)
        )
        if not made.owner[np.ix_(*(_reach(empty[:, axis], PAGE_PX) for axis in (1, 0)))].any():
            read.append((lines.straightened(picture, empty), []))
    read = sorted(read[:batch], key=lambda one: one[0].shape[1])
    sizes = [(crop.shape[1], len(label)) for crop, label in read]
    letters = np.array([letter for _, label in read for letter in label], np.int64)
    return lines.prepared([crop for crop, _ in read]).numpy(), np.array(sizes, np.int32), letters


def _reach(along: np.ndarray, side: int) -> np.ndarray:
    return np.arange(max(0, int(along.min())), min(side, int(along.max()) + 1))


def _loose(rng: np.random.Generator, quad: np.ndarray) -> np.ndarray:
    """A line's quadrangle as the detector gives it: with a margin that differs by side."""
    across, down = quad[1] - quad[0], quad[3] - quad[0]
    height = float(np.hypot(*down))
    along, upright = across / max(1e-6, float(np.hypot(*across))), down / max(1e-6, height)
    left, right, above, below = rng.uniform((0, 0, -0.03, -0.03), (0.4, 0.4, 0.3, 0.3)) * height
    return quad + np.array(
        [-left * along - above * upright, right * along - above * upright,
         right * along + below * upright, -left * along + below * upright]
    )  # fmt: skip


Batch = tuple[np.ndarray, ...]


def _produce(
    make: Callable[[int, list[Place]], Batch],
    first: int,
    every: int,
    queue: "multiprocessing.Queue[Batch]",
    mined: "multiprocessing.Queue[list[Place]]",
) -> None:
    parent = os.getppid()
    places: list[Place] = []
    for number in range(first, 2**31):
        if every and (number == first or number % every == 0):
            places = mined.get()
        batch = make(number, places)
        while True:
            if os.getppid() != parent:
                return
            try:
                queue.put(batch, timeout=60)
            except Full:  # look for the parent again
                continue
            break


def produced(
    make: Callable[[int, list[Place]], Batch],
    first: int,
    every: int = 0,
    places: Callable[[int], list[Place]] = lambda number: [],
) -> Iterator[Batch]:
    """Yield ``make(first, ...)``, ``make(first + 1, ...)``, ... made in another process.

    Before number ``first`` and every number that ``every`` divides, ``places(number)`` is asked
    for the second argument from then on, so that it may depend on all batches before.
    """
    cv2.setNumThreads(1)  # ends threads that a forked process would wait for
    context = multiprocessing.get_context("fork")
    queue: multiprocessing.Queue[Batch] = context.Queue(maxsize=6)
    mined: multiprocessing.Queue[list[Place]] = context.Queue()
    work = (make, first, every, queue, mined)
    process = context.Process(target=_produce, args=work, daemon=True)
    process.start()
    number = first
    try:
        while True:
            if every and (number == first or number % every == 0):
                mined.put(places(number))
            try:
                yield queue.get(timeout=120)
            except Empty:
                if not process.is_alive():
                    raise RuntimeError("the process that makes scenes has died") from None
                continue
            number += 1
    finally:
        process.terminate()


# ------------------------------------------------------------------ learning


def detector_loss(logits: Tensor, wanted: Tensor, weight: Tensor) -> Tensor:
    """Weighted cross entropy and dice over both maps; weights of 0 leave places out.

    A place taken for text counts much more, the surer the network was: such places are few, and
    look like text.
    """
    weight = weight[:, None].expand_as(logits)
    score = torch.sigmoid(logits)
    known = score.detach()
    false, missed = known.square() * (1 - wanted), (1 - known).square() * wanted
    hard = weight * (1 + HARD_NEGATIVES * false + HARD_POSITIVES * missed)
    entropy = functional.binary_cross_entropy_with_logits(logits, wanted, hard, reduction="sum")
    shared = (weight * score * wanted).sum((0, 2, 3))
    dice = 1 - (2 * shared + 1) / ((weight * (score + wanted)).sum((0, 2, 3)) + 1)
    return entropy / weight.sum() * 2 + dice.mean()


class Run:
    """A training run: network, averaged weights, optimiser, and how far it is.

    ``origin`` names what the run began with; a state of another run is refused.
    """

    def __init__(self, network: nn.Module, settings: Settings, state: Path, origin: dict[str, str]):
        self.network, self.settings, self.state = network, settings, state
        self.origin = origin
        self.optimiser = torch.optim.AdamW(network.parameters(), settings.rate, weight_decay=0.01)
        self.averaged = {name: value.clone() for name, value in network.state_dict().items()}
        self.step, self.seconds = 0, 0.0
        self.mined: list[Place] = []
        if state.is_file():
            kept = torch.load(state, weights_only=True)
            if kept.get("origin", origin) != origin:
                raise UserError(
                    str(state),
                    "it is of a run from another seed or other weights",
                    "name the same seed and start, or delete it to begin anew",
                )
            network.load_state_dict(kept["network"])
            self.optimiser.load_state_dict(kept["optimiser"])
            self.averaged, self.step, self.seconds = kept["averaged"], kept["step"], kept["seconds"]
            self.mined = [(place[0], place[1], place[2]) for place in kept["mined"]]

    @property
    def done(self) -> float:
        """Share of the run that is behind us, by crops or minutes, whichever is more."""
        by_crops = self.step * self.settings.batch / self.settings.crops
        return min(1.0, max(by_crops, self.seconds / 60 / self.settings.minutes))

    def learn(self, loss: Tensor) -> None:
        """One step; the rate rises over the first steps and falls along half a cosine."""
        rise = min(1.0, (self.step + 1) / 200)
        fall = 0.02 + 0.98 * 0.5 * (1 + math.cos(math.pi * self.done))
        for group in self.optimiser.param_groups:
            group["lr"] = self.settings.rate * rise * fall
        self.optimiser.zero_grad(set_to_none=True)
        loss.backward()
        nn.utils.clip_grad_norm_(self.network.parameters(), 2.0)
        self.optimiser.step()
        self.step += 1
        keep = min(AVERAGING, (self.step + 1) / (self.step + 10))
        with torch.no_grad():
            for name, value in self.network.state_dict().items():
                mean = self.averaged[name]
                if mean.dtype.is_floating_point:
                    mean.lerp_(value, 1 - keep)
                else:
                    mean.copy_(value)

    def keep(self) -> None:
        """Write the state, so that the run can go on after a stop."""
        with replacing(self.state) as tmp:
            kept = {
                "network": self.network.state_dict(), "optimiser": self.optimiser.state_dict(),
                "averaged": self.averaged, "step": self.step, "seconds": self.seconds,
                "mined": self.mined, "origin": self.origin,
            }  # fmt: skip
            torch.save(kept, tmp)


def reader_loss(scores: Tensor, sizes: Tensor, letters: Tensor) -> Tensor:
    """CTC over a batch; a line too narrow for its characters counts nothing."""
    steps = torch.minimum(
        (sizes[:, 0] + lines.STEP - 1) // lines.STEP, torch.tensor(scores.shape[1])
    )
    return functional.ctc_loss(
        scores.transpose(0, 1), letters, steps.long(), sizes[:, 1].long(), zero_infinity=True
    )


def by_width(crops: Tensor, sizes: Tensor, letters: Tensor) -> Iterator[tuple[Tensor, ...]]:
    """Cut a batch of the reader's into parts that are no wider than they must be."""
    ends = [0, *torch.cumsum(sizes[:, 1], 0).tolist()]
    for first in range(0, len(crops), WIDTH_GROUP):
        last = min(first + WIDTH_GROUP, len(crops))
        width = lines.padded(int(sizes[last - 1, 0]))
        yield crops[first:last, ..., :width], sizes[first:last], letters[ends[first] : ends[last]]


def _shades(pictures: Tensor) -> Tensor:
    return pictures.float().div_(255).contiguous(memory_format=torch.channels_last)


def _learn_detector(network: nn.Module, batch: Sequence[Tensor]) -> Tensor:
    pictures, wanted, weight = batch
    with torch.autocast("cpu", torch.bfloat16):
        logits = network(_shades(pictures))
    return detector_loss(logits.float(), wanted.float(), weight.float())


def _learn_reader(network: nn.Module, batch: Sequence[Tensor]) -> Tensor:
    losses = []
    for crops, sizes, letters in by_width(*batch):
        with torch.autocast("cpu", torch.bfloat16):
            scores = network(crops)
        losses.append(reader_loss(scores.float(), sizes, letters))
    return torch.stack(losses).mean()


def judge_detector(network: nn.Module, batches: Sequence[Batch]) -> dict[str, float]:
    """Loss, recall of weighted text places and precision, at a probability of 0.3."""
    losses, hit, wanted_sum, found_sum = [], 0.0, 0.0, 0.0
    for pictures, wanted, weight in batches:
        with torch.inference_mode():
            logits = network(_shades(torch.from_numpy(pictures)))
        true, heavy = torch.from_numpy(wanted).float(), torch.from_numpy(weight).float()
        losses.append(detector_loss(logits, true, heavy).item())
        found = (torch.sigmoid(logits[:, 0]) > 0.3).float()
        hit += float((heavy * found * true[:, 0]).sum())
        wanted_sum += float((heavy * true[:, 0]).sum())
        found_sum += float((heavy * found).sum())
    return {
        "validation_loss": round(float(np.mean(losses)), 4),
        "recall": round(hit / max(1.0, wanted_sum), 4),
        "precision": round(hit / max(1.0, found_sum), 4),
    }


def judge_reader(network: nn.Module, batches: Sequence[Batch]) -> dict[str, float]:
    """Edits per character, and the share of lines read right, blanks and case included."""
    edited = characters = right = total = 0
    for batch in batches:
        for crops, sizes, letters in by_width(*(torch.from_numpy(part) for part in batch)):
            with torch.inference_mode():
                found = network(crops).numpy()
            wanted = torch.split(letters, sizes[:, 1].tolist())
            for scores, label in zip(found, wanted, strict=True):
                text, _ = lines.decoded(scores)
                truth = "".join(lines.ALPHABET[letter - 1] for letter in label.tolist())
                edited, characters = edited + edits(text, truth), characters + len(truth)
                right, total = right + (text == truth), total + 1
    return {
        "character_error_rate": round(edited / max(1, characters), 4),
        "lines_read_right": round(right / total, 4),
    }


@dataclass(frozen=True)
class Task:
    """What one network learns: how it and its batches are made, its loss, how it is judged."""

    network: Callable[[], Any]
    batch: Callable[[int, int, int, Sequence[np.ndarray], Recipe, Sequence[Place]], Batch]
    loss: Callable[[nn.Module, Sequence[Tensor]], Tensor]
    judge: Callable[[nn.Module, Sequence[Batch]], dict[str, float]]
    validation_batch: int


TASKS = {
    "detector": Task(crnn.Detector, detector_batch, _learn_detector, judge_detector, 16),
    "reader": Task(lines.Reader, reader_batch, _learn_reader, judge_reader, 128),
}


def train(
    task: Task, settings: Settings, frames: Sequence[np.ndarray], validation: Sequence[np.ndarray],
    recipe: Recipe, start: Path | None, state: Path, curve: Path, out: Path,
) -> None:  # fmt: skip
    """Train one network; ``out`` is written anew each time the state is kept.

    ``start`` are weights to go on from instead of random ones.
    """
    torch.manual_seed(settings.seed)
    network = crnn.channels_last(task.network()).train()
    begun = load_file(start) if start else {}
    if start:
        network.load_state_dict(begun)
    origin = {"seed": str(settings.seed), **({"start": sha256(start)} if start else {})}
    run = Run(network, settings, state, origin)

    def make(number: int, places: list[Place]) -> Batch:
        return task.batch(number, settings.seed, settings.batch, frames, recipe, places)

    def averaged() -> Any:
        best = task.network()
        best.load_state_dict(run.averaged)
        return crnn.channels_last(best.eval())

    def write() -> nn.Module:
        best = averaged()
        for name, value in best.state_dict().items() if begun else ():
            if value.dtype.is_floating_point:
                value.lerp_(begun[name], settings.start_share)
        crops = run.step * settings.batch
        crnn.save(out, best, best.shape, {**origin, "crops": str(crops)})
        return best

    def places(number: int) -> list[Place]:
        if number % settings.mine_every == 0:
            rng = np.random.default_rng([settings.seed, number])
            found = mine(averaged(), frames, recipe, rng)
            log.info("step %d: %d places were taken for text", number, len(found))
            run.mined = (found + run.mined)[:MINED_PLACES]
        return run.mined

    if run.done >= 1:
        write()
        return
    checked = [
        task.batch(number, settings.seed + 1, task.validation_batch, validation, recipe, ())
        for number in range(VALIDATION_BATCHES)
    ]
    losses: list[float] = []
    started, kept = time.monotonic() - run.seconds, time.monotonic()
    for batch in produced(make, run.step, settings.mine_every, places):
        loss = task.loss(network, [torch.from_numpy(part) for part in batch])
        run.learn(loss)
        losses.append(loss.item())
        run.seconds = time.monotonic() - started
        if time.monotonic() - kept > KEEP_EVERY_S or run.done >= 1:
            run.keep()
            figures = {"step": run.step, "crops": run.step * settings.batch,
                       "minutes": round(run.seconds / 60, 1),
                       "loss": round(float(np.mean(losses)), 4),
                       **task.judge(write(), checked)}  # fmt: skip
            _append(curve, figures)
            log.info("%s", figures)
            losses, kept = [], time.monotonic()
        if run.done >= 1:
            return


def _append(curve: Path, figures: dict[str, float]) -> None:
    curve.parent.mkdir(parents=True, exist_ok=True)
    new = not curve.is_file()
    with open(curve, "a", newline="") as file:
        writer = csv.DictWriter(file, figures)
        if new:
            writer.writeheader()
        writer.writerow(figures)


def draw_curve(curve: Path, out: Path) -> None:
    """Draw the columns of a curve over the crops seen, each on its own scale from 0, as SVG."""
    with open(curve, newline="") as file:
        rows = [{name: float(value) for name, value in row.items()} for row in csv.DictReader(file)]
    last = max(row["crops"] for row in rows)
    parts = []
    names = [name for name in rows[0] if name not in ("step", "crops", "minutes")]
    for number, name in enumerate(names):
        top = max(1e-9, *(row[name] for row in rows))
        points = " ".join(
            f"{20 + 560 * row['crops'] / last:.1f},{280 - 260 * row[name] / top:.1f}"
            for row in rows
        )
        colour = COLOURS[number % len(COLOURS)]
        parts.append(f'<polyline points="{points}" fill="none" stroke="{colour}"/>')
        label = f"{name}: {rows[-1][name]:g} at the end, {top:g} at most"
        parts.append(f'<text x="300" y="{40 + 18 * number}" fill="{colour}">{label}</text>')
    parts.append(f'<text x="20" y="298">0 to {last:g} crops</text>')
    with replacing(out) as tmp:
        tmp.write_text(
            '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 600 304" font-size="12">'
            f"{''.join(parts)}</svg>\n"
        )


def main(argv: Sequence[str] | None = None) -> None:
    """Entry of the rules of ``workflow/train.smk``."""
    parser = argparse.ArgumentParser(prog="python -m unburn.train", description=__doc__)
    steps = parser.add_subparsers(dest="what", required=True)
    for what in TASKS:
        step = steps.add_parser(what, help=f"train the {what}")
        step.add_argument("--frames", type=Path, required=True, help="CSV of text-free frames")
        step.add_argument("--split-seed", type=int, required=True, help="deals the frames")
        step.add_argument("--fonts", type=Path, nargs="+", required=True, help="folders")
        step.add_argument("--settings", required=True, help="JSON")
        step.add_argument("--start", type=Path, help="weights to go on from")
        step.add_argument("--threads", type=int, default=1, help="of the network")
        step.add_argument("--state", type=Path, required=True, help="where a stopped run goes on")
        step.add_argument("--curve", type=Path, required=True, help="CSV of the losses")
        step.add_argument("--out", type=Path, required=True, help="weights to write")
    step = steps.add_parser("curve", help="draw a CSV of losses")
    step.add_argument("--curve", type=Path, required=True)
    step.add_argument("--out", type=Path, required=True, help="SVG to write")
    options = parser.parse_args(argv)
    if options.what == "curve":
        draw_curve(options.curve, options.out)
        return
    settings = Settings(**json.loads(options.settings))
    torch.set_num_threads(options.threads)
    cv2.setNumThreads(1)
    faces = Faces.of(font_files(options.fonts))
    log.info("%d Latin fonts, other scripts: %s", len(faces.latin), sorted(faces.others))
    frames = read_frames(options.frames, "training", options.split_seed)
    recipe = Recipe(faces)
    frames += made_frames(np.random.default_rng(settings.seed), MADE_FRAMES, recipe)
    validation = read_frames(options.frames, "validation", options.split_seed)
    log.info("%d frames to train, %d to validate", len(frames), len(validation))
    train(
        TASKS[options.what], settings, frames, validation, recipe,
        options.start, options.state, options.curve, options.out,
    )  # fmt: skip


if __name__ == "__main__":
    command(main)
