"""What networks and benchmarks are made from: text-free frames, dealt to splits, and fonts."""

import csv
import hashlib
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np

from unburn.errors import UserError

SPLIT_SHARES = (("test", 0.17), ("validation", 0.10))  # of the groups; the rest is for training


def split_of(group: str, seed: int) -> str:
    """Deal a patient or series to training, validation or test; the same for every run."""
    digest = hashlib.sha256(f"{seed}|{group}".encode()).digest()
    place = int.from_bytes(digest[:4], "big") / 2**32
    for name, share in SPLIT_SHARES:
        if place < share:
            return name
        place -= share
    return "training"


def read_frames(table: Path, split: str, seed: int) -> list[np.ndarray]:
    """Read the text-free frames of one split as uint8 (rows, columns)."""
    return [frame for frame, *_ in read_labelled_frames(table, split, seed)]


def read_labelled_frames(table: Path, split: str, seed: int) -> list[tuple[np.ndarray, str, str]]:
    """Read the text-free frames of one split: uint8 (rows, columns), modality, group.

    The CSV has the columns path (relative to it) and group (patient or series), and optionally
    modality, split (training, validation or test, where it is not to be dealt by group) and left,
    right: the columns of pixels between which the frame holds no text.
    """
    frames = []
    with open(table, newline="") as file:
        for row in csv.DictReader(file):
            if not {"path", "group"} <= row.keys():
                raise UserError(str(table), "no columns path and group", "name them in line 1")
            if (row.get("split") or split_of(row["group"], seed)) != split:
                continue
            frame = cv2.imread(str(table.parent / row["path"]), cv2.IMREAD_GRAYSCALE)
            if frame is None:
                raise UserError(str(table), "a frame cannot be read", "check the column path")
            left, right = (int(row.get(edge) or 0) for edge in ("left", "right"))
            modality = row.get("modality") or "CR/DX"
            frames.append((frame[:, left : right or None], modality, row["group"]))
    if not frames:
        raise UserError(
            str(table), f"no frame for {split}", "add frames of more patients or series"
        )
    return frames


def font_files(folders: Sequence[Path]) -> list[Path]:
    """All font files below some folders."""
    return [path for folder in folders for path in sorted(folder.rglob("*")) if path.is_file()]
