"""Made frames for training and testing the detector: backgrounds, things like text, text.

A scene is drawn from one generator, so that (seed, number) names it. Backgrounds are crops of
text-free frames that the user names, and procedural ones that need no data.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import cv2
import numpy as np

from unburn.frames import views
from unburn.rendering import Face, Faces, Line, Page, Style, foreign, wording

Rng = np.random.Generator
# letters that no ring, wire, arrow or calliper looks like
LONE = "ABDEFGHKLMNPRSTVWXYZABEFHKLPRST" + "abdefghkmnrtyz" + "23456789" + "#?&"
READ_LETTERS = 30  # of a line at most, where lines are made to be read
RINGS, RINGS_PX = "OoQDC0UuIil1|-_/", 32  # letters that anatomy has too, from this size


@dataclass(frozen=True)
class Scene:
    """A made frame and its truth.

    ``pictures`` uint8 (2, rows, columns), as the detector is shown them; ``owner`` uint8, 1 + line
    number where its ink stands.
    """

    pictures: np.ndarray
    owner: np.ndarray
    lines: tuple[Line, ...]


@dataclass(frozen=True)
class Recipe:
    """What scenes are made of. The held-out set uses other numbers than training does."""

    faces: Faces
    side: int = 256
    text_share: float = 0.65
    procedural_share: float = 0.22
    mined_share: float = 0.4
    clutter_share: float = 0.45
    grain_share: float = 0.15
    lone_share: float = 0.2
    turned_page_share: float = 0.12
    foreign_share: float = 0.16
    sizes: tuple[float, float] = (7.0, 100.0)
    vertical_share: float = 0.15
    slant_share: float = 0.12
    faint_share: float = 0.22
    jpeg: tuple[int, int] = (20, 96)
    deep_share: float = 0.4
    alike_share: float = 0.12
    small_share: float = 0.1


OFTENER = {"arabic": 4}  # than other scripts: its joined letters look like no other's


# ------------------------------------------------------------------ backgrounds


def _smooth(rng: Rng, side: int, grain: float) -> np.ndarray:
    """Smooth random field 0..1, ``grain`` pixels coarse."""
    cells = max(2, round(side / grain))
    field = rng.random((cells, cells), np.float32)
    return np.clip(cv2.resize(field, (side, side), interpolation=cv2.INTER_CUBIC), 0, 1)


def _flat(rng: Rng, side: int) -> np.ndarray:
    level = float(rng.choice([0, 0, 255, rng.uniform(0, 255), rng.uniform(0, 40)]))
    return np.full((side, side), level, np.float32)


def _gradient(rng: Rng, side: int) -> np.ndarray:
    angle, low, high = rng.uniform(0, 2 * math.pi), rng.uniform(0, 255), rng.uniform(0, 255)
    rows, columns = np.mgrid[0:side, 0:side].astype(np.float32) / side - 0.5
    ramp = np.clip(rows * math.sin(angle) + columns * math.cos(angle) + 0.5, 0, 1)
    return (low + (high - low) * ramp).astype(np.float32)


def _noise(rng: Rng, side: int) -> np.ndarray:
    grains = rng.normal(0, 1, (side, side)).astype(np.float32)
    field = cv2.GaussianBlur(grains, (0, 0), rng.uniform(0.3, 2.5))
    field = field / (field.std() + 1e-6)
    # the strongest are nearly black and white, as noise in parameter maps
    spread = rng.uniform(5, 60) if rng.random() < 0.75 else rng.uniform(60, 250)
    return np.clip(rng.uniform(0, 220) + spread * field, 0, 255)


def _speckle(rng: Rng, side: int) -> np.ndarray:
    real, imaginary = rng.normal(0, 1, (2, side, side)).astype(np.float32)
    across, down = float(rng.uniform(0.6, 4)), float(rng.uniform(0.5, 1.5))
    amplitude = np.hypot(
        cv2.GaussianBlur(real, (0, 0), across, sigmaY=down),
        cv2.GaussianBlur(imaginary, (0, 0), across, sigmaY=down),
    )
    tissue = _smooth(rng, side, rng.uniform(15, 120)) ** rng.uniform(0.7, 3)
    field = amplitude / amplitude.mean() * tissue
    return np.clip(np.log1p(rng.uniform(2, 20) * field) * rng.uniform(40, 110), 0, 255)


def _body(rng: Rng, side: int) -> np.ndarray:
    """Nested ellipses with soft inner structure, on a dark ground."""
    out = np.zeros((side, side), np.float32)
    centre = rng.uniform(0.2, 0.8, 2) * side
    axes = rng.uniform(0.25, 0.8, 2) * side
    for _ in range(int(rng.integers(2, 9))):
        at = (int(centre[0]), int(centre[1]))
        size = (max(2, int(axes[0])), max(2, int(axes[1])))
        cv2.ellipse(out, at, size, rng.uniform(0, 180), 0, 360, rng.uniform(10, 255), -1)
        axes = axes * rng.uniform(0.4, 0.95, 2)
        centre = centre + rng.uniform(-0.2, 0.2, 2) * axes
    out *= 0.6 + 0.4 * _smooth(rng, side, rng.uniform(5, 60))
    return cv2.GaussianBlur(out, (0, 0), rng.uniform(0.5, 3)) + rng.normal(0, rng.uniform(0, 8))


def _fan(rng: Rng, side: int) -> np.ndarray:
    """A sector of speckle on black, as curved ultrasound probes give."""
    speckle = _speckle(rng, side)
    mask = np.zeros((side, side), np.uint8)
    apex = (int(rng.uniform(0.2, 0.8) * side), int(rng.uniform(-0.5, 0.15) * side))
    radius, middle, half = rng.uniform(0.6, 1.5) * side, rng.uniform(70, 110), rng.uniform(20, 55)
    cv2.ellipse(mask, apex, (int(radius),) * 2, 0, middle - half, middle + half, 1, -1)
    cv2.circle(mask, apex, int(rng.uniform(0.05, 0.4) * side), 0, -1)
    return np.where(mask > 0, speckle, float(rng.choice([0, 0, 0, 10, 40])))


def _panels(rng: Rng, side: int) -> np.ndarray:
    """Rectangles of flat colour: bars, menus, buttons and bright pages of a screen."""
    out = _flat(rng, side)
    for _ in range(int(rng.integers(1, 9))):
        top, left = rng.integers(-20, side - 8, 2)
        rows, columns = rng.integers(10, side, 2)
        if rng.random() < 0.5:
            rows = int(rng.integers(12, 60))
        level = rng.uniform(0, 255)
        corner = (int(left + columns), int(top + rows))
        cv2.rectangle(out, (int(left), int(top)), corner, level, -1)
        if rng.random() < 0.4:
            cv2.rectangle(out, (int(left), int(top)), corner, rng.uniform(0, 255), 1)
    return out


def _blocks(rng: Rng, side: int) -> np.ndarray:
    """Coarse pixels, nearly binary: enlarged small images and colour Doppler."""
    cell = int(rng.integers(2, 9))
    cells = side // cell + 1
    noisy = _smooth(rng, cells, rng.uniform(1.5, 8)) + rng.normal(0, 0.15, (cells, cells))
    field = noisy.astype(np.float64)
    if rng.random() < 0.5:
        field = (field > rng.uniform(0.3, 0.7)).astype(np.float64)
    field = field.repeat(cell, 0).repeat(cell, 1)[:side, :side]
    return np.clip(rng.uniform(0, 60) + field * rng.uniform(30, 250), 0, 255).astype(np.float32)


def _mosaic(rng: Rng, side: int) -> np.ndarray:
    """Squares or discs in rows, as in test charts and phantoms."""
    out = _flat(rng, side)
    pitch = int(rng.integers(8, 60))
    size = max(2, int(pitch * rng.uniform(0.2, 0.7)))
    level, step = rng.uniform(0, 255), rng.uniform(-8, 8)
    square = rng.random() < 0.5
    for top in range(int(rng.integers(0, pitch)), side, pitch):
        for left in range(int(rng.integers(0, 2)), side, pitch):
            if square:
                cv2.rectangle(out, (left, top), (left + size, top + size), level, -1)
            else:
                cv2.circle(out, (left, top), size // 2, level, -1)
        level = float(np.clip(level + step, 0, 255))
    return out


def _contour(rng: Rng, centre: np.ndarray, radius: float) -> np.ndarray:
    """A smooth closed curve, int32 (n, 2), in sixteenths of a pixel."""
    angles = np.linspace(0, 2 * math.pi, 48, endpoint=False)
    reach = np.ones_like(angles)
    for wave in range(1, 5):
        height = rng.uniform(0, 0.35) / wave
        reach += height * np.cos(wave * angles + rng.uniform(0, 2 * math.pi))
    squeeze, turn = rng.uniform(0.45, 1), rng.uniform(0, math.pi)
    around = np.stack([np.cos(angles), squeeze * np.sin(angles)], 1) * (radius * reach)[:, None]
    rotation = np.array([[math.cos(turn), -math.sin(turn)], [math.sin(turn), math.cos(turn)]])
    return np.round((centre + around @ rotation.T) * 16).astype(np.int32)


def _anatomy(rng: Rng, side: int) -> np.ndarray:
    """Organs, rings of bone, vessels, ribs and tubes: shapes that letters have too."""
    ground = float(rng.choice([0, 0, 0, rng.uniform(0, 60), rng.uniform(0, 255)]))
    out: np.ndarray = np.full((side, side), ground, np.float32)
    body = rng.uniform(0.2, 0.8, 2) * side
    radius = rng.uniform(0.15, 0.9) * side
    tissue = rng.uniform(20, 200)
    if rng.random() < 0.8:
        cv2.fillPoly(out, [_contour(rng, body, radius)], tissue, cv2.LINE_AA, 4)
    for _ in range(int(rng.integers(2, 14))):
        centre = body + rng.normal(0, 0.5, 2) * radius
        size = radius * float(np.exp(rng.uniform(math.log(0.03), math.log(0.6))))
        curve = _contour(rng, centre, max(2.0, size))
        wall = 255.0 if rng.random() < 0.5 else rng.uniform(0, 255)
        kind = rng.random()
        if kind < 0.35:
            cv2.fillPoly(out, [curve], rng.uniform(0, 255), cv2.LINE_AA, 4)
        elif kind < 0.75:  # a wall around something: bone, heart, bowel
            cv2.fillPoly(out, [curve], rng.uniform(0, 255), cv2.LINE_AA, 4)
            thick = max(1, round(size * rng.uniform(0.05, 0.5)))
            closed = bool(rng.random() < 0.7)
            part = curve if closed else curve[: int(rng.integers(12, 44))]
            cv2.polylines(out, [part], closed, wall, thick, cv2.LINE_AA, 4)
        elif kind < 0.9:  # ribs and tubes
            part = curve[: int(rng.integers(8, 30))]
            for copy in range(int(rng.integers(1, 6))):
                moved = part + np.array([0, copy * int(rng.uniform(6, 40) * 16)], np.int32)
                cv2.polylines(out, [moved], False, wall, int(rng.integers(1, 9)), cv2.LINE_AA, 4)
        else:  # vessels and airways, dots
            for place in centre + rng.normal(0, max(4, size), (int(rng.integers(2, 25)), 2)):
                at = (int(place[0]), int(place[1]))
                cv2.circle(out, at, int(rng.integers(1, 6)), wall, -1, cv2.LINE_AA)
    if rng.random() < 0.7:
        out = out * (1 - rng.uniform(0, 0.5) * _smooth(rng, side, rng.uniform(3, 40)))
    if rng.random() < 0.7:
        out = cv2.GaussianBlur(out, (0, 0), rng.uniform(0.4, 2.5))
    return out + rng.normal(0, rng.uniform(0, 10), out.shape) * (rng.random() < 0.7)


def _mottle(rng: Rng, side: int) -> np.ndarray:
    """Soft light and shade under grain that is nearly as coarse as letters, with bright specks."""
    grains = rng.normal(0, 1, (side, side)).astype(np.float32)
    grain = cv2.GaussianBlur(grains, (0, 0), float(rng.uniform(0.7, 4)))
    light = _smooth(rng, side, rng.uniform(20, 120)) * rng.uniform(20, 220)
    out = light + rng.uniform(2, 30) * grain / grain.std() + rng.uniform(0, 60)
    if rng.random() < 0.5:  # glints of wet folds
        gloss = _smooth(rng, side, rng.uniform(1.5, 10))
        out[gloss > np.quantile(gloss, 1 - rng.uniform(0.0005, 0.01))] = rng.uniform(200, 255)
    else:
        for column, row in rng.integers(0, side, (int(rng.integers(0, 25)), 2)):
            axes = (int(rng.integers(1, 6)), int(rng.integers(1, 6)))
            at = (int(column), int(row))
            cv2.ellipse(out, at, axes, rng.uniform(0, 180), 0, 360, 255, -1, cv2.LINE_AA)
    if rng.random() < 0.5:
        inside = np.zeros(out.shape, np.uint8)
        reach = rng.uniform(0.4, 0.9) * side
        cv2.fillPoly(inside, [_contour(rng, np.full(2, side / 2), reach)], 1, shift=4)
        out[inside == 0] = rng.choice([0, 0, 255, rng.uniform(0, 255)])
    return out


def _spots(rng: Rng, side: int) -> np.ndarray:
    """Bright blurred spots on a dark ground, as tracers give; often saturated."""
    out: np.ndarray = np.zeros((side, side), np.float32)
    places = rng.normal(rng.uniform(0.2, 0.8, 2), rng.uniform(0.05, 0.3), (60, 2)) * side
    for place in places[: int(rng.integers(2, 60))]:
        at = (int(np.clip(place[0], 0, side - 1)), int(np.clip(place[1], 0, side - 1)))
        cv2.circle(out, at, int(rng.integers(1, 9)), rng.uniform(20, 255), -1)
    out = cv2.GaussianBlur(out, (0, 0), rng.uniform(0.7, 5))
    out = out / (out.max() + 1e-6) * rng.uniform(150, 700) + rng.uniform(0, 40)
    return 255 - out if rng.random() < 0.3 else out


PROCEDURAL: tuple[tuple[Callable[[Rng, int], np.ndarray], float], ...] = (
    (_flat, 0.14), (_gradient, 0.05), (_noise, 0.1), (_speckle, 0.1), (_body, 0.05), (_fan, 0.1),
    (_panels, 0.12), (_blocks, 0.05), (_mosaic, 0.03), (_anatomy, 0.2), (_spots, 0.06),
    (_mottle, 0.24),
)  # fmt: skip


def _procedural(rng: Rng, side: int) -> np.ndarray:
    shares = np.array([share for _, share in PROCEDURAL])
    make = PROCEDURAL[int(rng.choice(len(PROCEDURAL), p=shares / shares.sum()))][0]
    return make(rng, side).astype(np.float32)


def _cutting(
    rng: Rng, frame: np.ndarray, side: int, near: tuple[int, int] | None = None
) -> np.ndarray:
    """A square of a frame, often at its own size; the ground or edges go on where it ends.

    ``near`` (row, column) is a place that it should show.
    """
    rows, columns = frame.shape
    chance = rng.random(4)
    if chance[0] < (0.7 if near else 0.45):
        zoom = 1.0
    else:
        zoom = float(np.exp(rng.uniform(math.log(0.35), math.log(2.5))))
    zoom = max(zoom, 40 / min(frame.shape))
    if zoom < 0.75:
        frame = cv2.resize(frame, None, fx=zoom, fy=zoom, interpolation=cv2.INTER_AREA)
        middle = np.array(frame.shape[::-1]) / 2
        scale = 1.0
    else:
        middle, scale = np.array([columns, rows]) / 2, zoom
    if near:
        middle = np.array([near[1], near[0]]) * (zoom / scale)
        middle = middle + rng.uniform(-0.35, 0.35, 2) * side / scale
    else:
        spare = np.abs(np.array(frame.shape[::-1]) - side / scale) / 2
        middle = middle + rng.uniform(-1, 1, 2) * spare
    angle = float(rng.uniform(-180, 180)) if chance[1] < 0.25 else 0.0
    wide = float(rng.uniform(0.8, 1.25)) if chance[1] < 0.25 else 1.0
    matrix = cv2.getRotationMatrix2D((float(middle[0]), float(middle[1])), angle, scale)
    matrix[0] *= wide
    # the same place, turned and enlarged, comes to the middle
    matrix[:, 2] += side / 2 - matrix @ np.array([*middle, 1.0])
    if not angle and scale == 1.0 and wide == 1.0:
        matrix[:, 2] = np.round(matrix[:, 2])
    fill = float(rng.choice([0, 0, 0, frame.flat[0], 255]))
    border = cv2.BORDER_CONSTANT if chance[2] < 0.7 else cv2.BORDER_REPLICATE
    how = cv2.INTER_LINEAR if chance[3] < 0.85 else cv2.INTER_NEAREST
    out = cv2.warpAffine(
        frame, matrix, (side, side), flags=how, borderMode=border, borderValue=fill
    )
    out = out.astype(np.float32)
    if rng.random() < 0.5:
        out = out[:, ::-1]
    if rng.random() < 0.15:
        out = out[::-1]
    return out


def _toned(rng: Rng, picture: np.ndarray) -> np.ndarray:
    """Gamma, window, inversion."""
    if rng.random() < 0.5:
        picture = 255 * (np.clip(picture, 0, 255) / 255) ** math.exp(rng.uniform(-0.9, 0.9))
    if rng.random() < 0.4:
        low, high = np.sort(rng.uniform(0, 255, 2))
        picture = np.clip(picture, 0, 255) / 255 * (high - low) + low
    elif rng.random() < 0.2:
        centre, width = rng.uniform(40, 200), rng.uniform(40, 250)
        picture = (picture - centre + width / 2) / width * 255
    if rng.random() < 0.3:
        picture = 255 - picture
    return np.clip(picture, 0, 255).astype(np.float32)


def _grainy(rng: Rng, picture: np.ndarray) -> np.ndarray:
    """Noise of weak signals: Rician, as of magnitudes (Gudbjartsson 1995), or speckle."""
    strength = float(np.exp(rng.uniform(math.log(3), math.log(40))))
    across, down = rng.uniform(0.3, 1.6, 2)
    grains = rng.normal(0, 1, (2, *picture.shape)).astype(np.float32)
    real, imaginary = (cv2.GaussianBlur(one, (0, 0), across, sigmaY=down) for one in grains)
    unit = strength / (real.std() + 1e-6)
    if rng.random() < 0.7:
        return np.hypot(picture + unit * real, unit * imaginary)
    return np.asarray(picture * np.exp(unit / 60 * real))


def background(
    rng: Rng,
    frames: Sequence[np.ndarray],
    recipe: Recipe,
    mined: Sequence[tuple[int, int, int]] = (),
) -> np.ndarray:
    """A text-free picture, float32 0..255 (side, side).

    ``mined`` are places, (frame number, row, column), that were taken for text before.
    """
    side = recipe.side
    kind = rng.random()
    if not frames or kind < recipe.procedural_share:
        out = _procedural(rng, side)
    elif mined and kind < recipe.procedural_share + recipe.mined_share:
        number, row, column = mined[int(rng.integers(len(mined)))]
        out = np.ascontiguousarray(_cutting(rng, frames[number], side, (row, column)))
        if rng.random() < recipe.grain_share / 2:
            out = _grainy(rng, out)
        return out if rng.random() < 0.5 else _toned(rng, out)
    else:
        out = _cutting(rng, frames[int(rng.integers(len(frames)))], side)
        if rng.random() < recipe.grain_share:
            out = _grainy(rng, out)
    if rng.random() < 0.1:  # two kinds side by side
        other, cut = _procedural(rng, side), int(rng.integers(20, side - 20))
        part = np.s_[:cut] if rng.random() < 0.5 else np.s_[:, :cut]
        out = out.copy()
        out[part] = other[part]
    return _toned(rng, out)


# ------------------------------------------------------------------ things like text


def _ruler(rng: Rng, picture: np.ndarray, level: float) -> None:
    side = picture.shape[0]
    at, pitch = int(rng.integers(2, side - 2)), float(rng.uniform(3, 30))
    major, length = int(rng.choice([0, 2, 5, 10])), int(rng.integers(2, 9))
    start, stop = sorted(rng.uniform(0, side, 2))
    upright, centred = rng.random() < 0.6, rng.random() < 0.3
    for number, place in enumerate(np.arange(start, stop, pitch)):
        reach = length * (2 if major and number % major == 0 else 1)
        near, far = (at - reach, at + reach) if centred else (at, at + reach)
        first, last = (near, int(place)), (far, int(place))
        if not upright:
            first, last = first[::-1], last[::-1]
        cv2.line(picture, first, last, level, int(rng.choice([1, 1, 2])))
    if rng.random() < 0.5:
        ends = ((at, int(start)), (at, int(stop)))
        if not upright:
            ends = (ends[0][::-1], ends[1][::-1])
        cv2.line(picture, *ends, level, 1)


def _dots(rng: Rng, picture: np.ndarray, level: float) -> None:
    """Rows of points, calcifications, clips."""
    side, radius = picture.shape[0], int(rng.integers(0, 4))
    if rng.random() < 0.5:
        start, step = rng.uniform(0, side, 2), rng.normal(0, 10, 2)
        places = start + np.outer(np.arange(rng.integers(3, 25)), step)
    else:
        places = rng.uniform(0, side, 2) + rng.normal(
            0, rng.uniform(5, 60), (rng.integers(3, 40), 2)
        )
    for column, row in places.astype(int):
        cv2.circle(picture, (int(column), int(row)), radius, level, -1)


def _grid(rng: Rng, picture: np.ndarray, level: float) -> None:
    """Lines across and down, at even or uneven steps."""
    side, pitch = picture.shape[0], int(rng.integers(6, 80))
    top, left = rng.integers(0, side, 2)
    weight = int(rng.choice([1, 1, 1, 2, 3]))
    rows, columns = (np.arange(count + 1.0) * pitch for count in rng.integers(1, 9, 2))
    if rng.random() < 0.3:
        rows, columns = (
            steps + rng.uniform(-0.45, 0.45, len(steps)) * pitch for steps in (rows, columns)
        )
    bottom, right = int(top + rows[-1]), int(left + columns[-1])
    for row in (top + rows).astype(int):
        cv2.line(picture, (int(left), int(row)), (right, int(row)), level, weight)
    if rng.random() < 0.7:
        for column in (left + columns).astype(int):
            cv2.line(picture, (int(column), int(top)), (int(column), bottom), level, weight)


def _calliper(rng: Rng, picture: np.ndarray, level: float) -> None:
    """Crosses joined by a dotted line; the crosses are wide, a text '+' is small."""
    side, ends = picture.shape[0], rng.uniform(0, picture.shape[0], (2, 2))
    arm = int(rng.integers(5, 14))
    for column, row in ends.astype(int):
        cv2.line(picture, (int(column) - arm, int(row)), (int(column) + arm, int(row)), level, 1)
        cv2.line(picture, (int(column), int(row) - arm), (int(column), int(row) + arm), level, 1)
    for share in np.arange(0, 1, max(0.02, 5 / side)):
        column, row = (ends[0] + share * (ends[1] - ends[0])).astype(int)
        cv2.circle(picture, (int(column), int(row)), 0, level, -1)


def _bar(rng: Rng, picture: np.ndarray, level: float) -> None:
    """A grey or colour bar, with or without border and marks at its steps."""
    side = picture.shape[0]
    rows, columns = int(rng.integers(40, side)), int(rng.integers(5, 24))
    if rng.random() < 0.3:
        columns = int(rng.integers(24, 64))
    ramp = np.repeat(
        np.linspace(rng.uniform(0, 255), rng.uniform(0, 255), rows)[:, None], columns, 1
    )
    if rng.random() < 0.4:
        ramp = np.floor(ramp / 25) * 25
    if rng.random() < 0.4:
        ramp = ramp.T
    rows, columns = ramp.shape
    top, left = int(rng.integers(0, side - rows + 1)), int(rng.integers(0, side - columns + 1))
    picture[top : top + rows, left : left + columns] = ramp
    if rng.random() < 0.5:
        cv2.rectangle(picture, (left, top), (left + columns, top + rows), level, 1)
    if rng.random() < 0.4 and rows > columns:
        reach = int(rng.integers(2, 9))
        for row in np.arange(top, top + rows, rng.uniform(6, 40)).astype(int):
            cv2.line(picture, (left + columns, int(row)), (left + columns + reach, int(row)), level)


def _curve(rng: Rng, picture: np.ndarray, level: float) -> None:
    """An ECG, a flow trace, or a fan's outline."""
    side = picture.shape[0]
    if rng.random() < 0.4:
        apex = (int(rng.uniform(0, side)), int(rng.uniform(-side, side)))
        radius = int(rng.uniform(0.1, 1.5) * side)
        start = rng.uniform(0, 360)
        cv2.ellipse(
            picture, apex, (radius, radius), 0, start, start + rng.uniform(20, 200), level, 1
        )
        return
    columns = np.arange(0, side, 2)
    period, height = rng.uniform(20, 90), rng.uniform(5, 50)
    phase = (columns % period) / period
    beat = np.exp(-((phase - 0.5) ** 2) / 0.001) - 0.25 * np.exp(-((phase - 0.56) ** 2) / 0.001)
    beat += 0.2 * np.exp(-((phase - 0.75) ** 2) / 0.004) + rng.normal(0, 0.02, len(columns))
    rows = rng.uniform(0.1, 0.95) * side - height * beat
    points = np.stack([columns, rows], 1).astype(np.int32)
    cv2.polylines(picture, [points], False, level, int(rng.choice([1, 1, 2])), cv2.LINE_AA)


def _strokes(rng: Rng, picture: np.ndarray, level: float) -> None:
    """Needles, wires, arrows, box frames, triangles."""
    side = picture.shape[0]
    for _ in range(int(rng.integers(1, 6))):
        kind, (column, row) = int(rng.integers(5)), rng.integers(0, side, 2)
        across, down = rng.integers(-60, 61, 2)
        start, end = (int(column), int(row)), (int(column + across), int(row + down))
        weight = int(rng.choice([1, 1, 2, 3]))
        if kind == 0:
            cv2.line(picture, start, end, level, weight, cv2.LINE_AA)
        elif kind == 1:
            cv2.rectangle(picture, start, end, level, weight)
        elif kind == 2:
            cv2.arrowedLine(picture, start, end, level, weight, cv2.LINE_AA)
        elif kind == 3:
            size = int(rng.integers(3, 12))
            corners = np.array([[0, 0], [size, size // 2], [0, size]]) + np.array(start)
            cv2.fillPoly(picture, [corners.astype(np.int32)], level)
        else:
            cv2.circle(picture, start, int(rng.integers(6, 40)), level, weight, cv2.LINE_AA)


def _marks(rng: Rng, picture: np.ndarray, level: float) -> None:
    """One sign several times, in rows or anywhere: fiducials, electrodes, clips, plot symbols."""
    side = picture.shape[0]
    size, weight = int(rng.integers(3, 26)), int(rng.choice([-1, 1, 1, 2, 3]))
    kind, turn = int(rng.integers(6)), float(rng.uniform(0, 360))
    start, steps = rng.uniform(0, side / 2, 2), rng.uniform(2.5 * size, side / 2 + 3 * size, 2)
    rows, columns = rng.integers(1, 6, 2)
    for number in range(int(rows * columns)):
        place = start + steps * divmod(number, int(columns))
        if kind > 3:  # anywhere
            place, turn = rng.uniform(0, side, 2), float(rng.uniform(0, 360))
        at = (int(place[1]), int(place[0]))
        if kind == 0:
            cv2.circle(picture, at, size, level, weight, cv2.LINE_AA)
            if weight > 0:
                cv2.circle(picture, at, 1, level, -1)
        elif kind == 1:
            cv2.rectangle(picture, at, (at[0] + size, at[1] + size), level, weight)
        elif kind == 2:
            shape = int(rng.choice([cv2.MARKER_TILTED_CROSS, cv2.MARKER_DIAMOND, cv2.MARKER_STAR]))
            cv2.drawMarker(picture, at, level, shape, 2 * size, max(1, weight), cv2.LINE_AA)
        elif kind == 3:  # pointers, as along a depth scale
            corners = np.array([[0, 0], [size, size / 2], [size, -size / 2]])
            way = np.array([[1, 0], [0, 1]]) if turn < 180 else np.array([[0, 1], [1, 0]])
            corners = (np.array(at) + (corners if turn % 180 < 90 else -corners) @ way).astype(int)
            if weight < 0:
                cv2.fillPoly(picture, [corners], level)
            else:
                cv2.polylines(picture, [corners], True, level, weight, cv2.LINE_AA)
        else:  # an open or closed loop
            end = turn + float(rng.uniform(180, 400))
            axes = (size, max(1, round(size * rng.uniform(0.2, 0.9))))
            cv2.ellipse(picture, at, axes, turn, turn, end, level, max(1, weight), cv2.LINE_AA)


def _cable(rng: Rng, picture: np.ndarray, level: float) -> None:
    """A lead, catheter or wire, half transparent, often with an electrode or clip at its end."""
    side, steps = picture.shape[0], int(rng.integers(20, 120))
    turns = np.cumsum(rng.normal(0, rng.uniform(0.02, 0.4), steps)) + rng.uniform(0, 2 * math.pi)
    ways = np.stack([np.cos(turns), np.sin(turns)], 1) * rng.uniform(2, 8)
    points = np.round((rng.uniform(0, side, 2) + np.cumsum(ways, 0)) * 16).astype(np.int32)
    cover, thick = np.zeros(picture.shape, np.uint8), int(rng.integers(1, 8))
    cv2.polylines(cover, [points], False, 255, thick, cv2.LINE_AA, 4)
    if thick > 3 and rng.random() < 0.5:  # a tube
        cv2.polylines(cover, [points], False, 90, thick - 2, cv2.LINE_AA, 4)
    if rng.random() < 0.6:
        end = (int(points[-1, 0]), int(points[-1, 1]))
        axes = (int(rng.integers(2, 15)) * 16, int(rng.integers(2, 15)) * 16)
        weight = -1 if rng.random() < 0.4 else int(rng.integers(1, 4))
        turn = math.degrees(turns[-1])
        cv2.ellipse(cover, end, axes, turn, 0, 360, 255, weight, cv2.LINE_AA, 4)
    picture += cover * (rng.uniform(0.3, 1) / 255) * (level - picture)


def _electrodes(rng: Rng, picture: np.ndarray, level: float) -> None:
    """Snaps of ECG leads, ports, buckles: rings and capsules side by side, half transparent."""
    side, size = picture.shape[0], float(np.exp(rng.uniform(math.log(4), math.log(40))))
    cover = np.zeros(picture.shape, np.uint8)
    for _ in range(int(rng.integers(1, 5))):
        place, turn = rng.uniform(0, side, 2), float(rng.uniform(0, 180))
        across = np.array([-math.sin(math.radians(turn)), math.cos(math.radians(turn))])
        for number in range(int(rng.integers(1, 4))):
            centre = place + number * rng.uniform(0.7, 2.2) * size * across
            at = (int(centre[0] * 16), int(centre[1] * 16))
            thin = 1.0 if rng.random() < 0.4 else float(rng.uniform(0.2, 0.6))
            axes = (int(size * 16), max(16, int(size * thin * 16)))
            weight = -1 if rng.random() < 0.2 else int(rng.integers(1, 2 + int(size / 8)))
            value = int(rng.integers(120, 256))
            cv2.ellipse(cover, at, axes, turn, 0, 360, value, weight, cv2.LINE_AA, 4)
    picture += cover * (rng.uniform(0.4, 1) / 255) * (level - picture)


def _clutter(rng: Rng, picture: np.ndarray, level: float) -> None:
    """Patches of hard-edged noise in a box, as colour Doppler and pixelated faces give."""
    side = picture.shape[0]
    size = min(int(rng.integers(20, max(120, side // 2))), side - 1)
    top, left = rng.integers(0, side - size, 2)
    patch = _blocks(rng, size) if rng.random() < 0.6 else _vessels(rng, size)
    spot = picture[top : top + size, left : left + size]
    wanted = np.full((size, size), rng.uniform(0.3, 0.7))
    if rng.random() < 0.5:  # ever fewer pixels towards the rim
        cell, spread = int(rng.integers(1, 6)), float(rng.uniform(0.05, 0.4))
        doubts = rng.normal(0, spread, (size // cell + 1,) * 2).repeat(cell, 0).repeat(cell, 1)
        wanted += doubts[:size, :size]
    blob = _smooth(rng, size, rng.uniform(6, 60)) > wanted
    spot[blob] = patch[blob]
    if rng.random() < 0.4:
        cv2.rectangle(picture, (left, top), (left + size, top + size), level, 1)


def _vessels(rng: Rng, side: int) -> np.ndarray:
    """Flow in shades that turn over where it is too fast for the scale, in steps."""
    speed = _smooth(rng, side, rng.uniform(4, 40)) * rng.uniform(1, 4) % 1
    steps = int(rng.integers(3, 24))
    shades: np.ndarray = rng.uniform(0, 255, steps).astype(np.float32)
    shades = np.sort(shades) if rng.random() < 0.7 else shades
    return shades[np.minimum((speed * steps).astype(int), steps - 1)]


CLUTTER = (
    _ruler,
    _ruler,
    _dots,
    _grid,
    _calliper,
    _bar,
    _curve,
    _curve,
    _strokes,
    _strokes,
    _marks,
    _clutter,
    _clutter,
    _cable,
    _cable,
    _electrodes,
)


# ------------------------------------------------------------------ text


def _font_size(rng: Rng, recipe: Recipe) -> int:
    low, high = recipe.sizes
    if rng.random() < 0.12:
        return int(rng.uniform(min(45, high), high + 1))
    return round(float(np.exp(rng.uniform(math.log(low), math.log(min(48.0, high))))))


def _face_for(rng: Rng, faces: Sequence[Face], size: int) -> tuple[Face, int]:
    """A font, and the factor by which a bitmap font is enlarged to come near ``size``."""
    face = faces[int(rng.integers(len(faces)))]
    return face, (max(1, round(size / face.size)) if face.size else 1)


def _level(rng: Rng, ground: np.ndarray, faint: bool) -> float:
    """Grey value of letters that can be told from ``ground``."""
    middle, spread = float(np.median(ground)), float(ground.std())
    if faint:
        away = max(rng.uniform(10, 45), rng.uniform(0.9, 2.0) * spread)
    else:
        away = max(rng.uniform(45, 255), rng.uniform(1.5, 4.0) * spread)
    up = rng.random() < (0.75 if middle < 128 else 0.35)
    if middle + away > 255 and middle - away >= 0:
        up = False
    if middle - away < 0 and middle + away <= 255:
        up = True
    return float(np.clip(middle + away if up else middle - away, 0, 255))


def _style(rng: Rng, size: int, ground: np.ndarray, recipe: Recipe) -> Style:
    level = _level(rng, ground, bool(rng.random() < recipe.faint_share))
    contrary = 0.0 if level > 128 else 255.0
    chance = rng.random(8)
    box = None
    if chance[0] < 0.08:
        box = float(np.clip(level + rng.choice([-1, 1]) * rng.uniform(50, 255), 0, 255))
        if abs(box - level) < 40:
            box = contrary
    return Style(
        size=size,
        level=level,
        antialias=bool(chance[1] < 0.7),
        opacity=1.0 if chance[2] < 0.85 else float(rng.uniform(0.5, 1)),
        stretch=1.0 if chance[3] < 0.8 else float(rng.uniform(0.65, 1.5)),
        spacing=0 if chance[4] < 0.88 else int(rng.integers(1, max(2, size // 3))),
        thicken=0 if chance[5] < 0.93 else 1,
        outline=contrary if chance[6] < 0.07 else None,
        shadow=contrary if 0.07 < chance[6] < 0.15 else None,
        box=box,
        box_opacity=1.0 if chance[7] < 0.7 else float(rng.uniform(0.3, 1)),
        frame=level if chance[7] < 0.03 else None,
        soft=0.0 if rng.random() < 0.8 else float(rng.uniform(0.3, 0.03 * size + 0.5)),
    )


def _angle(rng: Rng, recipe: Recipe) -> float:
    chance = rng.random()
    angle = 0.0
    if chance < recipe.vertical_share:
        angle = float(rng.choice([90, 270]))
    elif chance < recipe.vertical_share + 0.02:
        angle = 180.0
    if rng.random() < recipe.slant_share:
        angle += float(rng.uniform(-5, 5)) if rng.random() < 0.85 else float(rng.uniform(-45, 45))
    return angle


def _words(rng: Rng, recipe: Recipe) -> tuple[str, str, Sequence[Face]]:
    if recipe.faces.others and rng.random() < recipe.foreign_share:
        known = [name for name in sorted(recipe.faces.others) for _ in range(OFTENER.get(name, 1))]
        script = known[int(rng.integers(len(known)))]
        return foreign(rng, script), "foreign", recipe.faces.others[script]
    text, kind = wording(rng)
    return text, kind, recipe.faces.latin


def _scatter(rng: Rng, page: Page, recipe: Recipe, size: int) -> None:
    """One line anywhere, often near an edge."""

    text, kind, faces = _words(rng, recipe)
    if size > 40 and rng.random() < 0.7:
        text = text[: int(rng.integers(1, 7))].strip() or "R"
        kind = "single" if len(text) == 1 else kind
    if size > RINGS_PX and len(text) == 1 and text in RINGS:
        text = "ABEFGHKMNRSWXZ2345"[int(rng.integers(18))]
    face, enlarge = _face_for(rng, faces, size)
    rows, columns = page.picture.shape
    for _ in range(4):
        top, left = int(rng.integers(0, rows - 6)), int(rng.integers(0, columns - 6))
        if rng.random() < 0.4:
            top = int(rng.choice([rng.integers(0, 8), rows - size - rng.integers(0, 12)]))
        if rng.random() < 0.3:
            left = int(rng.integers(0, 10))
        top = max(0, top)
        ground = page.picture[top : top + size, left : left + 4 * size]
        style = _style(rng, size, ground if ground.size else page.picture, recipe)
        style = replace(
            style,
            angle=_angle(rng, recipe),
            enlarge=enlarge,
            stacked=bool(rng.random() < 0.03 and len(text) < 12),
            mirrored=bool(rng.random() < 0.02),
        )
        if style.stacked:
            style = replace(style, angle=0.0)
        if style.stacked or style.mirrored:
            kind = "odd"
        if page.put(text, kind, face, style, top, left):
            return
        text = text[: max(1, len(text) * 2 // 3)].strip() or "L"
        if len(text) == 1:
            kind = "single"


def _block(rng: Rng, page: Page, recipe: Recipe, size: int) -> None:
    """Rows of one font below each other, as in a corner of a scanner screen."""

    size = min(size, 40)
    face, enlarge = _face_for(rng, recipe.faces.latin, size)
    rows, width = page.picture.shape
    top, left = int(rng.integers(0, rows // 2)), int(rng.integers(0, width // 2))
    if rng.random() < 0.5:
        top = int(rng.integers(0, 12))
    if rng.random() < 0.5:
        left = int(rng.integers(0, 8))
    ground = page.picture[top : top + 4 * size, left : left + 6 * size]
    style = replace(_style(rng, size, ground, recipe), enlarge=enlarge, box=None, frame=None)
    pitch = rng.uniform(1.02, 1.9)
    right = int(rng.integers(left + 40, width)) if left + 40 < width else width
    columns = 2 if rng.random() < 0.25 else 1
    for _ in range(int(rng.integers(2, 11))):
        reached = 0
        at = left
        for _ in range(columns):
            text, kind = wording(rng)
            drawn = None
            while text and drawn is None:
                drawn = page.put(text, kind, face, style, top, at)
                if drawn is None and len(text) < 4:
                    break
                text = text[: len(text) * 2 // 3].strip()
            if drawn:
                reached = max(reached, drawn[0])
                at = max(right, at + drawn[1] + 2 * size)
        top += round(max(reached, (face.size or size) * enlarge * 0.75) * pitch) + 2
        if top > rows - 6:
            return


def _scale_numbers(rng: Rng, page: Page, recipe: Recipe, size: int) -> None:
    """Numbers beside a ruler."""

    size = min(size, 20)
    face, enlarge = _face_for(rng, recipe.faces.latin, size)
    rows, columns = page.picture.shape
    left, pitch = int(rng.integers(8, columns - 20)), int(rng.integers(18, 60))
    top, value, step = (
        int(rng.integers(0, 30)),
        int(rng.integers(-50, 50)),
        int(rng.integers(1, 50)),
    )
    style = replace(
        _style(rng, size, page.picture[:, left : left + size], recipe), enlarge=enlarge, box=None
    )
    while top < rows - size:
        cv2.line(
            page.picture, (left - 6, top + size // 2), (left - 3, top + size // 2), style.level, 1
        )
        page.put(str(value), "number", face, style, top, left)
        top, value = top + pitch, value + step


def _lone(rng: Rng, page: Page, recipe: Recipe) -> None:
    """Letters and digits that stand alone, as markers do."""
    rows, columns = page.picture.shape
    for _ in range(int(rng.integers(1, 8))):
        size = round(float(np.exp(rng.uniform(math.log(recipe.sizes[0] + 1), math.log(60)))))
        text = LONE[int(rng.integers(len(LONE)))]
        face, enlarge = _face_for(rng, recipe.faces.latin, size)
        top = int(rng.integers(0, max(1, rows - size)))
        left = int(rng.integers(0, max(1, columns - size)))
        ground = page.picture[top : top + size, left : left + size]
        style = replace(_style(rng, size, ground, recipe), angle=_angle(rng, recipe))
        page.put(text, "single", face, replace(style, enlarge=enlarge), top, left)


def write(rng: Rng, page: Page, recipe: Recipe) -> None:
    """Write lines on a page in one of several layouts, more on a large one."""
    for _ in range(int(rng.integers(1, 2 + max(2, min(page.picture.shape) // 128)))):
        size, chance = _font_size(rng, recipe), rng.random()
        if chance > 1 - recipe.lone_share:
            _lone(rng, page, recipe)
        elif chance < 0.32:
            _block(rng, page, recipe, size)
        elif chance < 0.38:
            _scale_numbers(rng, page, recipe, size)
        else:
            for _ in range(int(rng.integers(1, 5))):
                _scatter(rng, page, recipe, size if rng.random() < 0.5 else _font_size(rng, recipe))


def _full_page(rng: Rng, page: Page, recipe: Recipe) -> None:
    """Fill a page with lines of all sizes, so that much can be read from one."""
    side, top = page.picture.shape[0], int(rng.integers(0, 8))
    while top < side - 8:
        size = round(float(np.exp(rng.uniform(math.log(8), math.log(48)))))
        face, enlarge = _face_for(rng, recipe.faces.latin, size)
        left, reached = int(rng.integers(0, 12)), 0
        while left < side - size:
            text, kind = wording(rng)
            text = " ".join(text.split())[:READ_LETTERS].strip()
            ground = page.picture[top : top + size, left : left + 4 * size]
            style = replace(_style(rng, size, ground, recipe), enlarge=enlarge)
            if rng.random() < recipe.slant_share:
                style = replace(style, angle=float(rng.uniform(-3, 3)))
            drawn = None
            while text and drawn is None:
                drawn = page.put(text, kind, face, style, top, left)
                if drawn is None:
                    text = text[: len(text) * 3 // 4].strip()
            if drawn is None:
                break
            reached = max(reached, drawn[0])
            left += drawn[1] + 8 + int(rng.integers(0, 2 * size))
        top += reached + 7 + int(rng.integers(0, size))


def full_page(rng: Rng, frames: Sequence[np.ndarray], recipe: Recipe) -> Scene:
    """Make a page of ``recipe.side`` pixels that is full of lines to read."""
    page = Page(background(rng, frames, recipe))
    _full_page(rng, page, recipe)
    worn = _worn(rng, page.picture, recipe)
    return Scene(_shown(rng, worn, recipe), page.owner, tuple(page.lines))


# ------------------------------------------------------------------ the whole scene


def _worn(rng: Rng, picture: np.ndarray, recipe: Recipe) -> np.ndarray:
    """Blur, noise, compression: what happens to text together with its frame."""
    chance = rng.random(4)
    if chance[0] < 0.25:
        picture = cv2.GaussianBlur(picture, (0, 0), rng.uniform(0.3, 1.1))
    if chance[1] < 0.3:
        picture = picture + rng.normal(0, rng.uniform(1, 12), picture.shape)
    out = np.clip(np.rint(picture), 0, 255).astype(np.uint8)
    if chance[2] < 0.3:
        quality = int(rng.integers(*recipe.jpeg))
        _, coded = cv2.imencode(".jpg", out, [cv2.IMWRITE_JPEG_QUALITY, quality])
        out = cv2.imdecode(coded, cv2.IMREAD_GRAYSCALE)
    if chance[3] < 0.1:
        out = 255 - out
    return out


def _dithered(rng: Rng, picture: np.ndarray) -> np.ndarray:
    """Fractions of a step, float 0..255, that eight bits have lost; even ground stays even."""
    square = np.ones((3, 3), np.uint8)
    uneven = cv2.dilate(picture, square) > cv2.erode(picture, square)
    return np.clip(picture + uneven * rng.uniform(-0.5, 0.5, picture.shape), 0, 255)


def _shown(rng: Rng, picture: np.ndarray, recipe: Recipe) -> np.ndarray:
    """The pair of pictures, (2, rows, columns), that the detector is shown of a frame.

    Some frames are stored with more depth than a screen shows: text may stand a few steps above
    its ground, where only the spread picture shows it. Some pairs are one picture twice.
    """
    stored, bits = picture, 8
    chance = rng.random(2)
    if chance[0] < recipe.deep_share / 2:  # eight bits, of which a few are used
        share = float(np.exp(rng.uniform(math.log(0.02), math.log(0.5))))
        stored = np.rint(rng.uniform(0, 255 * (1 - share)) + share * picture).astype(np.uint8)
    elif chance[0] < recipe.deep_share:  # sixteen, dark or bright ones pressed together
        bits, power = 16, float(np.exp(rng.uniform(math.log(0.3), math.log(5))))
        top = float(rng.choice([1023, 4095, 65535]))
        fine = _dithered(rng, picture) if rng.random() < 0.5 else picture
        stored = np.rint((fine / 255.0) ** power * top).astype(np.uint16)
    found = views(stored, bits_stored=bits)
    if chance[1] < recipe.alike_share:
        return found[[0, 0]] if chance[1] < recipe.alike_share / 2 else found[[-1, -1]]
    return found[[0, -1]]


def _cluttered(rng: Rng, picture: np.ndarray) -> np.ndarray:
    for _ in range(int(rng.integers(1, 2 + picture.shape[0] // 128))):
        level = _level(rng, picture, bool(rng.random() < 0.2))
        CLUTTER[int(rng.integers(len(CLUTTER)))](rng, picture, level)
    return picture


def made_frames(rng: Rng, count: int, recipe: Recipe) -> list[np.ndarray]:
    """Frames that hold no text, uint8 of different sizes: procedural grounds and clutter."""
    made = []
    for _ in range(count):
        side = int(rng.choice([256, 384, 512, 768]))
        picture = _procedural(rng, side)
        if rng.random() < 0.8:
            picture = _cluttered(rng, picture)
        picture = _worn(rng, picture, recipe)
        if rng.random() < 0.15:  # a small frame, enlarged for the screen
            small = cv2.resize(picture, None, fx=0.25, fy=0.25, interpolation=cv2.INTER_AREA)
            how = cv2.INTER_NEAREST if rng.random() < 0.5 else cv2.INTER_CUBIC
            picture = cv2.resize(small, (side, side), interpolation=how)
        made.append(picture)
    return made


def _small(
    rng: Rng, picture: np.ndarray, owner: np.ndarray, lines: list[Line]
) -> tuple[np.ndarray, np.ndarray, list[Line]]:
    """A small frame as the detector sees it: its edges go on below and beside it."""
    side = picture.shape[0]
    rows, columns = (int(one) for one in rng.integers(side // 4, side + 1, 2))
    spare = ((0, side - rows), (0, side - columns))
    inside = [
        replace(line, quad=np.minimum(line.quad, np.array([columns, rows]))) for line in lines
    ]
    return (
        np.pad(picture[:rows, :columns], spare, mode="edge"),
        np.pad(owner[:rows, :columns], spare),
        inside,
    )


def scene(
    rng: Rng,
    frames: Sequence[np.ndarray],
    recipe: Recipe,
    mined: Sequence[tuple[int, int, int]] = (),
) -> Scene:
    """Make one scene of ``recipe.side`` pixels; ``frames`` are uint8 (rows, columns)."""
    picture = background(rng, frames, recipe, mined)
    if rng.random() < recipe.clutter_share:
        picture = _cluttered(rng, picture)
    page = Page(picture)
    if rng.random() < recipe.text_share:
        write(rng, page, recipe)
    out, owner, lines = _worn(rng, page.picture, recipe), page.owner, page.lines
    if rng.random() < recipe.turned_page_share:
        out, owner, lines = _turned_page(out, owner, lines, int(rng.choice([1, 3])))
    if rng.random() < recipe.small_share:
        out, owner, lines = _small(rng, out, owner, lines)
    pictures = _shown(rng, np.ascontiguousarray(out), recipe)
    return Scene(pictures, np.ascontiguousarray(owner), tuple(lines))


def _turned_page(
    picture: np.ndarray, owner: np.ndarray, lines: list[Line], turns: int
) -> tuple[np.ndarray, np.ndarray, list[Line]]:
    side = picture.shape[0]
    turned = []
    for line in lines:
        quad = line.quad
        for _ in range(turns):
            quad = np.stack([quad[:, 1], side - quad[:, 0]], 1)
        angle = (line.angle + 90 * turns) % 360
        turned.append(Line(line.text, line.kind, quad, line.height, angle))
    return np.rot90(picture, turns), np.rot90(owner, turns), turned
