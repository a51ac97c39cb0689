"""Known lines on a frame without text, in its stored values: what controls are made of.

The benchmark's renderer draws them (``layouts``, ``glyphs``), which shares nothing with training.
Letters are its dot matrix and plotter, and outline fonts that come inside of matplotlib; none is
one of training, and none is a package of the system. Words are made up.
"""

import importlib.util
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from pydicom.pixels import convert_color_space

from unburn import glyphs, judging, layouts
from unburn.frames import display, limits
from unburn.glyphs import Face
from unburn.layouts import Page
from unburn.sources import Frames

Rng = np.random.Generator

LEAST_SIDE = 64  # pixels of a frame, in which lines fit
IN_CORNERS, OVER_ANATOMY = 3, 2  # lines of a frame
LOWEST_PX, HIGHEST_PX = 7.0, 40.0  # of capitals
LARGEST = 1 / 14  # of a frame's shorter side
TRIES = 8  # places that are looked at for a line
SPARE_PX = 6  # by which a line can be longer than it was measured
LEAST_RANGE = 255  # stored values between black and white on a frame that has nearly none
FONTS = ("cmss10", "cmtt10", "STIXGeneralBol")


def faces() -> tuple[Face, ...]:
    """The fonts of controls, the same on every machine."""
    found = importlib.util.find_spec("matplotlib")
    assert found is not None and found.origin is not None
    folder = Path(found.origin).parent / "mpl-data" / "fonts" / "ttf"
    files = (Face(str(folder / f"{name}.ttf"), 0, ("latin",), joined=False) for name in FONTS)
    return (*glyphs.OWN, *files)


@dataclass(frozen=True)
class Planted:
    """A frame with lines, and the truth beside it.

    ``stored`` as the frame's; ``owner`` uint8 (rows, columns): 0, or k + 1 where the ink of line k
    is; ``lines`` as the renderer describes them; ``visible`` whether each can be seen, by the
    benchmark's definition.
    """

    stored: np.ndarray
    owner: np.ndarray
    lines: tuple[layouts.Line, ...]
    visible: tuple[bool, ...]


def plant(stored: np.ndarray, source: Frames, rng: Rng) -> Planted:
    """Burn made-up lines into a frame: in its corners and over what varies most in it.

    Parameters
    ----------
    stored : a frame of ``source``, at least ``LEAST_SIDE`` pixels high and wide
    """
    shown = display(stored, source)
    shown = shown.reshape(*shown.shape[:2], -1)
    page = Page(rng, shown.astype(np.float32), faces())
    corners = [int(place) for place in rng.permutation(4)[:IN_CORNERS]]
    for corner in corners:
        _in_corner(page, corner)
    for _ in range(OVER_ANATOMY):
        _over_anatomy(page)
    burned = burn(stored, shown, page.picture, source)
    owner = layouts.owners(page.coverage, page.territory).astype(np.uint8)
    heights = [line.height for line in page.lines]
    seen = judging.contrasts(display(burned, source), owner, heights)
    visible = tuple(deviations >= judging.HARDLY_VISIBLE for _, deviations in seen)
    return Planted(burned, owner, tuple(page.lines), visible)


def _hand(page: Page) -> layouts.Hand:
    high = max(LOWEST_PX, min(HIGHEST_PX, LARGEST * page.side))
    return page.hand(height=page.height(LOWEST_PX, high))


def _edge(page: Page, hand: layouts.Hand) -> float:
    """How far from the frame's edge lines stand, in pixels; a box around them needs some."""
    return 4 + 0.4 * hand.height + 0.01 * page.side


def _words(page: Page, hand: layouts.Hand) -> tuple[str, int]:
    """Words that fit into the frame, and their breadth in pixels; none where the frame is small.

    The renderer cuts what does not fit, and a piece of a date is a number that a policy may keep.
    """
    room = page.columns - 2 * _edge(page, hand) - SPARE_PX
    for _ in range(TRIES):
        text, chance = layouts.telling(page.rng), np.random.default_rng(0)
        ink = glyphs.written(chance, text, hand.face, hand.height, hand.crisp, hand.weight)
        if ink is not None and ink.coverage.shape[1] <= room:
            return text, ink.coverage.shape[1] + SPARE_PX
    return "", 0


def _in_corner(page: Page, corner: int) -> None:
    """Write a line into a corner: 0 and 1 above, 0 and 2 at the left."""
    hand = _hand(page)
    edge = _edge(page, hand)
    top = page.rows - edge - 1.5 * hand.height if corner // 2 else edge
    left = page.columns - edge if corner % 2 else edge
    page.write(_words(page, hand)[0], hand, top, left, float(corner % 2))


def _over_anatomy(page: Page) -> None:
    """Write a line where the picture varies most, of some places."""
    hand, rng = _hand(page), page.rng
    text, columns = _words(page, hand)
    rows, edge = round(1.5 * hand.height), _edge(page, hand)
    last = (max(edge + 1, end - edge) for end in (page.rows - rows, page.columns - columns))
    places = np.rint(rng.uniform(edge, tuple(last), (TRIES, 2))).astype(int).tolist()

    def varies(place: list[int]) -> float:
        top, left = place
        return float(page.picture[top : top + rows, left : left + max(1, columns)].std())

    for top, left in sorted(places, key=varies, reverse=True):
        if page.write(text, hand, top, left):
            return


def burn(stored: np.ndarray, shown: np.ndarray, drawn: np.ndarray, source: Frames) -> np.ndarray:
    """A copy of a frame with the stored values that show as what was drawn.

    Parameters
    ----------
    stored : (rows, columns[, 3])
    shown : uint8 (rows, columns, channels), as people see it
    drawn : float32, as ``shown``, 0..255; where it differs, it is burned in
    """
    levels = np.clip(np.rint(drawn), 0, 255).astype(np.uint8)
    changed = (levels != shown).any(2)
    out, values = stored.copy(), levels[changed]
    if source.palette is not None:
        out[changed] = _indices(values, stored, source.palette)
    elif stored.ndim == 3:
        out[changed] = _colours(values, source)
    else:
        out[changed] = _greys(values[:, 0], stored, source).astype(stored.dtype)
    return out


def _greys(levels: np.ndarray, stored: np.ndarray, source: Frames) -> np.ndarray:
    """Stored values of levels 0..255, uint8 (n,)."""
    bits = source.bits_stored
    least, most = (-(1 << bits - 1), (1 << bits - 1) - 1) if source.signed else (0, (1 << bits) - 1)
    low, high = (0.0, float(most)) if stored.dtype == np.uint8 and bits <= 8 else limits(stored)
    if high - low < LEAST_RANGE / 8:
        high = min(low + LEAST_RANGE, most)
        low = min(low, high - LEAST_RANGE)
    share = levels / 255
    share = 1 - share if source.photometric == "MONOCHROME1" else share
    return np.clip(np.rint(low + share * (high - low)), least, most)


def _colours(levels: np.ndarray, source: Frames) -> np.ndarray:
    """Stored values of red, green and blue, uint8 (n, 3)."""
    if source.photometric.startswith("YBR"):
        levels = convert_color_space(levels[None], "RGB", "YBR_FULL")[0]
    top = (1 << source.bits_stored) - 1
    return np.rint(levels.astype(np.float64) * (top / 255)).astype(source.dtype)


def _indices(levels: np.ndarray, stored: np.ndarray, palette: np.ndarray) -> np.ndarray:
    """Of the indices that a frame has, those whose colours are nearest to some, uint8 (n, 3)."""
    known = np.unique(stored)
    colours = palette[known.astype(np.int64) & 0xFFFF].astype(np.int32)
    wanted, back = np.unique(levels, axis=0, return_inverse=True)
    nearest = [int(np.abs(colours - one).sum(axis=1).argmin()) for one in wanted.astype(np.int32)]
    return known[np.array(nearest)][back.ravel()]
