"""Letters, codes and handwriting as the benchmark draws them: text to coverage of pixels.

The training renderer (``rendering.py``) and this one share no code, so that the benchmark shows
what the detector makes of letters that somebody else drew. Outline and X11 bitmap fonts come
from files; a 5 x 7 dot matrix, a plotter's strokes, pens and bar codes are drawn here.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import cv2
import numpy as np
from PIL import ImageFont, features
from PIL.ImageFont import Layout

from unburn.errors import UserError

DOTS, STROKES = "dots:", "strokes:"  # faces without a file
OVER = 4  # pixels drawn for one, across and down, where edges are smooth
BITMAP_SIZES = range(6, 49)
INK = 0.4  # of a line's fullest coverage, from which a pixel counts as its ink
SAMPLES = {  # letters that a font must hold to count for a script
    "latin": "AGRagx059",
    "cyrillic": "ЖИюя",
    "greek": "ΞΩθλ",
    "cjk": "医院放",
    "arabic": "محس",
    "devanagari": "कमल",
}

# The usual 5 x 7 letters from blank to Z, five columns each, lowest bit at the top.
_MATRIX = bytes.fromhex(
    "0000000000" "00005f0000" "0007000700" "147f147f14" "242a7f2a12" "2313086462" "3649552250"
    "0005030000" "001c224100" "0041221c00" "14083e0814" "08083e0808" "0050300000" "0808080808"
    "0060600000" "2010080402" "3e5149453e" "00427f4000" "4261514946" "2141454b31" "1814127f10"
    "2745454539" "3c4a494930" "0171090503" "3649494936" "064949291e" "0036360000" "0056360000"
    "0814224100" "1414141414" "0041221408" "0201510906" "324979413e" "7e1111117e" "7f49494936"
    "3e41414122" "7f4141221c" "7f49494941" "7f09090901" "3e4149497a" "7f0808087f" "00417f4100"
    "2040413f01" "7f08142241" "7f40404040" "7f020c027f" "7f0408107f" "3e4141413e" "7f09090906"
    "3e4151215e" "7f09192946" "4649494931" "01017f0101" "3f4040403f" "1f2040201f" "3f4038403f"
    "6314081463" "0708700807" "6151494543"
)  # fmt: skip

# A pen's way through each letter on a grid of 5 columns and 7 rows: points as column, row.
_PLOTTED = {
    "A": "06 20 46|14 34", "B": "06 00 30 41 42 33 03|33 44 45 36 06",
    "C": "41 30 10 01 05 16 36 45",
    "D": "06 00 20 42 44 26 06", "E": "40 00 06 46|03 33", "F": "40 00 06|03 33",
    "G": "41 30 10 01 05 16 36 45 43 23", "H": "00 06|40 46|03 43", "I": "10 30|20 26|16 36",
    "J": "40 45 36 16 05", "K": "00 06|40 03 46", "L": "00 06 46", "M": "06 00 23 40 46",
    "N": "06 00 46 40", "O": "10 30 41 45 36 16 05 01 10", "P": "06 00 30 41 42 33 03",
    "Q": "10 30 41 45 36 16 05 01 10|24 46", "R": "06 00 30 41 42 33 03|23 46",
    "S": "41 30 10 01 02 13 33 44 45 36 16 05", "T": "00 40|20 26", "U": "00 05 16 36 45 40",
    "V": "00 26 40", "W": "00 16 23 36 40", "X": "00 46|40 06", "Y": "00 23 40|23 26",
    "Z": "00 40 06 46", "0": "10 30 41 45 36 16 05 01 10", "1": "11 20 26|16 36",
    "2": "01 10 30 41 42 06 46", "3": "00 40 23 33 44 45 36 16 05", "4": "36 30 04 44",
    "5": "40 00 02 32 43 45 36 06", "6": "40 20 02 05 16 36 45 44 33 03", "7": "00 40 16",
    "8": "13 02 01 10 30 41 42 33 13 04 05 16 36 45 44 33", "9": "06 26 44 41 30 10 01 02 13 43",
    ".": "25 26", ",": "25 16", ":": "21 22|24 25", "-": "13 33", "/": "40 06", "+": "21 25|03 43",
    "=": "02 42|04 44", "(": "30 12 14 36", ")": "10 32 34 16", "#": "10 06|40 36|02 42|04 44",
    "^": "12 20 32", "%": "40 06|00 01|45 46", "*": "11 35|31 15", " ": "",
}  # fmt: skip


@dataclass(frozen=True)
class Face:
    """A way to draw letters: a font file, or ``DOTS``, ``STROKES``.

    ``pixels`` is the size of a bitmap font, 0 of all others; ``scripts`` what it can write;
    ``joined`` whether Raqm sets its letters, which Pillow has only where FriBiDi is installed.
    """

    path: str
    pixels: int
    scripts: tuple[str, ...]
    joined: bool = True

    @property
    def bitmap(self) -> bool:
        """Whether its letters are made of whole pixels."""
        return self.pixels > 0 or self.path == DOTS


OWN = (Face(DOTS, 0, ("latin",)), Face(STROKES, 0, ("latin",)))


def faces(files: Iterable[Path]) -> tuple[Face, ...]:
    """Fonts among some files, by what they can write; the two that need no file come first.

    Raises
    ------
    UserError
        if there is a font and Pillow cannot join its letters: the set would be another one
    """
    found = list(OWN)
    for path in sorted(files, key=str):
        bitmap = path.name.endswith(".pcf.gz") and "-ISO8859" not in path.name  # twins exist
        pixels = _bitmap_size(path) if bitmap else 0
        if not pixels and path.suffix.lower() not in (".ttf", ".otf", ".ttc"):
            continue
        scripts = tuple(name for name, text in SAMPLES.items() if _holds(str(path), pixels, text))
        if scripts:
            found.append(Face(str(path), pixels, scripts))
    if len(found) > len(OWN) and not features.check("raqm"):
        raise UserError("fonts", "Pillow cannot join letters", "apt-get install libfribidi0")
    return tuple(found)


def _bitmap_size(path: Path) -> int:
    """Pixel size of an X11 bitmap font, 0 where there is none."""
    for size in BITMAP_SIZES:
        try:
            ImageFont.truetype(path, size, layout_engine=Layout.BASIC)
        except OSError:
            continue
        return size
    return 0


def _holds(path: str, pixels: int, text: str) -> bool:
    """Whether a font draws all letters of ``text``, and none like a letter it cannot hold."""
    try:
        font = ImageFont.truetype(path, pixels or 24, layout_engine=Layout.BASIC)
    except OSError:
        return False
    missing = bytes(font.getmask("\U000ef123"))
    drawn = [bytes(font.getmask(letter)) for letter in text]
    return all(any(one) and one != missing for one in drawn) and len(set(drawn)) == len(drawn)


@lru_cache(maxsize=600)
def _font(path: str, size: int, joined: bool) -> ImageFont.FreeTypeFont:
    layout = Layout.RAQM if joined else Layout.BASIC
    return ImageFont.truetype(path, size, layout_engine=layout)


# ------------------------------------------------------------------ letters


@dataclass(frozen=True)
class Ink:
    """Drawn letters.

    ``coverage`` float32 0..1 (rows, columns), cut to the letters; ``quad`` float32 (4, 2), corners
    of the upright line as (column, row), from its top left; ``height`` of its upright ink in
    pixels; ``angle`` in degrees counter-clockwise.
    """

    coverage: np.ndarray
    quad: np.ndarray
    height: float
    angle: float

    @staticmethod
    def of(coverage: np.ndarray) -> "Ink | None":
        """Upright letters; None where nothing is drawn."""
        coverage = _cut(coverage)
        rows, columns = coverage.shape
        if not coverage.size:
            return None
        quad = np.array([[0, 0], [columns, 0], [columns, rows], [0, rows]], np.float32)
        return Ink(coverage, quad, float(rows), 0.0)


def _cut(coverage: np.ndarray) -> np.ndarray:
    """Cut a sheet to what is at least ``INK`` of its fullest coverage."""
    least = INK * coverage.max(initial=0)
    if least <= 0:
        return coverage[:0, :0]
    rows = np.flatnonzero(coverage.max(1) >= least)
    columns = np.flatnonzero(coverage.max(0) >= least)
    return coverage[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]


def written(
    rng: np.random.Generator, text: str, face: Face, height: float, crisp: bool, weight: float = 0.1
) -> Ink | None:
    """Draw a line of text whose capitals are about ``height`` pixels high.

    ``crisp`` gives whole pixels (FreeType's mono mode), else edges are smooth, hinted or not;
    ``weight`` is the breadth of a plotter's pen as a share of the height.
    """
    if face.path == DOTS:
        return Ink.of(_dotted(text.upper(), max(1, round(height / 7)), bool(rng.random() < 0.4)))
    if face.path == STROKES:
        return Ink.of(_plotted(text.upper(), height, weight, crisp))
    if face.pixels:
        times = max(1, round(height / (0.72 * face.pixels)))
        sheet = _masked(text, _font(face.path, face.pixels, face.joined), "1")
        return Ink.of(sheet.repeat(times, 0).repeat(times, 1))
    size = max(6, round(height / 0.72))
    if crisp:
        return Ink.of(_masked(text, _font(face.path, size, face.joined), "1"))
    if rng.random() < 0.5:
        return Ink.of(_masked(text, _font(face.path, size, face.joined), "L"))
    large = _masked(text, _font(face.path, size * OVER, face.joined), "L")
    shift = rng.integers(0, OVER, 2)
    return Ink.of(pooled(np.pad(large, ((shift[0], 0), (shift[1], 0)))))


def _masked(text: str, font: ImageFont.FreeTypeFont, mode: str) -> np.ndarray:
    mask, _ = font.getmask2(text, mode)
    return np.array(mask, np.float32).reshape(mask.size[::-1]) / 255


def pooled(large: np.ndarray) -> np.ndarray:
    """Mean over squares of ``OVER`` pixels; the last ones are filled up with nothing."""
    rows, columns = large.shape
    full = np.pad(large, ((0, -rows % OVER), (0, -columns % OVER)))
    return full.reshape(full.shape[0] // OVER, OVER, -1, OVER).mean((1, 3)).astype(np.float32)


def _dotted(text: str, times: int, apart: bool) -> np.ndarray:
    """Dot matrix: ``times`` pixels a dot; dots of three and more may stand apart."""
    columns = []
    for letter in text:
        place = ord(letter) - 32
        if not 0 <= place < len(_MATRIX) // 5:
            place = ord("#") - 32
        bits = np.frombuffer(_MATRIX[5 * place : 5 * place + 5], np.uint8)
        columns.append((bits[None] >> np.arange(7)[:, None]) & 1)
        columns.append(np.zeros((7, 1), np.uint8))
    sheet = np.hstack(columns or [np.zeros((7, 1), np.uint8)]).astype(np.float32)
    sheet = sheet.repeat(times, 0).repeat(times, 1)
    if apart and times >= 3:
        sheet[times - 1 :: times] = 0
        sheet[:, times - 1 :: times] = 0
    return sheet


def _plotted(text: str, height: float, weight: float, crisp: bool) -> np.ndarray:
    """A plotter's strokes, about ``height`` pixels high."""
    over = 1 if crisp else OVER
    step = height / 6 * over
    breadth = max(1, round(weight * height * over)) if not crisp else max(1, round(weight * height))
    pad = breadth + 2
    columns = int(6 * step * len(text)) + 2 * pad
    sheet = np.zeros((int(6 * step) + 2 * pad + 1, columns), np.uint8)
    for place, letter in enumerate(text):
        for way in filter(None, _PLOTTED.get(letter, _PLOTTED["#"]).split("|")):
            points = np.array([[int(p[0]) + 6 * place, int(p[1])] for p in way.split()]) * step
            pen(sheet, points + pad, breadth, not crisp)
    large = sheet.astype(np.float32) / 255
    return large if crisp else pooled(large)


def pen(sheet: np.ndarray, points: np.ndarray, breadth: int, smooth: bool) -> None:
    """Draw a line through points (n, 2) as (column, row) on a uint8 sheet."""
    fixed = np.round(points * 16).astype(np.int32).reshape(-1, 1, 2)
    kind = cv2.LINE_AA if smooth else cv2.LINE_8
    cv2.polylines(sheet, [fixed], False, 255, breadth, kind, 4)


# ------------------------------------------------------------------ what is done to letters


def turned(ink: Ink, tilt: float, quarters: int) -> Ink:
    """Tilt letters by some degrees counter-clockwise, then turn them by quarters."""
    coverage, quad = ink.coverage, ink.quad
    if tilt:
        coverage, quad = _tilted(coverage, quad, tilt)
    for _ in range(quarters % 4):
        columns = coverage.shape[1]
        coverage = np.rot90(coverage)
        quad = np.stack([quad[:, 1], columns - quad[:, 0]], 1)
    angle = (ink.angle + tilt + 90 * quarters) % 360
    return Ink(np.ascontiguousarray(coverage), quad.astype(np.float32), ink.height, angle)


def _tilted(coverage: np.ndarray, quad: np.ndarray, tilt: float) -> tuple[np.ndarray, np.ndarray]:
    rows, columns = coverage.shape
    large = coverage.repeat(OVER, 0).repeat(OVER, 1)
    turn = cv2.getRotationMatrix2D((columns * OVER / 2, rows * OVER / 2), tilt, 1.0)
    corners = np.c_[quad * OVER, np.ones(4)] @ turn.T
    low = np.floor(corners.min(0) / OVER - 1) * OVER
    size = np.ceil((corners.max(0) - low) / OVER + 1).astype(int) * OVER
    turn[:, 2] -= low
    moved = cv2.warpAffine(large, turn, (int(size[0]), int(size[1])), flags=cv2.INTER_LINEAR)
    small, quad = pooled(moved), ((corners - low) / OVER).astype(np.float32)
    kept = _cut(small)
    # what is cut off moves the corners
    least = INK * small.max()
    top = int(np.flatnonzero(small.max(1) >= least)[0])
    left = int(np.flatnonzero(small.max(0) >= least)[0])
    return kept, quad - np.array([left, top], np.float32)


def hollow(ink: Ink) -> Ink:
    """Letters of which only the outline is drawn."""
    solid = (np.pad(ink.coverage, 1) > 0.5).astype(np.uint8)
    edge = cv2.dilate(solid, np.ones((3, 3), np.uint8)) - cv2.erode(
        solid, np.ones((2, 2), np.uint8)
    )
    quad = ink.quad + np.array([[0, 0], [2, 0], [2, 2], [0, 2]], np.float32)
    return Ink(edge.astype(np.float32), quad, ink.height + 2, ink.angle)


# ------------------------------------------------------------------ handwriting


def scribble(rng: np.random.Generator, height: float) -> Ink:
    """Loops as of a pen: joined up and down strokes with a few long ones, no true letters."""
    letters = int(rng.integers(4, 11))
    time = np.linspace(0, letters, letters * 24)
    tall = np.interp(time, np.arange(letters + 1), rng.choice([0.5, 0.5, 0.55, 1.0], letters + 1))
    phase = np.interp(time, np.arange(letters + 1), rng.normal(0, 0.5, letters + 1))
    loop, lean = rng.uniform(0.15, 0.45), rng.uniform(-0.1, 0.5)
    row = -tall * (1 - np.cos(2 * np.pi * time + phase)) / 2
    column = 0.75 * time + loop * np.sin(2 * np.pi * time + phase) - lean * row
    row = row + 0.06 * np.cumsum(rng.normal(0, 1, letters + 1))[time.astype(int)]
    points = np.stack([column, row], 1)
    return _penned(rng, [points], height)


def signed(rng: np.random.Generator, text: str, height: float) -> Ink:
    """Separate letters by hand: a plotter's letters, each leaning, bent and rounded anew."""
    ways, at = [], 0.0
    for letter in text.upper():
        size, lean = rng.uniform(0.8, 1.15), rng.normal(0.15, 0.12)
        for way in filter(None, _PLOTTED.get(letter, "").split("|")):
            corners = np.array([[int(p[0]) / 4, int(p[1]) / 6 - 1] for p in way.split()])
            corners = corners + rng.normal(0, 0.05, corners.shape)
            steps = np.linspace(0, len(corners) - 1, 8 * len(corners))
            fine = np.stack([np.interp(steps, np.arange(len(corners)), c) for c in corners.T], 1)
            padded = np.pad(fine, ((3, 3), (0, 0)), mode="edge")
            fine = np.stack([np.convolve(c, np.ones(7) / 7, "valid") for c in padded.T], 1)
            fine = fine * [0.6 * size, size]
            ways.append(np.stack([at + fine[:, 0] - lean * fine[:, 1], fine[:, 1]], 1))
        at += rng.uniform(0.75, 0.95) if letter != " " else 0.5
    return _penned(rng, ways, height)


def _penned(rng: np.random.Generator, ways: Sequence[np.ndarray], height: float) -> Ink:
    """Draw ways (n, 2) with a pen, scaled so that they are ``height`` pixels high."""
    everything = np.vstack(ways)
    low, high = everything.min(0), everything.max(0)
    scale = height * OVER / max(1e-6, float(high[1] - low[1]))
    breadth = max(OVER, round(height * rng.uniform(0.05, 0.13) * OVER))
    size = np.ceil((high - low) * scale).astype(int) + 2 * breadth + 4
    sheet = np.zeros((int(size[1]), int(size[0])), np.uint8)
    for way in ways:
        pen(sheet, (way - low) * scale + breadth + 2, breadth, True)
    ink = Ink.of(pooled(sheet.astype(np.float32) / 255))
    assert ink is not None
    return ink


# ------------------------------------------------------------------ codes

_EAN = (
    "0001101",
    "0011001",
    "0010011",
    "0111101",
    "0100011",
    "0110001",
    "0101111",
    "0111011",
    "0110111",
    "0001011",
)
_EAN_SETS = (
    "LLLLLL",
    "LLGLGG",
    "LLGGLG",
    "LLGGGL",
    "LGLLGG",
    "LGGLLG",
    "LGGGLL",
    "LGLGLG",
    "LGLGGL",
    "LGGLGL",
)
_TWO_OF_FIVE = (
    "00110",
    "10001",
    "01001",
    "11000",
    "00101",
    "10100",
    "01100",
    "00011",
    "10010",
    "01010",
)
_39 = {
    "0": "000110100", "1": "100100001", "2": "001100001", "3": "101100000", "4": "000110001",
    "5": "100110000", "6": "001110000", "7": "000100101", "8": "100100100", "9": "001100100",
    "*": "010010100",
}  # fmt: skip


def ean13(digits: str) -> np.ndarray:
    """Bars of EAN-13 (ISO/IEC 15420) of 12 digits and their check digit: uint8 (modules,)."""
    total = sum(int(d) * (3 if place % 2 else 1) for place, d in enumerate(digits))
    digits += str(-total % 10)
    left = ""
    for digit, kind in zip(digits[1:7], _EAN_SETS[int(digits[0])], strict=True):
        code = _EAN[int(digit)]
        left += code if kind == "L" else "".join("10"[int(bit)] for bit in reversed(code))
    right = "".join("10"[int(bit)] for digit in digits[7:] for bit in _EAN[int(digit)])
    return np.array([int(bit) for bit in f"101{left}01010{right}101"], np.uint8)


def two_of_five(digits: str) -> np.ndarray:
    """Bars of Interleaved 2 of 5 (ISO/IEC 16390) of an even number of digits: uint8 (modules,)."""
    widths = [1, 1, 1, 1]
    for bars, gaps in zip(digits[::2], digits[1::2], strict=True):
        for bar, gap in zip(_TWO_OF_FIVE[int(bars)], _TWO_OF_FIVE[int(gaps)], strict=True):
            widths += [1 + 2 * int(bar), 1 + 2 * int(gap)]
    return _bars([*widths, 3, 1, 1])


def code39(digits: str) -> np.ndarray:
    """Bars of Code 39 (ISO/IEC 16388) of digits: uint8 (modules,)."""
    widths: list[int] = []
    for letter in f"*{digits}*":
        widths += [1 + 2 * int(wide) for wide in _39[letter]] + [1]
    return _bars(widths[:-1])


def _bars(widths: Sequence[int]) -> np.ndarray:
    return np.concatenate([np.full(w, 1 - k % 2, np.uint8) for k, w in enumerate(widths)])


def barcode(rng: np.random.Generator, module: int, height: int) -> Ink:
    """A bar code of one of three kinds with random digits, ``module`` pixels a module."""
    digits = "".join(str(d) for d in rng.integers(0, 10, 12))
    make = (ean13, two_of_five, code39)[int(rng.integers(3))]
    bars = make(digits if make is not code39 else digits[:8])
    ink = Ink.of(bars[None].repeat(height, 0).repeat(module, 1).astype(np.float32))
    assert ink is not None
    return ink


def qr(rng: np.random.Generator, side: int) -> Ink:
    """A QR code of random letters, about ``side`` pixels wide and without its quiet zone."""
    text = "".join(chr(c) for c in rng.integers(65, 91, int(rng.integers(6, 60))))
    code = cv2.QRCodeEncoder.create().encode(text)
    dark = _cut((code == 0).astype(np.float32))
    times = max(1, round(side / dark.shape[0]))
    ink = Ink.of(dark.repeat(times, 0).repeat(times, 1))
    assert ink is not None
    return ink
