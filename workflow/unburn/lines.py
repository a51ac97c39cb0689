"""The line reader: a small CRNN with CTC for Latin letters, digits and punctuation.

What it reads stays in the job that read it (``reading``).
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import torch
from safetensors import safe_open
from torch import Tensor, nn
from torch.nn import functional

from unburn.crnn import REMEDY, channels_last, folded, verified

ALPHABET = "".join(chr(code) for code in range(32, 127))  # 0 of the classes is CTC's blank
ROWS = 32
WIDER = 1.25  # than the line itself a crop is made, for narrow letters that follow each other
MOST_COLUMNS = 960
STEP = 4  # columns of a crop to each step of what is read
WIDTH = 64  # crops are padded to multiples of it, whatever else is read with them
BATCH = 64  # crops read at once
TALL = 1.5  # a region this much higher than wide holds a line that runs up or down


@dataclass(frozen=True)
class Shape:
    """Widths of the reader: channels at 1/2, 1/4, 1/8 and 1/16 of the height, hidden units."""

    widths: tuple[int, int, int, int] = (32, 64, 96, 128)
    hidden: int = 112


def _conv(before: int, after: int, stride: int | tuple[int, int] = 1) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(before, after, 3, stride, 1, bias=False), nn.BatchNorm2d(after), nn.ReLU()
    )


class Reader(nn.Module):
    """Line pictures to a sequence of character scores, one step per ``STEP`` columns."""

    def __init__(self, shape: Shape = Shape()):
        super().__init__()
        self.shape = shape
        w2, w4, w8, w16 = shape.widths
        self.features = nn.Sequential(
            _conv(1, w2, 2),
            _conv(w2, w4, 2),
            _conv(w4, w4),
            _conv(w4, w8, (2, 1)),
            _conv(w8, w8),
            _conv(w8, w16, (2, 1)),
        )
        self.squeeze = nn.Sequential(nn.Linear(2 * w16, w16), nn.ReLU())
        self.context = nn.LSTM(w16, shape.hidden, 2, batch_first=True, bidirectional=True)
        self.classes = nn.Linear(2 * shape.hidden, len(ALPHABET) + 1)

    def forward(self, crops: Tensor) -> Tensor:
        """Log probabilities, float32 (n, steps, classes), of crops (n, 1, 32, 4 * steps)."""
        features = self.squeeze(self.features(crops).flatten(1, 2).transpose(1, 2))
        return functional.log_softmax(self.classes(self.context(features)[0]).float(), 2)


def load(path: Path) -> Reader:
    """Read verified weights of the line reader, ready for use."""
    path = verified(path, REMEDY)
    with safe_open(path, framework="pt") as file:
        shape = json.loads(file.metadata()["shape"])
        network = Reader(Shape(tuple(shape["widths"]), shape["hidden"]))
        network.load_state_dict({name: file.get_tensor(name) for name in file.keys()})  # noqa: SIM118
    return channels_last(folded(network.eval()))


def upright(picture: np.ndarray, quad: np.ndarray) -> list[np.ndarray]:
    """Cut a line out of a picture; a tall region is turned both ways, as it may run up or down.

    Parameters
    ----------
    picture : uint8 (rows, columns)
    quad : float32 (4, 2), corners as (column, row), clockwise from the top left

    Returns
    -------
    one or two crops, uint8 (32, columns)
    """
    width, height = np.hypot(*(quad[1] - quad[0])), np.hypot(*(quad[3] - quad[0]))
    turns = (1, 3) if height > TALL * width else (0,)
    return [straightened(picture, np.roll(quad, -turn, axis=0)) for turn in turns]


def straightened(picture: np.ndarray, quad: np.ndarray) -> np.ndarray:
    """Cut a quadrangle out of a picture: uint8 (32, columns), its first corner at the top left.

    It is ``WIDER`` than high, compared with the picture.
    """
    width, height = np.hypot(*(quad[1] - quad[0])), np.hypot(*(quad[3] - quad[0]))
    columns = int(np.clip(round(WIDER * width / max(height, 1.0) * ROWS), ROWS // 2, MOST_COLUMNS))
    finer = max(1, round(height / ROWS))  # large letters are averaged down
    size = (columns * finer, ROWS * finer)
    # half a pixel less: corners lie between pixels, OpenCV's coordinates on them
    target = np.array([[0, 0], [size[0], 0], size, [0, size[1]]], np.float32) - 0.5
    matrix = cv2.getPerspectiveTransform(quad.astype(np.float32) - 0.5, target)
    cut = cv2.warpPerspective(
        picture, matrix, size, flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
    )
    return cv2.resize(cut, (columns, ROWS), interpolation=cv2.INTER_AREA) if finer > 1 else cut


def padded(columns: int) -> int:
    """Width to which a crop of so many columns is padded."""
    return -(-columns // WIDTH) * WIDTH


def prepared(crops: Sequence[np.ndarray]) -> Tensor:
    """A batch of crops, each with mean 0 and deviation 1, padded to the widest with 0."""
    batch = np.zeros(
        (len(crops), 1, ROWS, padded(max(crop.shape[1] for crop in crops))), np.float32
    )
    for place, crop in enumerate(crops):
        values = crop.astype(np.float32)
        batch[place, 0, :, : crop.shape[1]] = (values - values.mean()) / (values.std() + 4)
    return torch.from_numpy(batch)


def decoded(scores: np.ndarray) -> tuple[str, float]:
    """Greedy CTC decoding of (steps, classes) log probabilities: text and mean confidence."""
    best = scores.argmax(1)
    starts = np.flatnonzero((best != 0) & (best != np.concatenate([[-1], best[:-1]])))
    if not len(starts):
        return "", 0.0
    text = "".join(ALPHABET[best[step] - 1] for step in starts).strip()
    return text, float(np.exp(scores[starts, best[starts]]).mean())


def read(network: Reader, crops: Sequence[np.ndarray]) -> list[tuple[str, float]]:
    """Text and confidence of crops, uint8 (32, columns); crops of one padded width go together."""
    readings = [("", 0.0)] * len(crops)
    widths: dict[int, list[int]] = {}
    for place, crop in enumerate(crops):
        widths.setdefault(padded(crop.shape[1]), []).append(place)
    for places in widths.values():
        for first in range(0, len(places), BATCH):
            chosen = places[first : first + BATCH]
            with torch.inference_mode():
                scores = network(prepared([crops[place] for place in chosen])).numpy()
            for place, found in zip(chosen, scores, strict=True):
                readings[place] = decoded(found)
    return readings
