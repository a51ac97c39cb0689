"""Find QR codes, bar codes and other codes of two grey levels; none is ever decoded.

What they have in common, and anatomy has not: two levels of about equal share, many edges close
together, and all edges along two directions at a right angle (one in a bar code). Places like that
are looked for in tiles of the frame at several sizes, turned upright and looked at again as a
whole. OpenCV's own finders miss most codes of the sizes that scanners and forms burn in.
A page of closely set text can be taken for a code; it is masked either way.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import cv2
import numpy as np

TILE = 4  # px of a tile's side; places are judged by the tiles around them:
REACH = 5  # tiles on a side
REDUCTIONS = (1, 2, 4, 8)  # one of them shows a code with modules of 1.1 to 2.2 px
SMALLEST = 32  # px of the short side of a frame below which nothing is looked for
FEWEST = 16  # tiles of a place
MARGIN_PX = 3  # around a code, of the size in which it was found
KNOWN = 0.8  # share of a code that others may cover before it is the same one

# a tile and those around it; probed with planted codes and text-free frames
DEVIATION = 28  # grey levels of 255
EDGES = 0.24  # step from pixel to pixel, in deviations
KURTOSIS = 2.3  # 1 of two equal levels, 3 of noise
# likeness of the edges' directions, 1 along a right angle, 0 along any; small codes are in pieces
# at the higher one, and those over anatomy may run into it at the lower one: then both are tried
ANGLES = (0.25, 0.4)

# the whole place, turned upright
BALANCE = (0.25, 0.75)  # share of the dark level
EVENNESS = 0.05  # edges of the emptiest sixteenth, of the mean
DENSITY = 0.1  # level changes of a line, of its pixels
# level changes of a line, share of the two levels, likeness of the edges' directions; in a bar
# code also the share of the variance that all lines have in common, in a matrix code both
# directions count, and clear levels make up for directions
BARS, BARS_LEVELS, BARS_ANGLE, BARS_COMMON = 16, 0.66, 0.45, 0.22
MODULES, MODULES_LEVELS, MODULES_ANGLE = 4.5, (0.76, 0.84), (0.4, 0.25)


@dataclass(frozen=True)
class Place:
    """A place turned upright: ``dark`` bool (rows, columns), and the quadrangle that it is.

    ``levels`` is the share of the variance between the two levels (Otsu 1979), ``angle`` the
    likeness of its edges' directions.
    """

    dark: np.ndarray
    quad: np.ndarray
    levels: float
    angle: float


def find(picture: np.ndarray) -> list[np.ndarray]:
    """Find codes in a picture, uint8 (rows, columns).

    Returns a float32 (4, 2) quadrangle for each, corners as (column, row) in pixels.
    """
    found: list[np.ndarray] = []
    for reduction in REDUCTIONS:
        rows, columns = (side // reduction for side in picture.shape)
        if min(rows, columns) < SMALLEST:
            break
        reduced = picture
        if reduction > 1:
            reduced = cv2.resize(picture, (columns, rows), interpolation=cv2.INTER_AREA)
        scale = np.array([picture.shape[1] / columns, picture.shape[0] / rows])
        found += [(quad * scale).astype(np.float32) for quad in _codes(reduced)]
    return _distinct(found, picture.shape)


def is_code(place: Place) -> bool:
    """Whether a place shows a code: bars of equal length, or modules in rows and columns."""
    dark = place.dark
    across, down = dark[:, 1:] != dark[:, :-1], dark[1:] != dark[:-1]
    edges = np.zeros(dark.shape, np.float32)
    edges[:, 1:] += across
    edges[1:] += down
    parts = cv2.resize(edges, (4, 4), interpolation=cv2.INTER_AREA)
    # level changes of the middle line in each direction
    columns = float(np.median(across.sum(axis=1)))
    rows = float(np.median(down.sum(axis=0)))
    dense = rows > DENSITY * dark.shape[0], columns > DENSITY * dark.shape[1]
    share = float(dark.mean())
    common = dark.mean(axis=0 if columns >= rows else 1).var() / max(share * (1 - share), 1e-9)
    bars = (
        max(columns, rows) >= BARS
        and any(dense)
        and place.levels > BARS_LEVELS
        and place.angle > BARS_ANGLE
        and common > BARS_COMMON
    )
    modules = (
        min(columns, rows) >= MODULES
        and all(dense)
        and any(
            place.levels > levels and place.angle > angle
            for levels, angle in zip(MODULES_LEVELS, MODULES_ANGLE, strict=True)
        )
    )
    return bool(
        (bars or modules)
        and BALANCE[0] < share < BALANCE[1]
        and parts.min() > EVENNESS * parts.mean()
    )


# ------------------------------------------------------------------ tiles


def _codes(picture: np.ndarray) -> Iterator[np.ndarray]:
    """Quadrangles of the codes whose modules have one or two pixels."""
    count, labels, boxes, _ = _components(_busy(picture))
    for label in range(1, count):
        left, top, width, height, tiles = boxes[label].tolist()
        if tiles < FEWEST:
            continue
        # what is measured of a tile takes in those around it
        first = (max(top - REACH, 0), max(left - REACH, 0))
        window = np.s_[
            first[0] * TILE : (top + height + REACH) * TILE,
            first[1] * TILE : (left + width + REACH) * TILE,
        ]
        part = np.ascontiguousarray(picture[window])
        busy = labels[first[0] : top + height + REACH, first[1] : left + width + REACH] == label
        code = busy & _two_levels(part)
        if np.count_nonzero(code) < FEWEST:
            continue
        gradients = _gradients(part)
        angles = _right_angles(gradients)
        for whole in _large(code & (angles > ANGLES[0])):
            place = _upright(part, whole, gradients, window)
            if place and is_code(place):
                yield place.quad
                continue
            for piece in _large(whole & (angles > ANGLES[1])):
                place = _upright(part, piece, gradients, window)
                if place and is_code(place):
                    yield place.quad


def _large(tiles: np.ndarray) -> Iterator[np.ndarray]:
    """Connected tiles, as many as a code has: bool, as ``tiles``."""
    count, labels, boxes, _ = _components(tiles)
    for label in range(1, count):
        if boxes[label][4] >= FEWEST:
            yield labels == label


def _components(tiles: np.ndarray) -> tuple[int, np.ndarray, np.ndarray, np.ndarray]:
    return cv2.connectedComponentsWithStats(tiles.astype(np.uint8), connectivity=8)


def _tiled(values: np.ndarray) -> np.ndarray:
    """Means of tiles: float32 (rows // TILE, columns // TILE)."""
    rows, columns = (side // TILE for side in values.shape)
    whole = values[: rows * TILE, : columns * TILE]
    return cv2.resize(whole, (columns, rows), interpolation=cv2.INTER_AREA)


def _around(tiles: np.ndarray) -> np.ndarray:
    """Means of each tile and those around it."""
    return cv2.blur(tiles, (REACH, REACH))


def _busy(picture: np.ndarray) -> np.ndarray:
    """Tiles with much contrast and many edges: bool. Cheap, and seldom true of anatomy."""
    mean = _around(_tiled(picture.astype(np.float32)))
    squares = cv2.multiply(picture, picture, dtype=cv2.CV_32F)
    variance = np.maximum(_around(_tiled(squares)) - mean * mean, 1)
    across, down = np.zeros_like(picture), np.zeros_like(picture)
    across[:, 1:] = cv2.absdiff(picture[:, 1:], picture[:, :-1])
    down[1:] = cv2.absdiff(picture[1:], picture[:-1])
    edges = _around(_tiled(cv2.add(across, down, dtype=cv2.CV_32F))) / 2
    deviation = np.sqrt(variance)
    return (deviation > DEVIATION) & (edges > EDGES * deviation)


def _two_levels(picture: np.ndarray) -> np.ndarray:
    """Tiles whose values keep to two levels, by the fourth moment: bool."""
    values = picture.astype(np.float32)
    values /= 128
    values -= 1
    power, moments = values.copy(), []
    for _ in range(4):
        moments.append(_around(_tiled(power)))
        power *= values
    first, second, third, fourth = moments
    variance = np.maximum(second - first**2, 1e-6)
    moment = fourth - 4 * first * third + 6 * first**2 * second - 3 * first**4
    return moment < KURTOSIS * variance**2


def _gradients(picture: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Fourth power of the gradient in tiles, a complex number: real, imaginary part, and size.

    The fourth power of two directions at a right angle is the same, so it adds up along them.
    """
    x = cv2.Sobel(picture, cv2.CV_32F, 1, 0, scale=1 / 128)
    y = cv2.Sobel(picture, cv2.CV_32F, 0, 1, scale=1 / 128)
    square, product = x * x - y * y, 2 * x * y
    imaginary = _tiled(square * product)
    square *= square
    product *= product
    real, other = _tiled(square), _tiled(product)
    return real - other, 2 * imaginary, real + other


def _right_angles(gradients: tuple[np.ndarray, np.ndarray, np.ndarray]) -> np.ndarray:
    """How much the edges around each tile run along two directions at a right angle: 0 to 1."""
    real, imaginary, size = (_around(part) for part in gradients)
    return np.hypot(real, imaginary) / np.maximum(size, 1e-9)


# ------------------------------------------------------------------ upright


def _upright(
    picture: np.ndarray,
    tiles: np.ndarray,
    gradients: tuple[np.ndarray, np.ndarray, np.ndarray],
    window: tuple[slice, slice],
) -> Place | None:
    """Turn the place of some tiles by the direction of its edges, and cut it where they end.

    ``window`` is where ``picture`` lies in the frame. None where little is left.
    """
    rows, columns = np.nonzero(tiles)
    real, imaginary, size = (float(part[tiles].sum()) for part in gradients)
    angle = round(float(np.arctan2(imaginary, real)) / 4, 3)
    turn = np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
    corners = np.concatenate([np.stack([columns + x, rows + y], 1) for x in (0, 1) for y in (0, 1)])
    turned = corners * TILE @ turn.T
    low = turned.min(axis=0) - TILE
    width, height = np.maximum(np.round(turned.max(axis=0) + TILE - low), 2).astype(int).tolist()
    back = np.hstack([turn.T, (turn.T @ low)[:, None]])
    upright = cv2.warpAffine(
        picture,
        back,
        (width, height),
        flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
        borderMode=cv2.BORDER_REPLICATE,
    )
    whole = picture[: tiles.shape[0] * TILE, : tiles.shape[1] * TILE]
    blocks = whole.reshape(tiles.shape[0], TILE, tiles.shape[1], TILE)
    level, _ = _levels(blocks.transpose(0, 2, 1, 3)[tiles].ravel())
    left, top, right, bottom = 0, 0, width, height
    for _ in range(2):
        dark = upright[top:bottom, left:right] <= level
        if min(dark.shape) < 2 * TILE:
            return None
        edges = np.zeros(dark.shape, np.float32)
        edges[:, 1:] += dark[:, 1:] != dark[:, :-1]
        edges[1:] += dark[1:] != dark[:-1]
        first, last = _extent(edges.mean(axis=0))
        left, right = left + first, left + last
        first, last = _extent(edges[:, first:last].mean(axis=1)) if last > first else (0, 0)
        top, bottom = top + first, top + last
    inside = upright[top:bottom, left:right]
    if min(inside.shape) < 2 * TILE:
        return None
    level, levels = _levels(inside.ravel())
    left, top, right, bottom = (
        left - MARGIN_PX,
        top - MARGIN_PX,
        right + MARGIN_PX,
        bottom + MARGIN_PX,
    )
    quad = np.array([(left, top), (right, top), (right, bottom), (left, bottom)])
    quad = (quad + low) @ turn + (window[1].start, window[0].start)
    likeness = round(float(np.hypot(real, imaginary)) / max(size, 1e-9), 3)
    return Place(inside <= level, quad, levels, likeness)


def _extent(edges: np.ndarray) -> tuple[int, int]:
    """First and last + 1 line of those with many edges, out of their mean number in each."""
    smooth = cv2.blur(edges.reshape(1, -1), (9, 1), borderType=cv2.BORDER_REPLICATE)[0]
    many = np.flatnonzero(smooth > 0.4 * np.sort(smooth)[int(0.7 * len(smooth))])
    return (int(many[0]), int(many[-1]) + 1) if len(many) else (0, 0)


def _levels(values: np.ndarray) -> tuple[int, float]:
    """Highest value of the darker of two levels, and their share of the variance (Otsu 1979)."""
    share = np.bincount(values, minlength=256) / len(values)
    grey = np.arange(256)
    below, sums = np.cumsum(share), np.cumsum(share * grey)
    mean = sums[-1]
    both = below * (1 - below)
    between = np.divide((mean * below - sums) ** 2, both, np.zeros(256), where=both > 1e-9)
    level = int(between.argmax())
    variance = float((share * (grey - mean) ** 2).sum())
    return level, round(float(between[level]) / max(variance, 1e-9), 3)


def _distinct(found: list[np.ndarray], shape: tuple[int, ...]) -> list[np.ndarray]:
    """Leave out codes that larger ones cover, as found at several sizes; largest first."""
    found = sorted(found, key=lambda quad: -cv2.contourArea(quad))
    known = np.zeros(shape, np.uint8)
    kept = []
    for quad in found:
        own = np.zeros(shape, np.uint8)
        cv2.fillConvexPoly(own, np.round(quad).astype(np.int32), 1)
        if known[own > 0].mean() < KNOWN if own.any() else False:
            kept.append(quad)
            known |= own
    return kept
