"""What both tasks, and the user's own models, say of every version of a planted frame.

A prediction on a restored frame is compared with the frame's true modality and with the prediction
on the same frame as it was; structures are compared by Dice with the model's own on the frame as
it was, since nobody outlined any. Drift is 1 - the cosine of the classifier's features of both.
"""

import argparse
import json
from collections.abc import Sequence
from functools import lru_cache, partial
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
import torch

from unburn import own_models, planted, tasks
from unburn.errors import command
from unburn.files import replacing
from unburn.own_models import CLASSIFICATION, SEGMENTATION
from unburn.parallel import in_order
from unburn.planted_restoration import paintings, unpainted
from unburn.tables import write_csv

OURS = "trained here"
CLASS_COLUMNS = (
    "model", "method", "mask", "frame", "group", "modality", "predicted", "on_clean", "drift",
)  # fmt: skip
DICE_COLUMNS = ("model", "method", "mask", "frame", "group", "structure", "dice")


def dice(one: np.ndarray, other: np.ndarray) -> float:
    """Dice of two masks, bool of one shape; 1 of two empty ones."""
    total = int(one.sum()) + int(other.sum())
    return 2 * int((one & other).sum()) / total if total else 1.0


def dices(clean: np.ndarray, found: np.ndarray, names: Sequence[str]) -> dict[str, float]:
    """Dice of every structure that either map has, by name; place 0 is the background.

    Maps are integers (rows, columns); "all" is the mean.
    """
    seen = sorted((set(np.unique(clean)) | set(np.unique(found))) - {0})
    each = {
        names[k] if k < len(names) else f"class {k}": dice(clean == k, found == k) for k in seen
    }
    return {**each, "all": float(np.mean(list(each.values()))) if each else 1.0}


@lru_cache(maxsize=1)
def _trained(folder: Path) -> tuple[tasks.Classifier, tasks.Segmenter, list[str]]:
    torch.set_num_threads(1)
    return tasks.load(folder)


@lru_cache(maxsize=1)
def _own(given: str) -> list[own_models.Model]:
    return own_models.every(json.loads(given))[0]


def seen(picture: np.ndarray, folder: Path) -> tuple[str, np.ndarray, np.ndarray]:
    """Modality, features float32 (n,) and structures int64 (SIDE, SIDE) of a picture."""
    classifier, segmenter, classes = _trained(folder)
    with torch.inference_mode():
        shown = torch.from_numpy(tasks.fitted(picture)[None, None])
        features = classifier.features(shown)
        best = int(classifier.scores(features).argmax())
        found = segmenter(shown)[0].argmax(0).numpy()
    return classes[best], features[0].numpy(), found


def cosine(one: np.ndarray, other: np.ndarray) -> float:
    """Cosine between two vectors."""
    return float(one @ other / max(1e-12, float(np.linalg.norm(one) * np.linalg.norm(other))))


Rows = list[dict[str, Any]]


def measure(frame: int, path: Path, restored: Path, folder: Path, own: str) -> tuple[Rows, Rows]:
    """Rows of predictions and of structures, by every model of every version of a frame."""
    predicted: Rows = []
    outlined: Rows = []
    clean: tuple[str, np.ndarray, np.ndarray] | None = None
    own_clean: dict[str, np.ndarray] = {}
    one = planted.load(path, frame)
    for method, mask, picture in chain(unpainted(one), paintings(restored, frame)):
        named = {"method": method, "mask": mask, "frame": frame, "group": one.group}
        found = seen(picture, folder)
        clean = clean or found  # the first version is the frame without text
        predicted.append(
            {"model": OURS, **named, "modality": one.modality, "predicted": found[0],
             "on_clean": clean[0], "drift": f"{1 - cosine(found[1], clean[1]):.6f}"}
        )  # fmt: skip
        compared = {OURS: dices(clean[2], found[2], tasks.STRUCTURES)}
        for model in _own(own):
            said = model.classes(picture)
            before = own_clean.setdefault(model.name, said)
            if model.task == CLASSIFICATION:
                predicted.append(
                    {"model": model.name, **named, "modality": "", "predicted": f"class {said}",
                     "on_clean": f"class {before}", "drift": ""}
                )  # fmt: skip
            elif model.task == SEGMENTATION:
                compared[model.name] = dices(before, said, ())
        outlined += [
            {"model": model, **named, "structure": name, "dice": f"{value:.6f}"}
            for model, each in compared.items()
            for name, value in each.items()
        ]
    return predicted, outlined


def run(
    path: Path, restored: Path, folder: Path, own: Sequence[Any], threads: int, out: Path
) -> None:
    """Write ``predictions.csv``, ``structures.csv`` and ``own_models.json`` to ``out``."""
    predicted: Rows = []
    outlined: Rows = []
    work = partial(
        measure, path=path, restored=restored, folder=folder, own=json.dumps(own, sort_keys=True)
    )
    for more, others in in_order(work, planted.frames_of(path, 0), threads):
        predicted += more
        outlined += others
    write_csv(out / "predictions.csv", predicted, CLASS_COLUMNS)
    write_csv(out / "structures.csv", outlined, DICE_COLUMNS)
    with replacing(out / "own_models.json") as tmp:
        tmp.write_text(json.dumps(own_models.every(own)[1], indent=1) + "\n")


def main(argv: Sequence[str] | None = None) -> None:
    """Show every version of the planted frames to every model."""
    parser = argparse.ArgumentParser(
        prog="python -m unburn.planted_tasks", description=main.__doc__
    )
    parser.add_argument("--planted", type=Path, required=True, help="planted.h5")
    parser.add_argument("--restored", type=Path, required=True, help="restored.h5")
    parser.add_argument("--tasks", type=Path, required=True, help="folder of unburn.tasks")
    parser.add_argument("--models", type=json.loads, default=[], help="the user's own, as JSON")
    parser.add_argument("--threads", type=int, default=1, help="processes")
    parser.add_argument("--out", type=Path, required=True, help="folder to write to")
    options = parser.parse_args(argv)
    run(
        options.planted, options.restored, options.tasks, options.models, options.threads,
        options.out,
    )  # fmt: skip


if __name__ == "__main__":
    command(main)
