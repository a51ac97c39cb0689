"""Draws text as scanners burn it into frames, with the truth beside it: ink and lines.

Everything is drawn from a generator passed in, so that a seed names a picture. Only Pillow's
own font and OpenCV's are needed; ``Faces.of`` adds those of font files.
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from PIL import Image, ImageDraw, ImageFont

BUNDLED = "bundled:"  # Pillow's own outline font
STROKES = "strokes:"  # OpenCV's putText, by number of its font
FIXED_SIZES = range(5, 41)  # pixel sizes at which bitmap fonts are tried

# Code points of letters by script; Latin is made of words instead.
SCRIPTS = {
    "greek": ((0x391, 0x3A1), (0x3A3, 0x3A9), (0x3B1, 0x3C9)),
    "cyrillic": ((0x410, 0x44F),),
    "cjk": ((0x4E00, 0x9FA0), (0x3041, 0x3096), (0x30A1, 0x30FA)),
    "hangul": ((0xAC00, 0xD7A3),),
    "arabic": ((0x627, 0x63A), (0x641, 0x64A)),
    "hebrew": ((0x5D0, 0x5EA),),
    "devanagari": ((0x905, 0x939),),
    "thai": ((0xE01, 0xE2E),),
}
# Letters as often as in Arabic texts, with the stroke that lengthens a word; its article.
FREQUENT = {"arabic": "اااااالللللييييمممنننرررتتوووببةعدسفهكقحجشصىأـ"}
ARTICLE = "ال"
# Which files hold which script, by a piece of the file's name.
SCRIPT_FILES = {
    "greek": ("DejaVu", "Free", "Liberation", "NotoSans-", "NotoSerif-", "Nimbus", "C059", "P052"),
    "cyrillic": (
        "DejaVu",
        "Free",
        "Liberation",
        "NotoSans-",
        "NotoSerif-",
        "Nimbus",
        "C059",
        "P052",
    ),
    "cjk": ("DroidSansFallback",),
    "hangul": ("DroidSansFallback",),
    "arabic": (
        "NotoSansArabic-",
        "NotoNaskhArabic-",
        "NotoKufiArabic",
        "ae_",
        "DejaVuSans.",
        "DejaVuSans-Bold.",
        "DejaVuSansMono.",
    ),
    "hebrew": ("NotoSansHebrew-", "NotoSerifHebrew-", "DejaVuSans-"),
    "devanagari": ("NotoSansDevanagari-", "NotoSerifDevanagari-"),
    "thai": ("NotoSansThai-", "NotoSerifThai-"),
}
LATIN_FILES = (
    "DejaVu", "Liberation", "Free", "Hack", "OpenSans", "Lato", "Roboto", "NotoSans-", "NotoSerif-",
    "NotoMono", "NotoSansMono", "NotoSansDisplay", "NotoSerifDisplay", "Nimbus", "C059", "P052",
    "URW", "Inconsolata", "Cantarell",
)  # fmt: skip


@dataclass(frozen=True)
class Face:
    """A font: a file, or one of the bundled ones; ``size`` is set for bitmap fonts (pixels)."""

    name: str
    size: int | None = None


@dataclass(frozen=True)
class Faces:
    """Fonts by script; ``latin`` is never empty."""

    latin: tuple[Face, ...]
    others: dict[str, tuple[Face, ...]] = field(default_factory=dict)

    @staticmethod
    def of(files: Iterable[Path], bundled: bool = True) -> "Faces":
        """Sort font files by the scripts that their names promise."""
        latin: list[Face] = list(BUNDLED_FACES) if bundled else []
        others: dict[str, list[Face]] = {}
        for path in sorted(files, key=str):
            face = _face(path)
            if face is None:
                continue
            if face.size or path.name.startswith(LATIN_FILES):
                latin.append(face)
            for script, names in SCRIPT_FILES.items():
                if any(name in path.name for name in names):
                    others.setdefault(script, []).append(face)
        return Faces(tuple(latin), {script: tuple(found) for script, found in others.items()})


BUNDLED_FACES = (Face(BUNDLED), *(Face(f"{STROKES}{number}") for number in (0, 2, 3, 4, 6)))


def _face(path: Path) -> Face | None:
    """A font file as a face; None for files that are none, or bitmaps of other code pages."""
    if not path.name.endswith(".pcf.gz"):
        return Face(str(path)) if path.suffix.lower() in (".ttf", ".otf") else None
    if not any(page in path.name.lower() for page in ("iso8859-1.", "iso-8859-1.", "iso10646-1.")):
        return None
    for size in FIXED_SIZES:
        try:
            _font(str(path), size)
        except OSError:
            continue
        return Face(str(path), size)
    return None


@lru_cache(maxsize=2000)
def _font(name: str, size: int) -> ImageFont.FreeTypeFont:
    if name == BUNDLED:
        font = ImageFont.load_default(size)
        assert isinstance(font, ImageFont.FreeTypeFont)
        return font
    return ImageFont.truetype(name, size)


# ------------------------------------------------------------------ what is written


def _words(text: str) -> tuple[str, ...]:
    return tuple(text.split())


SURNAMES = _words(
    "MUELLER SMITH JOHNSON GARCIA ROSSI DUBOIS NOVAK KOWALSKI IVANOVA TANAKA NGUYEN SILVA OZTURK "
    "HANSEN JANSEN O'BRIEN MACDONALD VAN DER BERG FERNANDEZ-LOPEZ LEE KIM CHEN PATEL ABE LI "
    "WEBER SCHNEIDER JONES BROWN TAYLOR WILSON MARTINEZ LOPEZ GONZALEZ THOMAS MOORE JACKSON"
)
FIRST_NAMES = _words(
    "Anna Peter Maria John Li Ahmed Yuki Carlos Eva Paul Ingrid Omar Jean-Luc Sofia Tom Zoe "
    "William Elizabeth Hans Juan Olga Ivan Fatima Raj Mei Noah Emma Liam"
)
PLACES = _words(
    "St. Mary General University City Memorial Sacred Heart Northside Kliniken Regional County "
    "Charite Royal Mercy Valley Central Hopital Ospedale Krankenhaus Clinica Sint Lucas"
)
KINDS = (
    "Hospital", "Clinic", "Medical Center", "Radiology", "Imaging", "Institut",
    "Dept. of Radiology", "Universitaetsklinikum", "Health System", "Praxis",
)  # fmt: skip
MONTHS = _words("Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec")
MARKERS = _words(
    "L R A P H F S I LT RT AP PA LAT LL RL ERECT SUPINE PORTABLE UPRIGHT LEFT RIGHT PRONE RCC LCC "
    "RMLO LMLO CC MLO HFS FFS DECUB INSP EXP STANDING AXIAL OBL RAO LAO V M P1 B1 0 1 2 3 5 10"
)
LABELS = _words(
    "Name: Patient: Pat. ID: DOB: Sex: Acc: Date Time Ref. Phys: MRN Op: Inst: Age: Study Series "
    "Freq Gain DR FPS Depth MI TIs TIb Vol EF HR BPM SV LVIDd IVSd Dist Area Circ PW CF WF SVD "
    "TE TR FA ETL NEX SL SP FOV kV mA mAs ms mm cm W: C: WW WL ST Zoom Im: Se: Ex: Fr Pos Mag"
)
UNITS = (
    "mm",
    "cm",
    "cm/s",
    "Hz",
    "MHz",
    "dB",
    "%",
    "kV",
    "mA",
    "ms",
    "bpm",
    "cm2",
    "ml",
    "HU",
    "/",
    "",
)
PRINTABLE = "".join(chr(code) for code in range(33, 127))
LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
CASED = LETTERS + LETTERS.lower()
DIGITS = "0123456789"
ACCENTED = "ÄÖÜäöüßéèêñçåøØÅÉÇÑàáíóúôîãõ°±µ²"


def _draw(rng: np.random.Generator, letters: str, count: int) -> str:
    return "".join(letters[i] for i in rng.integers(0, len(letters), count))


def _pick(rng: np.random.Generator, choices: Sequence[Any]) -> Any:
    return choices[int(rng.integers(len(choices)))]


def wording(rng: np.random.Generator) -> tuple[str, str]:
    """A line of text as it stands on scanner screens, and its kind.

    Kinds: name, date, number, place, label, marker, single, random.
    """
    kind = str(rng.choice(KIND_NAMES, p=KIND_SHARES))
    text = WORDINGS[kind](rng)
    case = rng.random()
    if case < 0.15:
        text = text.upper()
    elif case < 0.2:
        text = text.lower()
    return text, kind


def _name(rng: np.random.Generator) -> str:
    surname = _pick(rng, SURNAMES)
    if rng.random() < 0.3:
        surname = _draw(rng, LETTERS, 1) + _draw(rng, LETTERS.lower(), int(rng.integers(2, 10)))
    elif rng.random() < 0.5:
        surname = surname.title()
    first = _pick(rng, FIRST_NAMES)
    middle = _draw(rng, LETTERS, 1)
    form = _pick(
        rng,
        ("{s}, {f}", "{s}^{f}", "{f} {s}", "{s} {f} {m}.", "{s},{f}^{m}", "Mr. {s}", "{s}",
         "Dr {f} {s}", "Name: {s}, {f}", "{s} {f}  {d}Y {x}"),
    )  # fmt: skip
    return form.format(
        s=surname, f=first, m=middle, d=int(rng.integers(1, 99)), x=_pick(rng, ("M", "F", "O"))
    )


def _date(rng: np.random.Generator) -> str:
    year, month, day = (
        int(rng.integers(1925, 2027)),
        int(rng.integers(1, 13)),
        int(rng.integers(1, 29)),
    )
    hour, minute, second = (int(rng.integers(0, top)) for top in (24, 60, 60))
    form = _pick(
        rng,
        ("{y}-{m:02}-{d:02}", "{d:02}.{m:02}.{y}", "{m:02}/{d:02}/{y}", "{m}/{d}/{v:02}",
         "{d:02} {n} {y}", "{n} {d:02} {y}", "{y}{m:02}{d:02}", "DOB {d:02}/{m:02}/{y}",
         "{H:02}:{M:02}:{S:02}", "{H}:{M:02} PM", "{y}/{m:02}/{d:02} {H:02}:{M:02}",
         "{d:02}-{n}-{v:02} {H:02}:{M:02}:{S:02}", "*{d:02}.{m:02}.{v:02}"),
    )  # fmt: skip
    return form.format(
        y=year, v=year % 100, m=month, d=day, n=MONTHS[month - 1], H=hour, M=minute, S=second
    )


def _number(rng: np.random.Generator) -> str:
    digits = _draw(rng, DIGITS, int(rng.integers(2, 11)))
    value = f"{rng.uniform(0, 500):.{int(rng.integers(0, 4))}f}"
    form = _pick(
        rng,
        ("{d}", "ID: {d}", "{a}{d}", "#{d}", "ACC {d}", "MRN{d}", "{v} {u}", "{v}{u}",
         "{l} {v} {u}", "{l} {v}", "{l}={v}{u}", "{a}-{d}", "{v}", "Im: {i}/{j}", "{i} of {j}",
         "S {d}", "-{v}", "1. {l} {v} {u}"),
    )  # fmt: skip
    return form.format(
        d=digits, a=_draw(rng, LETTERS, int(rng.integers(1, 4))), v=value, u=_pick(rng, UNITS),
        l=_pick(rng, LABELS), i=int(rng.integers(1, 99)), j=int(rng.integers(1, 400)),
    )  # fmt: skip


def _place(rng: np.random.Generator) -> str:
    return f"{_pick(rng, PLACES)} {_pick(rng, KINDS)}"


def _labels(rng: np.random.Generator) -> str:
    return " ".join(_pick(rng, LABELS) for _ in range(int(rng.integers(1, 4))))


def _marker(rng: np.random.Generator) -> str:
    return str(_pick(rng, MARKERS))


def _single(rng: np.random.Generator) -> str:
    return _draw(rng, CASED * 2 + DIGITS * 3 + "?#%&@", 1)


def _random(rng: np.random.Generator) -> str:
    letters = _pick(rng, (PRINTABLE, CASED + DIGITS, LETTERS, DIGITS + ".,:-/", CASED + ACCENTED))
    count = int(rng.integers(1, 5))
    return " ".join(_draw(rng, letters, int(rng.integers(2, 10))) for _ in range(count))


WORDINGS = {
    "name": _name, "date": _date, "number": _number, "place": _place, "label": _labels,
    "marker": _marker, "single": _single, "random": _random,
}  # fmt: skip
KIND_NAMES = tuple(WORDINGS)
KIND_SHARES = (0.14, 0.12, 0.18, 0.05, 0.09, 0.13, 0.17, 0.12)


def foreign(rng: np.random.Generator, script: str) -> str:
    """Letters of one of ``SCRIPTS``, in words that mean nothing."""
    return " ".join(
        _babble(rng, script, int(rng.integers(1, 8))) for _ in range(int(rng.integers(1, 4)))
    )


def _babble(rng: np.random.Generator, script: str, count: int) -> str:
    """A word; where letters join, the frequent ones give it the shapes that true words have."""
    first, last = _pick(rng, SCRIPTS[script])
    letters = [chr(code) for code in rng.integers(first, last + 1, count)]
    often = FREQUENT.get(script, "")
    letters = [_pick(rng, often) if often and rng.random() < 0.6 else one for one in letters]
    return (ARTICLE if often and rng.random() < 0.3 else "") + "".join(letters)


# ------------------------------------------------------------------ letters to pixels


@dataclass(frozen=True)
class Style:
    """How one line looks.

    ``size`` font size in pixels; ``angle`` degrees counter-clockwise (90: read upwards);
    ``level`` grey value of the letters; ``opacity`` 0..1; ``soft`` deviation in pixels of a blur.
    """

    size: int
    level: float = 255.0
    angle: float = 0.0
    antialias: bool = True
    opacity: float = 1.0
    stretch: float = 1.0
    spacing: int = 0
    thicken: int = 0
    enlarge: int = 1
    stacked: bool = False
    mirrored: bool = False
    outline: float | None = None
    shadow: float | None = None
    box: float | None = None
    box_opacity: float = 1.0
    frame: float | None = None
    soft: float = 0.0


def _glyphs(text: str, face: Face, style: Style) -> np.ndarray:
    """Coverage of the letters, float32 0..1 (rows, columns), cut to the ink; maybe empty."""
    if face.name.startswith(STROKES):
        number, size = int(face.name[len(STROKES) :]), style.size
        scale, weight = size / 30, max(1, round(size / 14) + style.thicken)
        (columns, rows), base = cv2.getTextSize(text, number, scale, weight)
        sheet = np.zeros((rows + base + 4 * weight + 8, columns + 4 * weight + 8), np.uint8)
        kind = cv2.LINE_AA if style.antialias else cv2.LINE_8
        start = (2 * weight + 2, rows + 2 * weight + 2)
        cv2.putText(sheet, text, start, number, scale, 255, weight, kind)
    else:
        font = _font(face.name, face.size or style.size)
        mode = "L" if style.antialias else "1"
        if style.spacing:
            sheet = _spaced(text, font, mode, style.spacing)
        else:
            # half the work of asking for the size first
            mask, _ = font.getmask2(text, mode)
            sheet = np.array(mask, np.uint8).reshape(mask.size[::-1])
    return _cut(sheet.astype(np.float32) / 255)


def _spaced(text: str, font: ImageFont.FreeTypeFont, mode: str, spacing: int) -> np.ndarray:
    """Letters of a line with extra pixels between them, uint8 (rows, columns)."""
    left, top, right, bottom = (round(edge) for edge in font.getbbox(text))
    size = (max(1, right - left + spacing * len(text) + 4), max(1, bottom - top + 4))
    picture = Image.new("L", size)
    draw = ImageDraw.Draw(picture)
    draw.fontmode = mode
    at = 2.0 - left
    for letter in text:
        draw.text((at, 2 - top), letter, font=font, fill=255)
        at += font.getlength(letter) + spacing
    return np.asarray(picture)


def _cut(sheet: np.ndarray) -> np.ndarray:
    """Cut a sheet to its ink."""
    rows, columns = np.flatnonzero(sheet.max(1) > 0.1), np.flatnonzero(sheet.max(0) > 0.1)
    if not len(rows):
        return sheet[:0, :0]
    return sheet[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]


def _letters(text: str, face: Face, style: Style) -> np.ndarray:
    """The line before turning: stacking, enlargement, stretching, thickening."""
    if style.stacked:
        parts = [_glyphs(letter, face, style) for letter in text if letter != " "]
        parts = [part for part in parts if part.size]
        if not parts:
            return np.zeros((0, 0), np.float32)
        gap, columns = max(1, style.size // 6), max(part.shape[1] for part in parts)
        rows = []
        for part in parts:
            before = (columns - part.shape[1]) // 2
            after = columns - part.shape[1] - before
            rows += [np.pad(part, ((0, 0), (before, after))), np.zeros((gap, columns), np.float32)]
        sheet = np.vstack(rows[:-1])
    else:
        sheet = _glyphs(text, face, style)
    if not sheet.size:
        return sheet
    if style.enlarge > 1:
        sheet = sheet.repeat(style.enlarge, 0).repeat(style.enlarge, 1)
    if style.stretch != 1:
        columns = max(1, round(sheet.shape[1] * style.stretch))
        how = cv2.INTER_LINEAR if style.antialias else cv2.INTER_NEAREST
        sheet = cv2.resize(sheet, (columns, sheet.shape[0]), interpolation=how)
    if style.thicken > 0 and not face.name.startswith(STROKES):
        sheet = cv2.dilate(
            np.pad(sheet, style.thicken), np.ones((1 + style.thicken,) * 2, np.uint8)
        )
    if style.mirrored:
        sheet = np.ascontiguousarray(sheet[:, ::-1])
    return sheet


@dataclass(frozen=True)
class Line:
    """A line on a page.

    ``quad`` float32 (4, 2): corners of its ink as (column, row), in reading order from the top
    left of the upright line; ``height`` of the upright ink in pixels.
    """

    text: str
    kind: str
    quad: np.ndarray
    height: float
    angle: float


def _turned(sheet: np.ndarray, angle: float, margin: int) -> tuple[np.ndarray, np.ndarray]:
    """Turn a sheet counter-clockwise; return it with ``margin`` empty pixels, and its quad."""
    rows, columns = sheet.shape
    quad = np.array([[0, 0], [columns, 0], [columns, rows], [0, rows]], np.float32)
    if angle % 90 == 0:
        turns = int(angle // 90) % 4
        out = np.rot90(sheet, turns)
        for _ in range(turns):
            quad = np.stack([quad[:, 1], columns - quad[:, 0]], 1)
            rows, columns = columns, rows
    else:
        radians = math.radians(angle)
        turn = np.array(
            [[math.cos(radians), math.sin(radians)], [-math.sin(radians), math.cos(radians)]]
        )
        quad = quad @ turn.T
        low = quad.min(0)
        width, height = np.ceil(quad.max(0) - low).astype(int) + 1
        matrix = np.column_stack([turn, -low])
        out = cv2.warpAffine(sheet, matrix, (int(width), int(height)), flags=cv2.INTER_LINEAR)
        quad = quad - low
    return np.pad(np.ascontiguousarray(out), margin), (quad + margin).astype(np.float32)


# ------------------------------------------------------------------ pages


class Page:
    """A frame under way: its picture, whose ink stands where, and what room is taken.

    ``picture`` float32 0..255 (rows, columns); ``owner`` uint8, 1 + number of the line whose ink
    stands there; ``taken`` bool.
    """

    def __init__(self, picture: np.ndarray):
        self.picture = picture.astype(np.float32)
        self.owner = np.zeros(picture.shape, np.uint8)
        self.taken = np.zeros(picture.shape, bool)
        self.lines: list[Line] = []

    def put(
        self,
        text: str,
        kind: str,
        face: Face,
        style: Style,
        top: int,
        left: int,
        force: bool = False,
    ) -> tuple[int, int] | None:
        """Draw a line; return its (rows, columns), or None if there is no room or no ink."""
        sheet = _letters(text, face, style)
        if not sheet.size or len(self.lines) >= 250:
            return None
        upright = sheet.shape[1] if style.stacked else sheet.shape[0]
        margin = 3 + (max(3, style.size // 4) if style.box is not None else 0)
        alpha, quad = _turned(sheet, style.angle, margin)
        if style.soft:
            alpha = cv2.GaussianBlur(alpha, (0, 0), style.soft)
        rows, columns = alpha.shape
        page_rows, page_columns = self.picture.shape
        top, left = top - margin, left - margin
        inner = alpha[margin : rows - margin, margin : columns - margin]
        if (
            top + margin < 0
            or left + margin < 0
            or top + margin + inner.shape[0] > page_rows
            or left + margin + inner.shape[1] > page_columns
        ):
            return None
        # the margin may stick out of the page
        up, before = max(0, -top), max(0, -left)
        alpha = alpha[up : page_rows - top, before : page_columns - left]
        quad = quad - np.array([before, up], np.float32)
        top, left = max(0, top), max(0, left)
        rows, columns = alpha.shape
        where = np.s_[top : top + rows, left : left + columns]
        if self.taken[where].any() and not force:
            return None
        quad = (quad + np.array([left, top])).astype(np.float32)
        self._paint(where, alpha, style)
        self.lines.append(Line(text, kind, quad, float(upright), style.angle))
        return inner.shape

    def _paint(self, where: tuple[slice, slice], alpha: np.ndarray, style: Style) -> None:
        spot = self.picture[where]
        if style.box is not None:
            spot[:] = spot * (1 - style.box_opacity) + style.box * style.box_opacity
        if style.frame is not None:
            spot[[0, -1], :] = style.frame
            spot[:, [0, -1]] = style.frame
        ink = alpha
        if style.shadow is not None:
            shift = max(1, style.size // 14)
            shadow = np.zeros_like(alpha)
            shadow[shift:, shift:] = alpha[:-shift, :-shift]
            spot[:] = spot * (1 - shadow) + style.shadow * shadow
        if style.outline is not None:
            around = cv2.dilate(alpha, np.ones((3, 3), np.uint8))
            spot[:] = spot * (1 - around) + style.outline * around
            ink = around
        cover = alpha * style.opacity
        spot[:] = spot * (1 - cover) + style.level * cover
        self.owner[where][ink > 0.3] = len(self.lines) + 1
        self.taken[where] = True


def plant(
    frame: np.ndarray,
    lines: Sequence[tuple[str, int, int, Style]],
    face: Face = BUNDLED_FACES[0],
) -> tuple[np.ndarray, np.ndarray]:
    """Burn lines into a frame, for demonstrations and tests.

    Parameters
    ----------
    frame : uint8 or uint16, (rows, columns) or (rows, columns, samples)
    lines : (text, top, left, style); ``style.level`` in the frame's own values

    Returns
    -------
    (frame with text, same shape and dtype; ink, bool (rows, columns))

    Raises
    ------
    ValueError
        if a line does not fit where it should stand
    """
    flat = frame.reshape(*frame.shape[:2], -1)
    ink = np.zeros(frame.shape[:2], bool)
    out = flat.copy()
    for sample in range(flat.shape[2]):
        page = Page(flat[:, :, sample])
        for text, top, left, style in lines:
            if page.put(text, "planted", face, style, top, left, force=True) is None:
                raise ValueError("a line does not fit into the frame")
        ink |= page.owner > 0
        drawn = np.clip(np.rint(page.picture), 0, np.iinfo(frame.dtype).max).astype(frame.dtype)
        out[:, :, sample] = np.where(ink, drawn, flat[:, :, sample])
    return out.reshape(frame.shape), ink
