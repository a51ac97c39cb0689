"""Readers of text in pictures that are not our detector: RapidOCR and Tesseract.

The gate reads candidates with one of them; `detect` may take Tesseract as a cross-check.
What is read stays in the process that read it: nothing here logs a character.
"""

import hashlib
import os
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import cv2
import numpy as np
import pytesseract
import rapidocr_onnxruntime
from onnxruntime import InferenceSession
from rapidocr_onnxruntime.ch_ppocr_det import TextDetector
from rapidocr_onnxruntime.ch_ppocr_det.utils import DetPreProcess
from rapidocr_onnxruntime.ch_ppocr_rec import TextRecognizer

from unburn.errors import UserError
from unburn.files import sha256

MODELS = Path(rapidocr_onnxruntime.__file__).parent / "models"
DETECTION, RECOGNITION = "ch_PP-OCRv4_det_infer.onnx", "ch_PP-OCRv4_rec_infer.onnx"
PINNED = {  # of the wheel rapidocr-onnxruntime 1.4.4 (PP-OCRv4 mobile, Apache-2.0)
    DETECTION: "d2a7720d45a54257208b1e13e36a8479894cb74155a5efe29462512d42f49da9",
    RECOGNITION: "48fc40f24f6d2a207a2b1091d3437eb3cc3eb6b676dc3ef9c37384005483683b",
}
MOST_KNOWN = 10_000  # lines whose reading is remembered
THREADS = {"intra_op_num_threads": 1, "inter_op_num_threads": 1}
SHORT_SIDE = 640  # smaller pictures are enlarged to it: PP-OCR misses letters under 10 px
LONG_SIDE = 1024  # larger pictures are read as a whole at this size and in tiles of it
OVERLAP = 160  # of neighbouring tiles, in pixels: more than most lines are high
ENLARGE_MOST = 4.0
TALL = 1.5  # a box this much higher than wide holds a line that runs up or down


@dataclass(frozen=True)
class Line:
    """One line that was read.

    ``score`` from 0 to 1; ``quad`` float32 (4, 2), corners as (column, row) in the picture,
    clockwise from the line's top left.
    """

    text: str
    score: float
    quad: np.ndarray


class Reader(Protocol):
    """Anything that reads the lines of an 8-bit picture, (rows, columns) or (.., .., 3) RGB."""

    name: str

    def read(self, picture: np.ndarray) -> list[Line]:
        """Read all lines, in no promised order; a line may come twice."""


def parts(rows: int, columns: int) -> Iterator[tuple[int, int, int, int, float]]:
    """Yield (top, left, rows, columns, scale) of the pictures in which a frame is read.

    A small frame is enlarged. A large one is read as a whole, made smaller, for large letters,
    and in overlapping tiles at its own size for small ones.
    """
    short, long = min(rows, columns), max(rows, columns)
    enlarge = min(ENLARGE_MOST, max(1.0, SHORT_SIDE / short), max(1.0, 2 * LONG_SIDE / long))
    if long <= LONG_SIDE * 1.25:
        yield 0, 0, rows, columns, enlarge
        return
    yield 0, 0, rows, columns, LONG_SIDE / long
    for top in _starts(rows):
        for left in _starts(columns):
            yield top, left, min(LONG_SIDE, rows), min(LONG_SIDE, columns), enlarge


def _starts(length: int) -> list[int]:
    """Starts of equally spaced tiles that cover ``length`` and overlap."""
    if length <= LONG_SIDE:
        return [0]
    number = -(-(length - OVERLAP) // (LONG_SIDE - OVERLAP))
    return [round(k * (length - LONG_SIDE) / (number - 1)) for k in range(number)]


def cut(picture: np.ndarray, quad: np.ndarray) -> np.ndarray:
    """Cut a quadrangle out of a picture as an upright rectangle.

    Parameters
    ----------
    picture : uint8, (rows, columns, 3)
    quad : float32, (4, 2), corners as (column, row), clockwise from the top left
    """
    columns = max(1, int(max(np.linalg.norm(quad[0] - quad[1]), np.linalg.norm(quad[2] - quad[3]))))
    rows = max(1, int(max(np.linalg.norm(quad[0] - quad[3]), np.linalg.norm(quad[1] - quad[2]))))
    corners = np.array([[0, 0], [columns, 0], [columns, rows], [0, rows]], np.float32)
    return cv2.warpPerspective(
        picture,
        cv2.getPerspectiveTransform(quad.astype(np.float32), corners),
        (columns, rows),
        flags=cv2.INTER_CUBIC,
        borderMode=cv2.BORDER_REPLICATE,
    )


def upright(picture: np.ndarray, quad: np.ndarray) -> list[np.ndarray]:
    """Cut a line out, uint8 (rows, columns, 3); a tall one is turned both ways."""
    crop = cut(picture, quad)
    tall = crop.shape[0] >= TALL * crop.shape[1]
    turned = [np.rot90(crop), np.rot90(crop, 3)] if tall else [crop]
    return [np.ascontiguousarray(c) for c in turned]


class Recogniser:
    """RapidOCR's recogniser without its detector: reads lines that another one found."""

    def __init__(self) -> None:
        check_weights()
        self._known: dict[bytes, tuple[str, float]] = {}
        self._recogniser = TextRecognizer(
            {
                **THREADS,
                "model_path": str(MODELS / RECOGNITION),
                "rec_img_shape": [3, 48, 320],
                "rec_batch_num": 6,
            }
        )

    def read(self, crops: Sequence[np.ndarray]) -> list[tuple[str, float]]:
        """Text and score of upright lines, uint8 (rows, columns, 3)."""
        return [(text, float(score)) for text, score in self._recogniser(list(crops))[0]]

    def read_line(self, picture: np.ndarray, quad: np.ndarray) -> tuple[str, float]:
        """Read one line of a picture, uint8 (rows, columns); ``quad`` as in `Line`.

        A line that runs up or down is read from both ends; the surer reading counts. One crop at
        a time, as crops of a batch are padded to the widest. Equal crops, as of an overlay that
        stands still, are read once.
        """
        crops = upright(colour(picture), quad)
        return max(map(self._read_once, crops), key=lambda reading: reading[1])

    def _read_once(self, crop: np.ndarray) -> tuple[str, float]:
        digest = hashlib.sha256(repr(crop.shape).encode() + crop.tobytes()).digest()
        if digest not in self._known:
            if len(self._known) >= MOST_KNOWN:
                self._known.clear()
            self._known[digest] = self.read([crop])[0]
        return self._known[digest]


class _Prepared(DetPreProcess):
    """RapidOCR's preparation of a picture, equal, by a table and not in numbers of 64 bits."""

    def normalize(self, img: np.ndarray) -> np.ndarray:
        """Centre the values, uint8 (rows, columns, 3); all channels alike."""
        levels = super().normalize(np.arange(256, dtype=np.uint8)[:, None])
        return cv2.LUT(img, levels[:, 0].astype(np.float32))


class _Detector(TextDetector):
    def get_preprocess(self, max_wh: int) -> DetPreProcess:
        own = super().get_preprocess(max_wh)
        return _Prepared(own.limit_side_len, own.limit_type, own.mean, own.std)


class RapidOCR:
    """PP-OCRv4 (mobile) on ONNX Runtime, one thread; weights come in the wheel."""

    name = "rapidocr"

    def __init__(self) -> None:
        check_weights()
        self._detector = _Detector(
            {
                **THREADS,
                "model_path": str(MODELS / DETECTION),
                "limit_type": "max",  # `parts` has chosen the size; sides up to 2000 stay
                "limit_side_len": 2000,
                "mean": [0.5] * 3,
                "std": [0.5] * 3,
                "thresh": 0.3,
                "box_thresh": 0.5,
                "unclip_ratio": 1.6,
            }
        )
        engine = self._detector.infer
        engine.session = _keeping_memory(engine.session, DETECTION)
        self._recogniser = Recogniser()

    def read(self, picture: np.ndarray) -> list[Line]:
        """Read all lines; a line that runs up or down is read from both ends."""
        picture = colour(picture)
        lines: list[Line] = []
        for top, left, rows, columns, scale in parts(*picture.shape[:2]):
            part = picture[top : top + rows, left : left + columns]
            if part.min() == part.max():
                continue
            if scale != 1:
                flags = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
                size = (max(32, round(columns * scale)), max(32, round(rows * scale)))
                part = cv2.resize(part, size, interpolation=flags)
            factor = np.array([columns / part.shape[1], rows / part.shape[0]], np.float32)
            for line in self._read_part(part):
                quad = line.quad * factor + np.array([left, top], np.float32)
                lines.append(Line(line.text, line.score, quad))
        return lines

    def _read_part(self, part: np.ndarray) -> list[Line]:
        quads, _ = self._detector(part)
        if quads is None or not len(quads):
            return []
        crops, owners = [], []
        for owner, quad in enumerate(np.asarray(quads, np.float32)):
            turned = upright(part, quad)
            crops += turned
            owners += [owner] * len(turned)
        best: dict[int, Line] = {}
        for owner, (text, score) in zip(owners, self._recogniser.read(crops), strict=True):
            if text and (owner not in best or score > best[owner].score):
                best[owner] = Line(text, score, np.asarray(quads[owner], np.float32))
        return list(best.values())


def _keeping_memory(session: InferenceSession, model: str) -> InferenceSession:
    """The same session with its memory kept between pictures, which RapidOCR switches off.

    To ask the system for it anew takes a third of the time of a picture. A plan of the memory for
    each size of picture would take a fifth more of it and spare no time.
    """
    options = session.get_session_options()
    options.enable_cpu_mem_arena, options.enable_mem_pattern = True, False
    return InferenceSession(str(MODELS / model), options, providers=session.get_providers())


class Tesseract:
    """The program Tesseract through pytesseract: page mode 11 (sparse text), one thread."""

    name = "tesseract"

    def __init__(self) -> None:
        if shutil.which(pytesseract.pytesseract.tesseract_cmd) is None:
            raise UserError(
                where="reader tesseract",
                found="the program tesseract is not installed",
                advice="sudo apt-get install tesseract-ocr, or choose another reader",
            )
        os.environ["OMP_THREAD_LIMIT"] = "1"

    def read(self, picture: np.ndarray) -> list[Line]:
        """Read all lines; small frames are enlarged as for RapidOCR, large ones read whole."""
        picture = colour(picture)
        rows, columns = picture.shape[:2]
        if picture.min() == picture.max():
            return []
        scale = min(ENLARGE_MOST, max(1.0, SHORT_SIDE / min(rows, columns)))
        if scale > 1:
            size = (round(columns * scale), round(rows * scale))
            picture = cv2.resize(picture, size, interpolation=cv2.INTER_CUBIC)
        found = pytesseract.image_to_data(
            picture, config="--psm 11", output_type=pytesseract.Output.DICT
        )
        words: dict[tuple[int, int, int], list[int]] = {}
        for k, text in enumerate(found["text"]):
            if text.strip() and float(found["conf"][k]) >= 0:
                key = (found["block_num"][k], found["par_num"][k], found["line_num"][k])
                words.setdefault(key, []).append(k)
        return [_tesseract_line(found, line, scale) for line in words.values()]


def _tesseract_line(found: dict[str, list[Any]], words: list[int], scale: float) -> Line:
    left = min(found["left"][k] for k in words) / scale
    top = min(found["top"][k] for k in words) / scale
    right = max(found["left"][k] + found["width"][k] for k in words) / scale
    bottom = max(found["top"][k] + found["height"][k] for k in words) / scale
    quad = np.array([[left, top], [right, top], [right, bottom], [left, bottom]], np.float32)
    score = float(np.mean([float(found["conf"][k]) for k in words])) / 100
    return Line(" ".join(found["text"][k] for k in words), score, quad)


def colour(picture: np.ndarray) -> np.ndarray:
    """Give a grey 8-bit picture three equal channels; a colour picture comes back as it is."""
    if picture.dtype != np.uint8:
        raise ValueError(f"expected uint8, got {picture.dtype}")
    return np.dstack([picture] * 3) if picture.ndim == 2 else np.ascontiguousarray(picture)


def rapidocr_weights() -> dict[str, str]:
    """File name and sha256 of each weight file that RapidOCR uses, for the provenance."""
    return {name: sha256(MODELS / name) for name in PINNED}


def check_weights() -> None:
    """Stop unless RapidOCR's weights are the pinned ones."""
    for name, expected in PINNED.items():
        found = sha256(MODELS / name) if (MODELS / name).is_file() else "no such file"
        if found != expected:
            raise UserError(
                where=f"weights of rapidocr-onnxruntime, {name}",
                found=f"expected sha256 {expected}, got {found}",
                advice="install rapidocr-onnxruntime again in the version of the lock file",
            )


def rapidocr() -> Reader:
    """Make the default reader; takes about a second."""
    return RapidOCR()


def tesseract() -> Reader:
    """Make the Tesseract reader, or say how to install the program."""
    return Tesseract()


READERS = {"rapidocr": rapidocr, "tesseract": tesseract}
