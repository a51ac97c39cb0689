"""Text on frames as scanners lay it out: wording, a page that keeps the truth, and layouts.

These are the benchmark's; training has its own (``rendering``, ``scenes``).
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import cv2
import numpy as np
from scipy import ndimage

from unburn import glyphs, grounds
from unburn.glyphs import Face, Ink

Rng = np.random.Generator

LEAST, LEAST_FAINT = 20.0, 2.0  # grey levels by which a letter's pixels must differ from before,
READABLE = 0.9  # and the share of them that must: no line ends invisibly on ground of its own shade
EMPTY = 5.0  # grey levels: a ground that varies less is empty
TINTS = ((1, 1, 1), (1, 1, 0.2), (0.2, 1, 1), (0.3, 1, 0.3), (1, 0.65, 0.1), (1, 0.4, 0.9))
HEIGHTS = ((5.5, 8), (8.5, 12), (12.5, 20), (20.5, 40), (41, 80))  # of capitals, in pixels
HEIGHT_SHARES = (0.22, 0.27, 0.25, 0.18, 0.08)

# ------------------------------------------------------------------ wording


def _list(text: str) -> tuple[str, ...]:
    return tuple(text.split())


ONSETS = _list("b br c ch d dr g gr h j k kl l m n p pr r s sch st t tr v w z")
VOWELS = _list("a e i o u ai ei ou ia")
CODAS = (*_list("n r l s m nd rt x"), *("",) * 6)
GIVEN = _list("Alma Bruno Carla Dario Elif Frieda Goran Hilde Ismet Jorge Katya Lotte Milan Nadia")
SITES = _list("Lakeside Nordstadt Eastgate Belvedere Hillcrest Saint-Luc Oakfield Rosenau")
HOUSES = ("HOSP", "Spital", "Infirmary", "X-RAY DEPT", "Diagnostics", "CHU", "Poliklinik")
MARKS = _list(
    "AP PA LAT SUPINE ERECT PORTABLE RMLO LMLO RCC LCC LEFT RIGHT LT RT PRONE OBL DECUB LLD INSP "
    "EXP STANDING AXIAL"
)
LETTERS = _list("L R A P H F S I M V X + 1 2 3 7 B D E G K T")
QUANTITIES = _list("Dist Area LVIDd LVEDV EF HR PSV EDV RI Vmax PHT AoD FL BPD HC TI TE TR FA SL")
MEASURES = _list("mm cm ms % cm/s bpm mmHg ml cm² dB MHz kV mAs")
CAPTIONS = ("Patient", "Name", "ID", "Born", "Sex", "Study", "Series", "Image", "Operator", "Ward")
NATIVE = {
    "cyrillic": _list(
        "Кузнецова Соколов Больница Рентген дата рождения Пациент Мария Врач снимок Институт город"
    ),
    "greek": _list(
        "Παπαδοπούλου Νοσοκομείο Ασθενής Ημερομηνία Γέννηση Ελένη Ιατρός Κλινική Σταύρος Αθήνα"
    ),
    "cjk": _list(
        "张伟 李娜 王芳 放射科 北京医院 姓名 检查号 山田太郎 患者 超声 出生日期 东京 主任 男 女"
    ),
    "arabic": _list("محمد أحمد مستشفى المريض تاريخ الميلاد فاطمة الاسم طبيب قسم الأشعة"),
    "devanagari": _list("राजेश कुमार अस्पताल रोगी जन्म तिथि नाम सीता विभाग डॉक्टर दिल्ली"),
}


def _of(rng: Rng, choices: Sequence[Any]) -> Any:
    return choices[int(rng.integers(len(choices)))]


def surname(rng: Rng) -> str:
    """A made-up family name."""
    parts = [
        _of(rng, ONSETS) + _of(rng, VOWELS) + _of(rng, CODAS) for _ in range(rng.integers(2, 4))
    ]
    return "".join(parts).capitalize()


def _person(rng: Rng) -> str:
    form = _of(rng, ("{s} {g}", "{s},{g}", "{g} {s}", "{s}^{g}", "{s}, {g} {i}.", "Mrs {g} {s}"))
    name = form.format(s=surname(rng), g=_of(rng, GIVEN), i=chr(65 + int(rng.integers(26))))
    return name.upper() if rng.random() < 0.4 else name


def _day(rng: Rng) -> str:
    y, m, d = int(rng.integers(1931, 2026)), int(rng.integers(1, 13)), int(rng.integers(1, 29))
    return str(_of(rng, (f"{d}.{m}.{y}", f"{y}-{m:02}-{d:02}", f"{m:02}/{d:02}/{y % 100:02}",
                         f"{d:02}/{m:02}/{y}", f"{y}.{m:02}.{d:02}")))  # fmt: skip


def _clock(rng: Rng) -> str:
    h, m, s = (int(rng.integers(0, top)) for top in (24, 60, 60))
    return str(_of(rng, (f"{h:02}:{m:02}", f"{h}:{m:02}:{s:02}", f"{h % 12 + 1}:{m:02} AM")))


def _digits(rng: Rng, low: int = 4, high: int = 11) -> str:
    return "".join(str(d) for d in rng.integers(0, 10, int(rng.integers(low, high))))


def _value(rng: Rng) -> str:
    return f"{rng.uniform(0, 400):.{int(rng.integers(0, 3))}f} {_of(rng, MEASURES)}"


def _reading(rng: Rng) -> str:
    return f"{_of(rng, QUANTITIES)} {_value(rng)}"


def _caption(rng: Rng) -> str:
    name = _of(rng, CAPTIONS)
    what = {"Born": _day, "Patient": _person, "Name": _person, "Operator": surname}.get(
        name, _digits
    )
    return f"{name}{_of(rng, (': ', ' ', '= ', '  '))}{what(rng)}"


def _house(rng: Rng) -> str:
    return f"{_of(rng, SITES)} {_of(rng, HOUSES)}"


def _anything(rng: Rng) -> str:
    make = _of(rng, (_person, _day, _clock, _digits, _reading, _caption, _house, _caption, _person))
    return str(make(rng))


def telling(rng: Rng) -> str:
    """Made-up words that would tell of a person, such as no policy lets stay: name, day, number."""
    number = chr(65 + int(rng.integers(26))) + _digits(rng, 6, 10)
    forms = (_person(rng), _day(rng), f"{_day(rng)} {_clock(rng)}", number, f"ID: {number}")
    return str(_of(rng, (*forms, f"Name: {_person(rng)}", f"Born {_day(rng)}")))


def _native(rng: Rng, script: str) -> str:
    words = [_of(rng, NATIVE[script]) for _ in range(int(rng.integers(1, 4)))]
    if rng.random() < 0.2 and script != "arabic":
        words.append(_digits(rng, 2, 5))
    return " ".join(words)


# ------------------------------------------------------------------ a page


@dataclass(frozen=True)
class Hand:
    """How the lines of a block are written.

    ``height`` of capitals in pixels; ``away`` from the ground in grey levels, or, of ``faint``
    letters, in local deviations; ``box`` opacity of a box behind, 0 for none.
    """

    face: Face
    height: float
    crisp: bool
    bright: bool
    away: float
    tint: tuple[float, ...] = (1, 1, 1)
    faint: bool = False
    opacity: float = 1.0
    outlined: bool = False
    hollow: bool = False
    shadow: bool = False
    box: float = 0.0
    tilt: float = 0.0
    weight: float = 0.1


@dataclass(frozen=True)
class Line:
    """A line of text, a code or handwriting in a frame, number k + 1 of its ``owner``.

    ``quad`` float32 (4, 2), corners as (column, row) from the top left of the upright line;
    ``height`` of its upright ink in pixels; ``angle`` in degrees counter-clockwise; ``kind`` text,
    single, marker, code or handwriting; ``rendering`` bitmap or antialiased, outlined, boxed,
    JPEG-compressed.
    """

    quad: np.ndarray
    height: float
    angle: float
    kind: str
    script: str
    empty: bool
    bright: bool
    rendering: tuple[str, ...]
    text: str = ""  # of codes and handwriting nothing


@dataclass
class Page:
    """A picture that is being written on: float32 (rows, columns, channels), 0..255."""

    rng: Rng
    picture: np.ndarray
    faces: Sequence[Face]
    lines: list[Line] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.rows, self.columns, self.channels = self.picture.shape
        self.side = min(self.rows, self.columns)
        self.coverage = np.zeros((self.rows, self.columns), np.float32)
        self.territory = np.zeros((self.rows, self.columns), np.uint16)

    def height(self, low: float = 5.5, high: float = 80.0) -> float:
        """Height of capitals that suits the page."""
        first, last = HEIGHTS[int(self.rng.choice(len(HEIGHTS), p=HEIGHT_SHARES))]
        height = self.rng.uniform(first, last) * (1.4 if self.side > 1400 else 1.0)
        return float(np.clip(height, low, max(low, min(high, self.side / 8))))

    def hand(self, script: str = "latin", height: float | None = None, **fixed: Any) -> Hand:
        """A way of writing at random, apart from what is fixed."""
        rng, chance = self.rng, self.rng.random(8)
        face = _face(rng, self.faces, script)
        tints = TINTS if self.channels == 3 and chance[0] < 0.7 else TINTS[:1]
        chosen: dict[str, Any] = {
            "face": face,
            "height": self.height() if height is None else height,
            "crisp": face.bitmap or bool(chance[1] < 0.35),
            "bright": bool(chance[2] < 0.72),
            "away": float(rng.uniform(60, 250)),
            "tint": tuple(_of(rng, tints)),
            "opacity": 1.0 if chance[3] < 0.85 else float(rng.uniform(0.55, 0.95)),
            "outlined": bool(chance[4] < 0.12),
            "hollow": bool(0.12 < chance[4] < 0.14),
            "shadow": bool(0.14 < chance[4] < 0.22),
            "box": 0.0 if chance[5] < 0.83 else float(rng.choice([1.0, 1.0, 0.6])),
            "tilt": 0.0 if chance[6] < 0.94 else float(rng.uniform(-5, 5)),
            "weight": float(rng.uniform(0.06, 0.16)),
        }
        if chance[7] < 0.1 and "faint" not in fixed:
            chosen.update(faint=True, away=float(rng.uniform(0.6, 3.0)))
        return Hand(**{**chosen, **fixed})

    def write(
        self, text: str, hand: Hand, top: float, left: float, anchor: float = 0.0,
        quarters: int = 0, kind: str = "text", script: str = "latin",
    ) -> tuple[int, int] | None:  # fmt: skip
        """Write a line; it is cut short where it does not fit.

        ``anchor`` 0, 0.5 or 1: whether ``left`` is its left end, middle or right end. Returns its
        rows and columns, None where there was no room.
        """
        while text:
            ink = glyphs.written(self.rng, text, hand.face, hand.height, hand.crisp, hand.weight)
            if ink is None:
                return None
            if hand.hollow and hand.height >= 14:
                ink = glyphs.hollow(ink)
            ink = glyphs.turned(ink, hand.tilt, quarters)
            rows, columns = ink.coverage.shape
            at = round(left - anchor * columns)
            if kind == "text" and len(text.replace(" ", "")) == 1:
                kind = "single"
            if self.put(ink, round(top), at, hand, kind, script, text):
                return rows, columns
            room = self.rows - top if quarters % 2 else self.columns - left
            if anchor or len(text) < 3 or (rows if quarters % 2 else columns) <= room:
                return None
            text = text[: max(1, min(len(text) - 1, len(text) * 2 // 3))].strip()
        return None

    def put(
        self, ink: Ink, top: int, left: int, hand: Hand, kind: str, script: str, text: str = ""
    ) -> bool:
        """Lay ink on the page where nothing else is written; say whether there was room."""
        rows, columns = ink.coverage.shape
        pad = max(4, round(0.4 * ink.height)) if hand.box else 3
        first, start = top - pad, left - pad
        last, end = top + rows + pad, left + columns + pad
        if min(first, start) < 0 or last > self.rows or end > self.columns:
            return False
        where = np.s_[first:last, start:end]
        if self.territory[where].any():
            return False
        before, cover = self.picture[where], np.pad(ink.coverage, pad)
        empty = float(before.max(2).std()) < EMPTY
        solid = (cover > 0.3).astype(np.uint8)
        for bright in (hand.bright, not hand.bright):
            spot, bright, seen = self._laid(before, cover, solid, replace(hand, bright=bright), ink)
            if seen >= READABLE:
                break
        else:
            return False
        self.picture[where] = spot
        self.coverage[where] = np.maximum(self.coverage[where], cover)
        self.territory[where][cv2.dilate(solid, np.ones((5, 5), np.uint8)) > 0] = (
            len(self.lines) + 1
        )
        rendering = ["bitmap" if hand.crisp else "antialiased"]
        rendering += ["outlined"] if hand.outlined or hand.hollow else []
        rendering += ["boxed"] if hand.box else []
        quad = ink.quad + np.array([left, top], np.float32)
        self.lines.append(
            Line(quad, ink.height, ink.angle, kind, script, empty, bright, tuple(rendering), text)
        )
        return True

    def _laid(
        self, before: np.ndarray, cover: np.ndarray, solid: np.ndarray, hand: Hand, ink: Ink
    ) -> tuple[np.ndarray, bool, float]:
        """A spot with letters, whether they are bright, and the share of them that differs."""
        spot = before.copy()
        if hand.box:
            level = self.rng.uniform(0, 70) if hand.bright else self.rng.uniform(170, 255)
            spot += hand.box * (np.float32(level) - spot)
        ground = spot.copy()
        shade, bright = self._shade(spot, hand)
        contrary = 0.0 if bright else 255.0
        if hand.outlined:
            reach = 2 * max(1, round(ink.height / 16)) + 1
            ring = cv2.dilate(solid, np.ones((reach, reach), np.uint8))
            grounds.laid(spot, ring.astype(np.float32), contrary)
        elif hand.shadow:
            step = max(1, round(ink.height / 14))
            grounds.laid(spot, np.roll(cover, (step, step), (0, 1)) * hand.opacity, contrary)
        edged = spot.copy() if hand.outlined else ground
        grounds.laid(spot, cover * hand.opacity, shade)
        np.clip(spot, 0, 255, out=spot)
        change = np.abs(spot - edged).max(2)[solid > 0]
        least = LEAST_FAINT if hand.faint else LEAST
        return spot, bright, float((change >= least).mean()) if change.size else 0.0

    def _shade(self, spot: np.ndarray, hand: Hand) -> tuple[np.ndarray, bool]:
        """Colour of letters on a spot, and whether they are brighter than it."""
        grey = spot.max(2)
        middle, spread = float(np.median(grey)), float(grey.std())
        away = hand.away * max(3.0, spread) if hand.faint else max(hand.away, 2.5 * spread)
        bright = hand.bright
        if bright and 255 - middle < min(away, 60):
            bright = False
        elif not bright and middle < min(away, 60):
            bright = True
        level = float(np.clip(middle + away if bright else middle - away, 0, 255))
        tint = np.array(hand.tint[: self.channels], np.float32)
        return (tint * level if bright else np.full(self.channels, level, np.float32)), bright


def _face(rng: Rng, faces: Sequence[Face], script: str) -> Face:
    """A font for a script; of Latin ones a kind first, so that few bitmap fonts count as many."""
    known = [face for face in faces if script in face.scripts]
    if script == "latin":
        kinds: list[list[Face]] = [
            [face for face in known if face.pixels],
            [face for face in known if not face.pixels and face not in glyphs.OWN],
            list(glyphs.OWN),
        ]
        shares = np.array([0.25, 0.55, 0.2]) * [bool(kind) for kind in kinds]
        known = kinds[int(rng.choice(3, p=shares / shares.sum()))]
    return known[int(rng.integers(len(known)))]


# ------------------------------------------------------------------ truth


def owners(coverage: np.ndarray, territory: np.ndarray) -> np.ndarray:
    """Ink of each line: places with at least ``INK`` of its fullest coverage, uint16."""
    owner = np.zeros_like(territory)
    for number, where in enumerate(ndimage.find_objects(territory.astype(np.int32)), 1):
        if where is None:
            continue
        own = territory[where] == number
        fullest = float(np.quantile(coverage[where][own], 0.98))
        owner[where][own & (coverage[where] >= max(0.05, glyphs.INK * fullest))] = number
    return owner


# ------------------------------------------------------------------ layouts


def _rows(
    page: Page, texts: Sequence[str], hand: Hand, top: float, left: float, anchor: float = 0.0,
    script: str = "latin",
) -> float:  # fmt: skip
    """Write lines below each other; return where the next one would stand."""
    pitch = hand.height * page.rng.uniform(1.5, 2.2) + 2
    for text in texts:
        done = page.write(text, hand, top, left, anchor, script=script)
        top += max(pitch, done[0] + 3 if done else 0)
    return top


def corners(page: Page) -> None:
    """Blocks in the corners, as on CT and MR screens; single letters half-way."""
    rng, hand = page.rng, page.hand(height=page.height(high=20))
    edge = 3 + 0.01 * page.side
    for place in rng.permutation(4)[: int(rng.integers(2, 5))]:
        texts = [_anything(rng) for _ in range(int(rng.integers(1, 6)))]
        right, low = bool(place % 2), bool(place // 2)
        top = page.rows - edge - len(texts) * (2.2 * hand.height + 2) if low else edge
        _rows(
            page, texts, hand, max(edge, top), page.columns - edge if right else edge, float(right)
        )
    for letter, top, left in zip(
        rng.permutation(list("ARLPHFI"))[:4], (0.02, 0.48, 0.48, 0.93), (0.5, 0.02, 0.95, 0.5),
        strict=True,
    ):  # fmt: skip
        page.write(letter, hand, edge + top * page.rows, left * page.columns, kind="single")


def panel(page: Page) -> None:
    """An ultrasound screen: a bar above, a list of settings at one side, the sector."""
    rng, hand = page.rng, page.hand(height=page.height(high=18), box=0.0, tilt=0.0)
    wide = page.columns * rng.uniform(0.2, 0.35)
    left = rng.choice([3, page.columns - wide])
    page.picture[:, int(left) : int(left + wide)] = rng.choice([0, 0, 25, 60])
    grounds.fan_outline(rng, page.picture)
    if rng.random() < 0.6:
        bar = int(hand.height * 2.4 + 4)
        page.picture[:bar] = rng.choice([0, 40, 90, 210])
        at = page.write(_house(rng), hand, hand.height * 0.6 + 2, 6)
        page.write(_person(rng), hand, hand.height * 0.6 + 2, 24 + (at[1] if at else 0))
        page.write(_day(rng), hand, hand.height * 0.6 + 2, page.columns - 6, 1.0)
    top = hand.height * 4 + 4
    for _ in range(int(rng.integers(4, 9))):
        name = page.write(_of(rng, QUANTITIES), hand, top, left + 4)
        page.write(_value(rng), hand, top, left + 0.5 * wide)
        top += (name[0] if name else hand.height) * 1.2 + hand.height * 0.9 + 2


def header(page: Page) -> None:
    """A bar across the top or bottom, dark on bright or bright on dark, in two rows."""
    rng = page.rng
    bright = bool(rng.random() < 0.5)
    hand = page.hand(height=page.height(high=30), bright=bright, box=0.0, faint=False, away=220.0)
    high = int(hand.height * 4.6 + 10)
    top = int(rng.choice([0, max(0, page.rows - high)]))
    page.picture[top : top + high] = rng.uniform(0, 60) if bright else rng.uniform(180, 255)
    for row in range(2):
        left, y = 5.0, top + 4 + row * (hand.height * 2.2 + 2)
        while left < page.columns * 0.85:
            done = page.write(_anything(rng), hand, y, left)
            left += (done[1] if done else 20) + hand.height * rng.uniform(1.5, 5)


def film(page: Page) -> None:
    """A stamp, somewhat askew, and a side marker, as on digitised film."""
    rng = page.rng
    tilt = float(rng.uniform(-5, 5))
    hand = page.hand(height=page.height(low=9, high=36), tilt=tilt, box=0.0)
    top = rng.choice([0.03, 0.65]) * page.rows
    left = rng.choice([0.03, 0.5]) * page.columns
    texts = [_house(rng), _person(rng), _day(rng), _digits(rng)]
    inks = [glyphs.written(rng, t, hand.face, hand.height, hand.crisp, hand.weight) for t in texts]
    wide = max(ink.coverage.shape[1] for ink in inks if ink is not None)
    step = 2.3 * hand.height + 6
    if rng.random() < 0.5:
        low, right = int(top + 4 * step + 8), int(left + 1.05 * wide + 18)
        level = rng.uniform(0, 40) if hand.bright else rng.uniform(200, 255)
        page.picture[int(top) : low, int(left) : right] = level
    for row, text in enumerate(texts):
        page.write(text, hand, top + 5 + row * step + 3, left + 8)
    marker = page.hand(height=page.height(low=14), tilt=float(rng.uniform(-5, 5)))
    for _ in range(2):
        word = _of(rng, ("L", "R", "L", "R", *MARKS))
        kind = "single" if len(word) == 1 else "marker"
        at = rng.uniform(0.1, 0.9, 2) * [page.rows, page.columns]
        page.write(word, marker, at[0], at[1], 0.5, 0, kind)


def angiogram(page: Page) -> None:
    """Few lines along the edges, outlined or with a shadow."""
    rng = page.rng
    hand = page.hand(height=page.height(low=8, high=24), outlined=True, box=0.0)
    side, tip = _of(rng, ("RAO", "LAO")), _of(rng, ("CRA", "CAU"))
    angles = f"{side} {rng.integers(0, 60)}  {tip} {rng.integers(0, 40)}"
    edge = 4 + 0.012 * page.side
    low = page.rows - edge - 1.6 * hand.height
    page.write(_person(rng), hand, edge, edge)
    page.write(_day(rng), hand, edge, page.columns - edge, 1.0)
    page.write(angles, hand, low, edge)
    page.write(f"{rng.integers(1, 40)}/{rng.integers(40, 90)}", hand, low, page.columns - edge, 1.0)
    page.write(f"{rng.uniform(50, 120):.0f} kV", hand, low - 2.6 * hand.height, edge)


def table(page: Page) -> None:
    """A table with rules between its cells, as on a captured screen."""
    rng = page.rng
    bright = bool(rng.random() < 0.4)
    hand = page.hand(height=page.height(high=18), bright=bright, box=0.0, tilt=0.0, away=200.0,
                     faint=False, outlined=False)  # fmt: skip
    across, down = int(rng.integers(2, 5)), int(rng.integers(2, 7))
    high = hand.height * 2.4 + 6
    wide = max(hand.height * 9, page.columns / (across + 1.5))
    top, left = rng.uniform(0.02, 0.2) * page.rows, rng.uniform(0.02, 0.1) * page.columns
    low, right = min(page.rows, top + high * down), min(page.columns, left + wide * across)
    page.picture[int(top) : int(low), int(left) : int(right)] = 25 if bright else 235
    rule = np.full(page.channels, 120.0)
    for row in range(down + 1):
        y = int(top + row * high)
        page.picture[y : y + 1, int(left) : int(right)] = rule
    for column in range(across + 1):
        x = int(left + column * wide)
        page.picture[int(top) : int(low), x : x + 1] = rule
    for row in range(down):
        for column in range(across):
            text = str(_of(rng, (_value, surname, _day, _digits, _reading))(rng))
            text = text[: max(2, int(wide / (0.85 * hand.height)) - 2)]
            page.write(
                text, hand, top + row * high + 0.7 * hand.height + 2, left + column * wide + 6
            )


def arrows(page: Page) -> None:
    """Arrows with short notes over the picture."""
    rng = page.rng
    hand = page.hand(height=page.height(low=7, high=40))
    for _ in range(int(rng.integers(4, 9))):
        at = rng.uniform(0.08, 0.8, 2) * [page.rows, page.columns]
        words = ("LK", "liver", "cyst?", "Ao", "GB", "IVC", "mass", "RV", "LA", "thyroid", "?", "1")
        text = _of(rng, (_of(rng, words), _of(rng, LETTERS), _of(rng, MARKS), surname(rng)))
        kind = "marker" if text in MARKS else "text"
        done = page.write(text, hand, at[0], at[1], kind=kind)
        if done is None:
            continue
        start = (int(at[1] + done[1] + 6), int(at[0] + done[0] / 2))
        reach = rng.uniform(0.05, 0.12) * page.side
        end = (int(start[0] + reach), int(start[1] + rng.uniform(-0.5, 0.5) * reach))
        cover = np.zeros((page.rows, page.columns), np.uint8)
        cv2.arrowedLine(cover, start, end, 255, max(1, round(hand.height / 12)), cv2.LINE_AA)
        cover[page.territory > 0] = 0
        grounds.laid(page.picture, cover.astype(np.float32) / 255, 230.0 if hand.bright else 10.0)


def measures(page: Page) -> None:
    """Callipers with numbers at their ends, and the list of results."""
    rng = page.rng
    for _ in range(int(rng.integers(1, 3))):
        grounds.calliper(rng, page.picture)
    hand = page.hand(height=page.height(high=22))
    for number in range(int(rng.integers(2, 6))):
        at = rng.uniform(0.15, 0.8, 2) * [page.rows, page.columns]
        page.write(str(number + 1), hand, at[0], at[1], kind="single")
    listed = page.hand(height=page.height(high=20))
    texts = [f"{k + 1} {_reading(rng)}" for k in range(int(rng.integers(2, 6)))]
    top = page.rows - 6 - len(texts) * (listed.height * 2.2 + 3)
    _rows(page, texts, listed, max(4, top), rng.choice([6.0, 0.5 * page.columns]))


def scale(page: Page) -> None:
    """A ruler with numbers, and letters of direction at the sides."""
    rng = page.rng
    grounds.ruler(rng, page.picture)
    hand = page.hand(height=page.height(high=16))
    step, left = float(rng.uniform(0.08, 0.16)) * page.rows, rng.choice([0.03, 0.88]) * page.columns
    for number in range(int(page.rows / step) - 1):
        page.write(str(number * int(rng.choice([1, 2, 5]))), hand, 6 + number * step, left)
    side = page.hand(height=page.height(low=9, high=40))
    for place in range(4):
        at = ((0.06, 0.5), (0.5, 0.15), (0.5, 0.8), (0.88, 0.5))[place]
        kind = "single" if rng.random() < 0.6 else "marker"
        text = _of(rng, LETTERS if kind == "single" else MARKS)
        page.write(text, side, at[0] * page.rows, at[1] * page.columns, 0.5, 0, kind)


def upright(page: Page) -> None:
    """Lines that run up or down along the sides and within the picture."""
    rng = page.rng
    for quarters in rng.permutation([1, 3, 1, 3]):
        hand = page.hand(height=page.height(high=44))
        left = rng.choice([0.02, 0.9, rng.uniform(0.1, 0.8)]) * page.columns
        for _ in range(int(rng.integers(1, 4))):
            short = rng.random() < 0.3
            text = _of(rng, MARKS) if short else _anything(rng)
            top = rng.uniform(0.02, 0.5) * page.rows
            done = page.write(
                text, hand, top, left, 0, int(quarters), "marker" if short else "text"
            )
            left += (done[1] if done else hand.height) * 1.3 + 4


def scripts(page: Page) -> None:
    """Blocks in another script, beside a few Latin lines."""
    rng = page.rng
    known = [s for s in NATIVE if any(s in face.scripts for face in page.faces)]
    first = int(rng.integers(len(NATIVE)))
    for block in range(3):
        script = known[(first + block) % len(known)] if known else "latin"
        crisp = bool(rng.random() < 0.15)
        hand = page.hand(script, height=page.height(low=8, high=36), crisp=crisp)
        top = rng.choice([0.03, rng.uniform(0.1, 0.7)]) * page.rows
        left = rng.choice([0.02, rng.uniform(0.05, 0.6)]) * page.columns
        count = int(rng.integers(3, 7))
        texts = [_native(rng, script) if known else _anything(rng) for _ in range(count)]
        _rows(page, texts, hand, top, left, script=script)
    latin = page.hand(height=page.height(high=16))
    page.write(_digits(rng), latin, page.rows - 2.5 * latin.height, 5)


def codes(page: Page) -> None:
    """QR and bar codes in bright fields, one with its number below."""
    rng = page.rng
    for _ in range(int(rng.integers(4, 9))):
        most = max(24, min(260, page.side // 2))
        size = int(rng.integers(min(40, most - 1), most))
        ink = glyphs.qr(rng, size)
        if rng.random() < 0.55:
            high, module = max(16, size // 3), int(np.clip(size // 90 + rng.integers(0, 2), 1, 4))
            ink = glyphs.barcode(rng, module, high)
        ink = glyphs.turned(
            ink, float(rng.choice([0, 0, rng.uniform(-4, 4)])), int(rng.integers(4))
        )
        rows, columns = ink.coverage.shape
        quiet = max(6, size // 12)
        if rows + 2 * quiet >= page.rows or columns + 2 * quiet >= page.columns:
            continue
        top = int(rng.integers(quiet, page.rows - rows - quiet))
        left = int(rng.integers(quiet, page.columns - columns - quiet))
        field = np.s_[top - quiet : top + rows + quiet, left - quiet : left + columns + quiet]
        if page.territory[field].any():
            continue
        page.picture[field] = rng.uniform(200, 255)
        dark = Hand(glyphs.OWN[0], 10.0, True, False, 230.0)
        page.put(ink, top, left, dark, "code", "none")
    hand = page.hand(height=page.height(high=14))
    page.write(_digits(rng, 6, 13), hand, page.rows - 2.2 * hand.height, 6)


def handwriting(page: Page) -> None:
    """Notes by hand: loops, and separate letters."""
    rng = page.rng
    for _ in range(int(rng.integers(4, 9))):
        height = page.height(low=14, high=60)
        if rng.random() < 0.5:
            ink = glyphs.scribble(rng, height)
        else:
            text = _of(rng, (surname(rng), _day(rng), "R knee", "LEFT"))
            ink = glyphs.signed(rng, text, height)
        ink = glyphs.turned(ink, float(rng.uniform(-5, 5)), int(rng.random() < 0.15))
        hand = page.hand(height=height, crisp=False, outlined=False, hollow=False, box=0.0)
        at = rng.uniform(0.03, 0.85, 2) * [page.rows, page.columns]
        page.put(ink, int(at[0]), int(at[1]), hand, "handwriting", "latin")


def large(page: Page) -> None:
    """Letters of a fifth of the picture: side markers, words, dates."""
    rng = page.rng
    for _ in range(int(rng.integers(2, 5))):
        height = float(rng.uniform(41, max(46, min(130, page.side / 5))))
        if page.side < 200:
            height = float(rng.uniform(0.15, 0.3) * page.side)
        hand = page.hand(height=height)
        text = _of(rng, ("L", "R", _of(rng, MARKS), _of(rng, MARKS), _day(rng), surname(rng)))
        kind = "single" if len(text) == 1 else "marker" if text in MARKS else "text"
        at = rng.uniform(0.03, 0.75, 2) * [page.rows, page.columns]
        page.write(text, hand, at[0], at[1], 0, int(rng.choice([0, 0, 0, 1, 3])), kind)


def faint(page: Page) -> None:
    """Lines that hardly differ from what is around them."""
    rng = page.rng
    for _ in range(int(rng.integers(4, 9))):
        hand = page.hand(
            height=page.height(low=8, high=40), faint=True, away=float(rng.uniform(0.6, 2.6)),
            outlined=False, shadow=False, box=0.0,
        )  # fmt: skip
        at = rng.uniform(0.05, 0.85, 2) * [page.rows, page.columns]
        page.write(_anything(rng), hand, at[0], at[1])


def singles(page: Page) -> None:
    """Letters and short marks strewn over the picture."""
    rng = page.rng
    for _ in range(int(rng.integers(5, 11))):
        hand = page.hand()
        single = rng.random() < 0.6
        text = _of(rng, LETTERS if single else MARKS)
        at = rng.uniform(0.03, 0.92, 2) * [page.rows, page.columns]
        quarters = int(rng.choice([0, 0, 0, 0, 1, 3]))
        page.write(text, hand, at[0], at[1], 0, quarters, "single" if single else "marker")


LAYOUTS = (
    corners, upright, panel, scripts, film, singles, header, codes, scripts, upright, faint,
    handwriting, table, large, scripts, arrows, corners, codes, upright, measures, scripts, scale,
    singles, handwriting, film, scripts, angiogram, codes, faint, scripts, handwriting, large,
    singles,
)  # fmt: skip
