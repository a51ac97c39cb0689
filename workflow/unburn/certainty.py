"""How sure the detector was of an item: the score that came nearest to its threshold.

Each frame is a decision. Where text was found, a line that just reached the threshold may be
anatomy; where nothing was found, a score just below it may be text. Distances are in log-odds, so
that 0.999 is far from 0.9. What is least certain is what a person should look at first: before all
else a frame whose score reached the threshold and yet made no line, as what it stood for is too
large for letters and not sure enough (``detect.regions_of``).
"""

import math
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import h5py
import numpy as np

SMALLEST = 1e-4  # a tenth of the step that probabilities are rounded to


@dataclass(frozen=True)
class Doubt:
    """The score of an item that came nearest to the threshold, its frame, its distance."""

    score: float
    frame: int  # from 0
    distance: float  # in log-odds
    dropped: bool = False  # it reached the threshold and was not taken for text


def log_odds(score: np.ndarray | float) -> np.ndarray:
    """The logarithm of p / (1 - p); 0 and 1 count as ``SMALLEST`` from there."""
    inside = np.clip(np.asarray(score, float), SMALLEST, 1 - SMALLEST)
    return np.asarray(np.log(inside / (1 - inside)))


def of_scores(
    items: np.ndarray, frames: np.ndarray, scores: np.ndarray, lines: np.ndarray, threshold: float
) -> dict[str, Doubt]:
    """The doubt of each item.

    Parameters
    ----------
    items, frames : integers, (scores,): what each score is of
    scores : 0 to 1, (scores,); what is no number counts as the threshold itself
    lines : bool, (scores,), whether it is of a line, and not of a frame without any
    threshold : from which a score counts as text
    """
    dropped = ~lines & (scores >= threshold)
    scores = np.where(np.isfinite(scores), scores, threshold)
    distances = np.where(dropped, 0.0, np.abs(log_odds(scores) - log_odds(threshold)))
    nearest: dict[str, Doubt] = {}
    for k in np.lexsort((frames, distances, items))[::-1]:  # the nearest of an item comes last
        nearest[str(int(items[k]))] = Doubt(
            float(scores[k]), int(frames[k]), float(distances[k]), bool(dropped[k])
        )
    return nearest


def decisions(
    examined: np.ndarray, regions: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Items, frames, scores of the detector's decisions, and which are lines, for ``of_scores``.

    Each line's score counts, and a frame's highest one where no line has it. Codes and what
    Tesseract added have scores of another kind.
    """
    lines = np.sort(regions[regions["source"] == b"crnn"], order="score")
    highest = {(row["item"], row["frame"]): row["score"] for row in lines}
    reached = [highest.get((row["item"], row["frame"]), -1) for row in examined]
    others = examined[~(examined["suspicion"] <= np.array(reached, np.float32))]
    scores = np.concatenate([lines["score"], others["suspicion"]]).astype(float)
    items, frames = (np.concatenate([lines[name], others[name]]) for name in ("item", "frame"))
    return items, frames, scores, np.arange(len(scores)) < len(lines)


def doubts(shards: Iterable[Path], threshold: float) -> dict[str, Doubt]:
    """The doubt of every item that was searched, by its number; ``shards`` are their folders."""
    found: dict[str, Doubt] = {}
    for folder in shards:
        with h5py.File(folder / "regions.h5") as file:
            made = decisions(file["examined"][:], file["regions"][:])
        found |= of_scores(*made, threshold)
    return found


def distance(found: Doubt | None) -> float:
    """How far from the threshold an item stayed; one that was not searched is farthest."""
    return math.inf if found is None else found.distance


def outcome(found: Doubt, painted: bool) -> str:
    """What became of the frame of a score, in words; ``painted``: its mask has pixels there."""
    if not found.dropped:
        return "its frame is painted" if painted else "its frame is not painted"
    words = "not taken for text: too large for letters, and not sure enough"
    return f"{words}; its frame is painted all the same" if painted else words
