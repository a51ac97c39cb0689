"""The frozen test set of the detection benchmark: frames with text, truth to the pixel beside it.

Frame k is made from (seed, k) alone: screens as scanners lay them out, frames without text, and
frames with things that look like text. Layouts, wording, letters, grounds and wear are the
benchmark's own (``layouts``, ``glyphs``, ``grounds``); nothing is shared with what training draws.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import cv2
import numpy as np

from unburn import grounds
from unburn.frames import views
from unburn.glyphs import Face
from unburn.grounds import Source
from unburn.layouts import LAYOUTS, Line, Page, owners, singles
from unburn.material import read_labelled_frames

Rng = np.random.Generator

SUBJECTS = ("text", "text", "text", "text-free", "text", "distractors")  # of frames, in turn
SIZES = (
    (512, 512), (480, 640), (256, 256), (512, 512), (600, 800), (1024, 1024), (512, 512), (64, 64),
    (384, 384), (512, 512), (768, 1024), (128, 128), (512, 512), (320, 256), (480, 640),
    (2048, 2048), (512, 512), (96, 96), (700, 1000), (512, 512), (1200, 1500), (576, 720),
    (192, 192), (512, 512), (3000, 2400),
)  # fmt: skip
MODALITIES = ("CR/DX", "MR", "US", "CT", "XA", "CR/DX", "PT", "MG", "US", "MR", "ES", "NM", "SC")
COLOURFUL = {"US": 0.5, "ES": 1.0, "PT": 0.15, "SC": 0.5}  # share of frames stored in colour
DEEP = {"CR/DX": 0.5, "MG": 0.6, "CT": 0.4, "MR": 0.4, "NM": 0.4, "PT": 0.3, "XA": 0.2}
APART = {"code": "QR codes and bar codes", "handwriting": "handwriting-like strokes"}

DEMO = Path(__file__).parents[2] / "resources" / "demo" / "source"


def read_sources(table: Path | None, split: str, split_seed: int) -> list[Source]:
    """Text-free frames of one split of a CSV as for training, or the demo's own without one."""
    if table is None:
        chest = np.asarray(cv2.imread(str(DEMO / "chest.png"), cv2.IMREAD_GRAYSCALE))
        neck = np.asarray(cv2.imread(str(DEMO / "neck.png"), cv2.IMREAD_UNCHANGED))
        neck = neck.reshape(16, 256, 256)
        slices = np.clip(neck / np.quantile(neck, 0.995) * 255, 0, 255).astype(np.uint8)
        return [Source(chest, "CR/DX", "chest"), *(Source(part, "MR", "neck") for part in slices)]
    return [Source(*frame) for frame in read_labelled_frames(table, split, split_seed)]


# ------------------------------------------------------------------ a frame


@dataclass(frozen=True)
class Frame:
    """One frame of the set.

    ``stored`` uint8 or uint16 (rows, columns) or uint8 (rows, columns, 3); ``owner`` uint16
    (rows, columns): 0, or k where the ink of line k - 1 is; ``layout`` names the distractor in
    frames of the subject distractors; ``real`` whether the ground is a true frame.
    """

    number: int
    subject: str
    layout: str
    modality: str
    real: bool
    stored: np.ndarray
    photometric: str
    bits: int
    owner: np.ndarray
    lines: tuple[Line, ...]

    def digest(self) -> str:
        """Sha256 of pixels and truth."""
        parts = (self.stored.tobytes(), self.owner.tobytes(), repr(self.stored.shape).encode())
        return hashlib.sha256(b"".join(parts)).hexdigest()


def shown(frame: Frame) -> np.ndarray:
    """What a person sees of a frame, uint8 (rows, columns) or (rows, columns, 3)."""
    if frame.stored.ndim == 3:
        return frame.stored
    return views(frame.stored, frame.photometric, frame.bits)[0]


def frame(
    seed: int, number: int, sources: Sequence[Source], faces: Sequence[Face], side: int = 0
) -> Frame:
    """Make frame ``number`` of the set of ``seed``, or one like it that has ``side`` pixels."""
    rng = np.random.default_rng([seed, number])
    turn, place = divmod(number, len(SUBJECTS))
    subject = SUBJECTS[place]
    # of its subject this frame is number `nth`: layouts, sizes and modalities go round
    nth = turn * SUBJECTS.count(subject) + SUBJECTS[:place].count(subject)
    rows, columns = (side, side) if side else SIZES[(nth * 7 + place) % len(SIZES)]
    modality = MODALITIES[nth % len(MODALITIES)]
    if rows > 1100 and modality not in ("CR/DX", "MG", "SC"):
        modality = "CR/DX"
    channels = 3 if rng.random() < COLOURFUL.get(modality, 0.0) else 1
    picture, real = grounds.ground(rng, sources, modality, rows, columns, channels)
    page, layout = Page(rng, picture, faces), "plain"
    names = np.array(list(grounds.DISTRACTORS))
    if subject == "text":
        draw = LAYOUTS[nth % len(LAYOUTS)]
        layout = draw.__name__
        if rng.random() < 0.4:
            grounds.DISTRACTORS[str(rng.choice(names[names != "test phantom"]))](rng, picture)
        draw(page)
        while not page.lines:  # a small frame may have had no room
            singles(page)
    elif subject == "distractors":
        layout = str(names[nth % len(names)])
        for _ in range(int(rng.integers(1, 4)) if layout != "test phantom" else 1):
            grounds.DISTRACTORS[layout](rng, picture)
    np.clip(picture, 0, 255, out=picture)
    return _finished(rng, page, number, subject, layout, modality, real, resize=not side)


def _finished(
    rng: Rng, page: Page, number: int, subject: str, layout: str, modality: str, real: bool,
    resize: bool,
) -> Frame:  # fmt: skip
    """What happens to a frame after text was burned in: scaling, gamma, noise, JPEG, storage."""
    picture, coverage, territory, lines = page.picture, page.coverage, page.territory, page.lines
    chance = rng.random(6)
    if resize and chance[0] < 0.15 and page.side >= 200:
        factor = float(rng.choice([rng.uniform(0.65, 0.95), rng.uniform(1.05, 1.6)]))
        if page.side > 1100:
            factor = min(factor, 1.0)
        picture, coverage, territory, lines = _resized(picture, coverage, territory, lines, factor)
    if chance[1] < 0.12:
        picture = 255 * (picture / 255) ** np.float32(rng.uniform(0.6, 1.5))
    if chance[2] < 0.06 and page.side >= 200:  # two fields, taken one after the other
        for part in (picture, coverage, territory):
            part[1::2, 1:] = part[1::2, :-1].copy()
    if chance[3] < 0.2:
        picture = picture + rng.normal(0, rng.uniform(1, 6), picture.shape).astype(np.float32)
    deep = picture.shape[2] == 1 and rng.random() < DEEP.get(modality, 0.0)
    if not deep and chance[4] < 0.3:
        picture = _compressed(picture, int(rng.integers(35, 93)))
        lines = [replace(line, rendering=(*line.rendering, "JPEG-compressed")) for line in lines]
    inverse = deep and chance[5] < 0.3
    bits = int(rng.choice([10, 12, 16])) if deep else 8
    stored = np.clip(picture, 0, 255)
    if deep:
        top = 2**bits - 1
        stored = stored * (top / 255) + rng.normal(0, top / 2000, stored.shape)
        stored = np.clip(np.rint(stored), 0, top)
        stored = top - stored if inverse else stored
    stored = np.rint(stored).astype(np.uint16 if deep else np.uint8)
    photometric = "RGB" if stored.shape[2] == 3 else "MONOCHROME1" if inverse else "MONOCHROME2"
    stored = stored if stored.shape[2] == 3 else stored[..., 0]
    return Frame(
        number, subject, layout, modality, real, np.ascontiguousarray(stored), photometric, bits,
        owners(coverage, territory), tuple(lines),
    )  # fmt: skip


def _resized(
    picture: np.ndarray, coverage: np.ndarray, territory: np.ndarray, lines: Sequence[Line],
    factor: float,
) -> tuple[np.ndarray, np.ndarray, np.ndarray, list[Line]]:  # fmt: skip
    rows, columns = picture.shape[:2]
    size = (max(8, round(columns * factor)), max(8, round(rows * factor)))
    how = cv2.INTER_AREA if factor < 1 else cv2.INTER_LINEAR
    smaller = cv2.resize(picture, size, interpolation=how).reshape(size[1], size[0], -1)
    stretch = np.array([size[0] / columns, size[1] / rows], np.float32)
    moved = [
        replace(line, quad=line.quad * stretch, height=line.height * factor,
                rendering=("antialiased", *line.rendering[1:]))
        for line in lines
    ]  # fmt: skip
    return (
        smaller,
        cv2.resize(coverage, size, interpolation=how),
        cv2.resize(territory, size, interpolation=cv2.INTER_NEAREST),
        moved,
    )


def _compressed(picture: np.ndarray, quality: int) -> np.ndarray:
    flat = np.rint(np.clip(picture, 0, 255)).astype(np.uint8)
    flat = flat[..., ::-1] if flat.shape[2] == 3 else flat
    _, coded = cv2.imencode(".jpg", flat, [cv2.IMWRITE_JPEG_QUALITY, quality])
    back = np.asarray(cv2.imdecode(coded, cv2.IMREAD_UNCHANGED))
    back = back[..., ::-1] if back.ndim == 3 else back[..., None]
    return back.astype(np.float32)
