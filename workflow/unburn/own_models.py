"""Models of the user's own, as TorchScript or ONNX, beside those that the benchmark trains.

A model is float32 (1, channels, side, side), 0 to 1, to scores: (1, classes) of a classification,
(1, classes, rows, columns) of a segmentation. Nothing else is known of it, so what it says of a
restored frame is compared with what it says of the frame as it was. A file that cannot be loaded or
does not answer so is a row with a sentence; the rest of the benchmark goes on.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import torch

from unburn.tasks import fitted

CLASSIFICATION, SEGMENTATION = "classification", "segmentation"
DIMENSIONS = {CLASSIFICATION: 2, SEGMENTATION: 4}  # of the scores
SUFFIXES = {".pt": "TorchScript", ".onnx": "ONNX"}

Scores = Callable[[np.ndarray], np.ndarray]  # float32 (1, channels, side, side) to scores


@dataclass(frozen=True)
class Model:
    """A model that answers: picture uint8 (rows, columns) to the class of it or of each pixel."""

    name: str
    task: str
    side: int
    channels: int
    scores: Scores

    def classes(self, picture: np.ndarray) -> np.ndarray:
        """The class with the highest score: int64, () or (rows, columns)."""
        square = fitted(picture, self.side)
        shown = np.repeat(square[None, None], self.channels, axis=1)
        return np.asarray(self.scores(shown)[0].argmax(0))


def loaded(path: Path) -> Scores:
    """The scores of a model file, on one thread of the CPU."""
    if path.suffix == ".onnx":
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        session = onnxruntime.InferenceSession(
            str(path), options, providers=["CPUExecutionProvider"]
        )
        entry = session.get_inputs()[0].name
        return lambda shown: np.asarray(session.run(None, {entry: shown})[0])
    torch.set_num_threads(1)
    network = torch.jit.load(str(path), map_location="cpu").eval()

    def scores(shown: np.ndarray) -> np.ndarray:
        with torch.inference_mode():
            return np.asarray(network(torch.from_numpy(shown)).numpy())

    return scores


def opened(given: Mapping[str, Any]) -> Model | str:
    """The model that an entry of the settings describes, or a sentence why it takes no part.

    ``given`` name, task, path, and optionally side and channels.
    """
    path, name, task = Path(given.get("path", "")), name_of(given), given.get("task", "")
    if task not in DIMENSIONS:
        return f"the task {task!r} is none of {', '.join(DIMENSIONS)}"
    if path.suffix not in SUFFIXES:
        return f"the file does not end in {' or '.join(SUFFIXES)}"
    if not path.is_file():
        return "there is no such file"
    side, channels = given.get("side", 224), given.get("channels", 1)
    if not all(isinstance(count, int) and count > 0 for count in (side, channels)):
        return "side and channels are whole numbers above 0"
    try:
        model = Model(name, task, side, channels, loaded(path))
        scores = model.scores(np.zeros((1, channels, side, side), np.float32))
    except Exception as error:
        return (
            f"it cannot be loaded as {SUFFIXES[path.suffix]}, or does not take float32 "
            f"(1, {channels}, {side}, {side}): {type(error).__name__}"
        )
    if scores.ndim != DIMENSIONS[task] or len(scores) != 1:
        return (
            f"its answer has the shape {scores.shape}, "
            f"a {task} has {DIMENSIONS[task]} dimensions, the first of them 1"
        )
    return model


def name_of(given: Mapping[str, Any]) -> str:
    """What a model is called in tables: its name, or that of its file."""
    return str(given.get("name") or Path(given.get("path", "")).name or "a model without a path")


def every(given: Sequence[Mapping[str, Any]]) -> tuple[list[Model], dict[str, str]]:
    """All models that answer, and by name why the others do not.

    Of two with one name the second takes no part.
    """
    found: dict[str, Model | str] = {}
    for one in given:
        name = name_of(one)
        if name in found:
            found[f"{name}, again"] = "another model has this name"
        else:
            found[name] = opened(one)
    models = [one for one in found.values() if isinstance(one, Model)]
    return models, {name: one for name, one in found.items() if isinstance(one, str)}
