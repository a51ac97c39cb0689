"""Two tasks that tell whether a restored frame still serves: naming the modality, and structures.

Both networks are small and trained here, on frames without text of other patients than those that
are judged. The classifier names the modality. The segmenter divides a frame into background,
middle and bright structures: three classes of intensity by Otsu's method on the smoothed frame
(Liao et al. 2001), as no outlines drawn by people are there. It is a stand-in for a segmentation
model, not one that anybody would use.
"""

import argparse
import itertools
import json
import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from safetensors import safe_open
from safetensors.torch import save_file
from skimage.filters import threshold_multiotsu
from torch import Tensor, nn
from torch.nn import functional

from unburn import challenge
from unburn.errors import command
from unburn.files import replacing
from unburn.grounds import Source

log = logging.getLogger(__name__)

SIDE = 128  # pixels of a square that frames are fitted into
STRUCTURES = ("background", "middle", "bright")
SMOOTH_PX = 1.5  # deviation of the blur before intensities are divided
STEPS = {"classifier": 400, "segmenter": 400}
BATCH, RATE = 12, 3e-3
SMALLEST_CROP = 0.7  # of a side, in training


def fitted(picture: np.ndarray, side: int = SIDE) -> np.ndarray:
    """A frame, uint8 (rows, columns), in a square with its shape kept: float32 (side, side), 0..1.

    The rest of the square is black.
    """
    scale = side / max(picture.shape)
    size = (max(1, round(picture.shape[1] * scale)), max(1, round(picture.shape[0] * scale)))
    how = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    square = np.zeros((side, side), np.float32)
    square[: size[1], : size[0]] = cv2.resize(picture, size, interpolation=how) / np.float32(255)
    return square


def structures(square: np.ndarray) -> np.ndarray:
    """What the segmenter learns: uint8 (rows, columns), places in ``STRUCTURES``."""
    smooth = cv2.GaussianBlur(square, (0, 0), SMOOTH_PX)
    levels = np.rint(smooth * 255)
    if len(np.unique(levels)) < len(STRUCTURES):
        return np.zeros(square.shape, np.uint8)
    return np.digitize(levels, threshold_multiotsu(levels, len(STRUCTURES))).astype(np.uint8)


# ------------------------------------------------------------------ networks


def _block(before: int, after: int, stride: int = 1) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(before, after, 3, stride, 1, bias=False), nn.GroupNorm(4, after), nn.ReLU()
    )


class Classifier(nn.Module):
    """Frames, float32 (n, 1, rows, columns), to scores of modalities, float32 (n, classes)."""

    def __init__(self, classes: int):
        super().__init__()
        widths = (1, 12, 24, 48, 64)
        self.layers = nn.Sequential(*(_block(a, b, 2) for a, b in itertools.pairwise(widths)))
        self.scores = nn.Linear(2 * widths[-1], classes)

    def features(self, frames: Tensor) -> Tensor:
        """What the scores are made of, float32 (n, 128): means and maxima of the last layer."""
        last = self.layers(frames).flatten(2)
        return torch.cat([last.mean(2), last.amax(2)], 1)

    def forward(self, frames: Tensor) -> Tensor:
        """Scores before the softmax."""
        return self.scores(self.features(frames))


class Segmenter(nn.Module):
    """A small U-Net (Ronneberger et al. 2015): float32 (n, 1, ..) to scores (n, 3, ..)."""

    def __init__(self) -> None:
        super().__init__()
        widths = (8, 16, 24, 32)
        self.first = _block(1, widths[0])
        self.down = nn.ModuleList(
            nn.Sequential(_block(a, b, 2), _block(b, b)) for a, b in itertools.pairwise(widths)
        )
        self.up = nn.ModuleList(
            _block(b + a, a) for a, b in reversed(list(itertools.pairwise(widths)))
        )
        self.scores = nn.Conv2d(widths[0], len(STRUCTURES), 1)

    def forward(self, frames: Tensor) -> Tensor:
        """Scores of each pixel before the softmax."""
        levels = [self.first(frames)]
        for down in self.down:
            levels.append(down(levels[-1]))
        found = levels.pop()
        for up in self.up:
            beside = levels.pop()
            larger = functional.interpolate(found, size=beside.shape[2:], mode="bilinear")
            found = up(torch.cat([larger, beside], 1))
        return self.scores(found)


# ------------------------------------------------------------------ training


def varied(
    rng: np.random.Generator, square: np.ndarray, target: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """A piece of a frame, mirrored or not, brighter or darker, and the same piece of its target.

    Both (SIDE, SIDE): float32, 0..1, and uint8.
    """
    high = round(square.shape[0] * rng.uniform(SMALLEST_CROP, 1))
    top, left = (int(n) for n in rng.integers(0, square.shape[0] - high + 1, 2))
    where, size = np.s_[top : top + high, left : left + high], square.shape[::-1]
    piece = cv2.resize(square[where], size)
    wanted = cv2.resize(target[where], size, interpolation=cv2.INTER_NEAREST)
    if rng.random() < 0.5:
        piece, wanted = piece[:, ::-1], wanted[:, ::-1]
    gain, gamma = rng.uniform(0.85, 1.1), rng.uniform(0.8, 1.25)
    shown = np.clip(gain * np.clip(piece, 0, 1) ** np.float32(gamma), 0, 1)
    return shown.astype(np.float32), wanted


def drawn(rng: np.random.Generator, sources: Sequence[Source]) -> int:
    """A frame at random: first a modality, then a patient, then one of their frames."""
    modalities = sorted({one.modality for one in sources})
    modality = modalities[int(rng.integers(len(modalities)))]
    groups = sorted({one.group for one in sources if one.modality == modality})
    group = groups[int(rng.integers(len(groups)))]
    places = [k for k, s in enumerate(sources) if (s.modality, s.group) == (modality, group)]
    return places[int(rng.integers(len(places)))]


def fit(
    network: nn.Module, sources: Sequence[Source], labels: Sequence[int] | None, steps: int,
    seed: int,
) -> None:  # fmt: skip
    """Train a network to find the label of each frame or, without labels, its structures."""
    rng = np.random.default_rng(seed)
    squares = [fitted(one.picture) for one in sources]
    targets = [structures(one) for one in squares]
    optimiser = torch.optim.AdamW(network.parameters(), RATE)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, RATE, total_steps=steps)
    network.train()
    for step in range(steps):
        chosen = [drawn(rng, sources) for _ in range(BATCH)]
        pairs = [varied(rng, squares[k], targets[k]) for k in chosen]
        shown = torch.from_numpy(np.stack([square for square, _ in pairs])[:, None])
        wanted = torch.from_numpy(np.stack([target for _, target in pairs])).long()
        if labels is not None:
            wanted = torch.tensor([labels[k] for k in chosen])
        loss = functional.cross_entropy(network(shown), wanted)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        schedule.step()
        if step % 100 == 99:
            log.info("%d of %d steps, loss %.4f", step + 1, steps, float(loss.detach()))
    network.eval()


def begin(seed: int) -> None:
    """One thread and a fixed start: the same weights on every run."""
    torch.set_num_threads(1)
    torch.use_deterministic_algorithms(True)
    torch.manual_seed(seed)


def train(sources: Sequence[Source], seed: int, out: Path) -> None:
    """Write ``classifier.safetensors`` and ``segmenter.safetensors`` to ``out``."""
    classes = sorted({one.modality for one in sources})
    begin(seed)
    classifier, segmenter = Classifier(len(classes)), Segmenter()
    places = [classes.index(one.modality) for one in sources]
    fit(classifier, sources, places, STEPS["classifier"], seed)
    fit(segmenter, sources, None, STEPS["segmenter"], seed)
    for name, network in (("classifier", classifier), ("segmenter", segmenter)):
        with replacing(out / f"{name}.safetensors") as tmp:
            save_file(network.state_dict(), tmp, {"classes": json.dumps(classes)})


def load(folder: Path) -> tuple[Classifier, Segmenter, list[str]]:
    """Both networks, ready for use, and the modalities that the first one names."""
    with safe_open(folder / "classifier.safetensors", framework="pt") as file:
        classes = json.loads(file.metadata()["classes"])
    networks: tuple[Classifier, Segmenter] = (Classifier(len(classes)), Segmenter())
    for name, network in zip(("classifier", "segmenter"), networks, strict=True):
        with safe_open(folder / f"{name}.safetensors", framework="pt") as file:
            network.load_state_dict({k: file.get_tensor(k) for k in file.keys()})  # noqa: SIM118
        network.eval()
    return *networks, classes


def about(sources: Sequence[Source], judged: Sequence[Source]) -> dict[str, Any]:
    """How many frames and patients of each modality were learned from and are judged."""
    by_modality = {
        name: {
            f"{what}_{unit}": len({key(k, one) for k, one in enumerate(of) if one.modality == name})
            for what, of in (("training", sources), ("judged", judged))
            for unit, key in (
                ("frames", lambda k, one: k), ("groups", lambda k, one: one.group),
            )
        }
        for name in sorted({one.modality for one in (*sources, *judged)})
    }  # fmt: skip
    shared = {one.group for one in sources} & {one.group for one in judged}
    both = [n for n, row in by_modality.items() if row["training_groups"] and row["judged_groups"]]
    return {
        "modalities": by_modality,
        "split_by_patient": not shared,
        "enough": not shared and len(both) >= 2,  # for a macro F1 that means something
        "side": SIDE, "steps": STEPS, "structures": list(STRUCTURES),
    }  # fmt: skip


def main(argv: Sequence[str] | None = None) -> None:
    """Train both networks on frames of other patients than those that are judged."""
    parser = argparse.ArgumentParser(prog="python -m unburn.tasks", description=main.__doc__)
    parser.add_argument("--settings", type=json.loads, required=True, help="section tables")
    parser.add_argument("--out", type=Path, required=True, help="folder to write to")
    options = parser.parse_args(argv)
    given: Mapping[str, Any] = options.settings
    table = Path(given["frames"]) if given["frames"] else None
    learned, judged = (
        challenge.read_sources(table, split, given["split_seed"]) for split in ("training", "test")
    )
    train(learned, given["seed"], options.out)
    with replacing(options.out / "tasks.json") as tmp:
        tmp.write_text(json.dumps(about(learned, judged), indent=1) + "\n")


if __name__ == "__main__":
    command(main)
