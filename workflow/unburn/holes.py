"""What the restoration benchmark paints: frames of true anatomy, holes in them, cines.

Holes have the shape of text, as thin as its strokes, or are boxes; they lie over anatomy or over
flat background. Everything follows from a generator that is passed in.
"""

from dataclasses import dataclass

import cv2
import numpy as np

Rng = np.random.Generator

TEXT = "thin text"
BOXES = {"20x150": (20, 150), "40x300": (40, 300), "120x300": (120, 300), "200x200": (200, 200)}
SHAPES = (TEXT, *BOXES)
ANATOMY, FLAT = "anatomy", "flat"
GROUNDS = (ANATOMY, FLAT)
TEXT_BOX = (30, 200)  # room for a line of text
STROKE_PX = 5  # strokes grow by a square of this side, as text is masked
MARGIN_PX = 8  # between a hole and the edge of the frame
TISSUE = 25  # grey values above which a smoothed pixel is anatomy
TISSUE_SHARE = 0.9  # of a hole over anatomy
LEVELS = 5  # range of grey values of a flat place
LETTERS = list("ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789")
DEPTH = 256  # stored values for each grey value in 16-bit frames
MOTIONS = ("still", "noise", "moving")
CINE_FRAMES = 8
MOVE_PX = 3.0
NOISE = 3.0  # grey values


@dataclass(frozen=True)
class Hole:
    """A mask, bool (rows, columns), with the names of its shape and its ground."""

    shape: str
    ground: str
    mask: np.ndarray


def places(picture: np.ndarray, size: tuple[int, int], ground: str) -> np.ndarray:
    """Corners (n, 2) at which a box of ``size`` rows and columns lies on a ground.

    ``picture`` uint8 (rows, columns). Over anatomy most of it is tissue; where it is flat, its grey
    values differ by no more than ``LEVELS``. What surrounds it does not count.
    """
    inner = picture[MARGIN_PX:-MARGIN_PX, MARGIN_PX:-MARGIN_PX]
    rows, columns = (length - own + 1 for length, own in zip(inner.shape, size, strict=True))
    if rows < 1 or columns < 1:
        return np.zeros((0, 2), int)
    if ground == ANATOMY:
        tissue = (cv2.GaussianBlur(inner, (0, 0), 3) > TISSUE).astype(np.float32)
        share = cv2.boxFilter(tissue, -1, size[::-1], anchor=(0, 0), borderType=cv2.BORDER_CONSTANT)
        fits = share[:rows, :columns] >= TISSUE_SHARE
    else:
        kernel = np.ones(size, np.uint8)
        high, low = (
            change(inner, kernel, anchor=(0, 0))[:rows, :columns].astype(int)
            for change in (cv2.dilate, cv2.erode)
        )
        fits = high - low <= LEVELS
    return np.argwhere(fits) + MARGIN_PX


def written(rng: Rng, size: tuple[int, int]) -> np.ndarray:
    """A line of letters and digits that fills a box, uint8 (rows, columns), 0 to 255."""
    rows, columns = size
    line = np.zeros(size, np.uint8)
    text = "".join(rng.choice(LETTERS, columns // 14))
    cv2.putText(line, text, (3, rows - 9), cv2.FONT_HERSHEY_SIMPLEX, 0.55, 255, 1, cv2.LINE_AA)
    return line


def strokes(ink: np.ndarray) -> np.ndarray:
    """The mask of ink that is known exactly: its pixels, grown by ``STROKE_PX``."""
    return cv2.dilate((ink > 0).astype(np.uint8), np.ones((STROKE_PX, STROKE_PX), np.uint8)) > 0


def hole(rng: Rng, picture: np.ndarray, shape: str, ground: str) -> Hole | None:
    """A hole at a random place of a ground; None where the frame has none of that size."""
    size = BOXES.get(shape, TEXT_BOX)
    found = places(picture, size, ground)
    if not len(found):
        return None
    top, left = found[int(rng.integers(len(found)))]
    mask = np.zeros(picture.shape, bool)
    window = mask[top : top + size[0], left : left + size[1]]
    window[:] = strokes(written(rng, size)) if shape == TEXT else True
    return Hole(shape, ground, mask)


def corner_lines(rng: Rng, shape: tuple[int, int]) -> np.ndarray:
    """Ink of a line of text in each corner and one in the middle, uint8 (rows, columns)."""
    ink = np.zeros(shape, np.uint8)
    rows, columns = (min(own, length // 2) for own, length in zip(TEXT_BOX, shape, strict=True))
    down, across = shape[0] - rows, shape[1] - columns
    for top, left in (
        *((0, 0), (0, across), (down, 0), (down, across)),
        (int(rng.integers(rows, max(down - rows, rows + 1))), across // 2),
    ):
        ink[top : top + rows, left : left + columns] = written(rng, (rows, columns))
    return ink


def burned(picture: np.ndarray, ink: np.ndarray) -> np.ndarray:
    """Text burned into a frame, bright; ``picture`` uint8 or uint16 (rows, columns)."""
    top = np.iinfo(picture.dtype).max
    share = ink / 255
    return np.rint(picture * (1 - share) + top * share).astype(picture.dtype)


def deep(rng: Rng, picture: np.ndarray) -> np.ndarray:
    """A frame of 8 bits in 16, without steps: uint16 (rows, columns)."""
    fine = rng.integers(0, DEPTH, picture.shape)
    return (picture.astype(np.uint16) * DEPTH + fine).astype(np.uint16)


def cine(rng: Rng, picture: np.ndarray, motion: str) -> list[np.ndarray]:
    """Frames of a cine, uint8 (rows, columns): the same one, with fresh noise, or moving besides.

    Noise is as strong everywhere; the motion is smooth and differs from place to place.
    """
    still = picture.astype(np.float32)
    rows, columns = np.mgrid[: picture.shape[0], : picture.shape[1]].astype(np.float32)
    frames = []
    for number in range(CINE_FRAMES):
        frame: np.ndarray = still
        if motion == "moving":
            phase = 2 * np.pi * number / CINE_FRAMES
            by = MOVE_PX * np.sin(phase + rows / 90).astype(np.float32)
            frame = cv2.remap(still, columns, rows + by, cv2.INTER_LINEAR, None,
                              cv2.BORDER_REPLICATE)  # fmt: skip
        if motion != "still":
            frame = frame + rng.normal(0, NOISE, frame.shape)
        frames.append(np.clip(np.rint(frame), 0, 255).astype(np.uint8))
    return frames


def grey(stored: np.ndarray) -> np.ndarray:
    """Stored values as grey values of 0 to 255, float64."""
    return stored / (DEPTH if stored.dtype == np.uint16 else 1)


def holes(rng: Rng, picture: np.ndarray) -> list[Hole]:
    """A hole of each shape and ground that a frame has room for."""
    found = (hole(rng, picture, shape, ground) for shape in SHAPES for ground in GROUNDS)
    return [one for one in found if one is not None]
