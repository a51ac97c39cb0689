"""Pictures without text for the benchmark: anatomy, made grounds, and things that are no text.

Grounds are float32 (rows, columns, channels), 0..255, one channel or three (red, green, blue).
"""

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from unburn.glyphs import pen

Rng = np.random.Generator


@dataclass(frozen=True)
class Source:
    """A text-free frame, uint8 (rows, columns), what made it (CT, MR, US ...), and of whom it is.

    ``group`` is a patient, or a series where no patient is known.
    """

    picture: np.ndarray
    modality: str
    group: str = ""


# ------------------------------------------------------------------ made grounds


def _blur(rng: Rng, rows: int, columns: int, grain: float) -> np.ndarray:
    """Smooth noise with a deviation of 1 and structures of about ``grain`` pixels."""
    few = (max(2, round(columns / grain)), max(2, round(rows / grain)))
    small = rng.normal(0, 1, few[::-1]).astype(np.float32)
    field = cv2.resize(small, (columns, rows), interpolation=cv2.INTER_CUBIC)
    return field / max(1e-6, float(field.std()))


def _ellipse(
    rows: int, columns: int, centre: np.ndarray, axes: np.ndarray, turn: float
) -> np.ndarray:
    """Distance from the centre in half axes, float32 (rows, columns)."""
    y, x = np.mgrid[:rows, :columns].astype(np.float32)
    x, y = x - centre[0], y - centre[1]
    c, s = np.cos(turn), np.sin(turn)
    return np.hypot((x * c + y * s) / axes[0], (y * c - x * s) / axes[1])


def _slice(rng: Rng, rows: int, columns: int) -> np.ndarray:
    """A body in cross section: a bright ring, organs, noise."""
    middle = np.array([columns, rows]) / 2
    body = _ellipse(rows, columns, middle, middle * rng.uniform(0.6, 0.9, 2), 0)
    picture = np.where(body < 1, 90 + 8 * _blur(rng, rows, columns, max(8, rows / 20)), 0)
    picture[(body > 0.9) & (body < 1)] = rng.uniform(150, 230)
    for _ in range(int(rng.integers(4, 12))):
        centre = middle + rng.uniform(-0.5, 0.5, 2) * middle
        organ = _ellipse(
            rows, columns, centre, middle * rng.uniform(0.04, 0.3, 2), rng.uniform(0, np.pi)
        )
        picture[(organ < 1) & (body < 0.9)] = rng.uniform(20, 230)
    return picture + rng.normal(0, rng.uniform(1, 9), picture.shape)


def _uptake(rng: Rng, rows: int, columns: int) -> np.ndarray:
    """Emission: hot spots in a noisy body, dark on bright or bright on dark."""
    middle = np.array([columns, rows]) / 2
    body = _ellipse(rows, columns, middle, middle * rng.uniform(0.4, 0.8, 2), 0)
    picture = 40 * np.exp(-(body**4))
    for _ in range(int(rng.integers(3, 9))):
        centre = middle + rng.uniform(-0.5, 0.5, 2) * middle
        spot = _ellipse(rows, columns, centre, middle * rng.uniform(0.03, 0.2, 2), 0)
        picture = picture + rng.uniform(60, 250) * np.exp(-(spot**2))
    grain = max(1.0, rows / 128)
    picture = picture + 0.12 * picture * _blur(rng, rows, columns, 2 * grain)
    return 255 - picture if rng.random() < 0.5 else picture


def _fan(rng: Rng, rows: int, columns: int) -> np.ndarray:
    """Ultrasound: speckle in a sector on black."""
    y, x = np.mgrid[:rows, :columns].astype(np.float32)
    x, y = x - columns * rng.uniform(0.4, 0.6), y + rows * rng.uniform(0.0, 0.1)
    radius, angle = np.hypot(x, y) / rows, np.arctan2(x, y)
    inside = (np.abs(angle) < rng.uniform(0.5, 0.8)) & (radius > 0.15) & (radius < 1.0)
    speckle = np.hypot(_blur(rng, rows, columns, 3), _blur(rng, rows, columns, 3))
    tissue = 60 + 35 * _blur(rng, rows, columns, max(6, rows / 12))
    return np.where(inside, np.clip(tissue, 5, 200) * speckle, 0)


def _projection(rng: Rng, rows: int, columns: int) -> np.ndarray:
    """A radiograph or angiogram: soft masses, ribs or vessels, quantum noise."""
    picture = 120 + 45 * _blur(rng, rows, columns, max(16, rows / 4))
    sheet = np.zeros((rows, columns), np.uint8)
    for _ in range(int(rng.integers(3, 10))):
        steps = np.cumsum(rng.normal(0, 1, (9, 2)), 0) * rows / 12 + rng.uniform(0, rows, 2)
        pen(sheet, steps, max(1, round(rows * rng.uniform(0.004, 0.03))), True)
    soft = cv2.GaussianBlur(sheet.astype(np.float32), (0, 0), max(0.8, rows / 300))
    picture = picture + rng.choice([-1, 1]) * rng.uniform(0.15, 0.4) * soft
    return picture + rng.normal(0, rng.uniform(1, 6), picture.shape)


def _breast(rng: Rng, rows: int, columns: int) -> np.ndarray:
    """Mammogram: a half disc of threads on black."""
    shape = _ellipse(
        rows, columns, np.array([0.0, rows / 2]), np.array([columns * 0.75, rows * 0.45]), 0
    )
    threads = sum(_blur(rng, rows, columns, max(3, rows / 2**k)) * 2.0 / k for k in range(2, 7))
    return np.where(shape < 1, 110 + 22 * threads * (1 - shape**4), 3) + rng.normal(
        0, 2, (rows, columns)
    )


def _inside(rng: Rng, rows: int, columns: int) -> np.ndarray:
    """Endoscopy: red folds in a round picture on black; (rows, columns, 3)."""
    folds = _blur(rng, rows, columns, max(8, rows / 7)) + 0.3 * _blur(rng, rows, columns, 6)
    light = 170 + 35 * folds
    colour = np.stack([light, light * 0.5 + 10 * folds, light * 0.42], 2)
    middle = np.array([columns, rows]) / 2
    glints = _blur(rng, rows, columns, max(4, rows / 40)) > 2.6
    colour[glints] = 250
    colour[_ellipse(rows, columns, middle, middle * 0.95, 0) > 1] = 8
    return colour


def _screen(rng: Rng, rows: int, columns: int) -> np.ndarray:
    """The empty ground of a capture, even or with panels."""
    picture = np.full((rows, columns), rng.choice([0, 12, 40, 128, 200, 240, 255]), np.float32)
    for _ in range(int(rng.integers(0, 4))):
        top, left = rng.integers(0, rows), rng.integers(0, columns)
        spot = np.s_[
            top : top + rng.integers(8, rows + 8), left : left + rng.integers(8, columns + 8)
        ]
        picture[spot] += rng.uniform(-40, 40)
    return picture


MADE = {
    "CT": _slice, "MR": _slice, "PT": _uptake, "NM": _uptake, "US": _fan, "CR/DX": _projection,
    "XA": _projection, "MG": _breast, "ES": _inside, "SC": _screen,
}  # fmt: skip


def ground(
    rng: Rng, sources: Sequence[Source], modality: str, rows: int, columns: int, channels: int
) -> tuple[np.ndarray, bool]:
    """A text-free picture, and whether it is a true frame and not a made one.

    A true frame is cut, mirrored, fitted and given fine noise, so that enlarged ones are not
    smoother than frames of that size are; some stand in a black surround.
    """
    known = [source.picture for source in sources if source.modality == modality]
    if not known:
        picture = MADE[modality](rng, rows, columns)
        picture = np.clip(picture, 0, 255).astype(np.float32)
        return np.dstack([picture] * channels) if picture.ndim == 2 else picture[
            ..., :channels
        ], False
    frame = known[int(rng.integers(len(known)))]
    if rng.random() < 0.5:
        frame = frame[:, ::-1]
    high, wide = (round(side * rng.uniform(0.75, 1.0)) for side in frame.shape)
    top, left = (
        int(rng.integers(0, a - b + 1)) for a, b in zip(frame.shape, (high, wide), strict=True)
    )
    frame = np.ascontiguousarray(frame[top : top + high, left : left + wide])
    inner = 1.0 if modality == "CR/DX" or rng.random() < 0.5 else rng.uniform(0.6, 0.9)
    picture = np.zeros((rows, columns), np.float32)
    scale = min(inner * rows / high, inner * columns / wide)
    if inner == 1.0:
        scale = max(rows / high, columns / wide)
    how = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
    fitted = cv2.resize(
        frame, (round(wide * scale) + 1, round(high * scale) + 1), interpolation=how
    )
    fitted = fitted[:rows, :columns].astype(np.float32)
    if scale > 1.2:
        noise = rng.normal(0, rng.uniform(1, 4), fitted.shape) * np.clip(fitted / 40, 0, 1)
        fitted = fitted + noise.astype(np.float32)
    top, left = (rows - fitted.shape[0]) // 2, (columns - fitted.shape[1]) // 2
    picture[top : top + fitted.shape[0], left : left + fitted.shape[1]] = fitted
    if rng.random() < 0.25:
        picture = 255 * (np.clip(picture, 0, 255) / 255) ** np.float32(rng.uniform(0.6, 1.6))
    return np.dstack([np.clip(picture, 0, 255)] * channels), True


# ------------------------------------------------------------------ things that are no text


def _shade(rng: Rng, picture: np.ndarray) -> np.ndarray:
    """A grey value or colour that is seen on most of a picture."""
    channels = picture.shape[2]
    level = 255.0 if float(np.median(picture)) < 128 or rng.random() < 0.2 else 0.0
    shade = np.full(channels, level + (-1 if level else 1) * rng.uniform(0, 90), np.float32)
    if channels == 3 and rng.random() < 0.6:
        shade = shade * rng.choice([0.3, 1.0], 3)
    return shade


def _stroke(picture: np.ndarray, points: np.ndarray, shade: np.ndarray, breadth: int = 1) -> None:
    cover = np.zeros(picture.shape[:2], np.uint8)
    pen(cover, np.asarray(points, float), breadth, True)
    laid(picture, cover.astype(np.float32) / 255, shade)


def laid(picture: np.ndarray, coverage: np.ndarray, shade: np.ndarray | float) -> None:
    """Lay a shade over a picture, in place, as far as each pixel is covered."""
    picture += coverage[..., None] * (np.float32(shade) - picture)


def _unit(picture: np.ndarray) -> float:
    """Size that things on a picture go by: 1 for 512 pixels; it grows less than the picture."""
    return max(0.35, (min(picture.shape[:2]) / 512) ** 0.7)


def _span(rng: Rng, picture: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Start and end of an upright or level line."""
    rows, columns = picture.shape[:2]
    along = int(rng.integers(2))
    start, end = rng.uniform(0.05, 0.3), rng.uniform(0.5, 0.95)
    across = rng.choice([rng.uniform(0.02, 0.12), rng.uniform(0.85, 0.98), rng.uniform(0.1, 0.9)])
    ends = np.array([[start, across], [end, across]]) * [columns, rows]
    if along:
        ends = np.array([[across, start], [across, end]]) * [columns, rows]
    return ends[0], ends[1]


def ruler(rng: Rng, picture: np.ndarray) -> None:
    """Ticks along an edge, every fifth or tenth longer."""
    start, end = _span(rng, picture)
    length = float(np.hypot(*(end - start)))
    along = (end - start) / max(1, length)
    across = along[::-1] * rng.choice([-1, 1])
    shade, unit = _shade(rng, picture), _unit(picture)
    pitch, longer = rng.uniform(4, 24) * unit, int(rng.choice([2, 5, 10]))
    for tick in range(int(length / pitch)):
        size = unit * (10 if tick % longer == 0 else 5)
        place = start + along * pitch * tick
        _stroke(picture, np.array([place, place + across * size]), shade)
    if rng.random() < 0.6:
        _stroke(picture, np.array([start, end]), shade)


def calliper(rng: Rng, picture: np.ndarray) -> None:
    """Two large crosses, or arrow ends, joined by dots."""
    rows, columns = picture.shape[:2]
    ends = rng.uniform(0.15, 0.85, (2, 2)) * [columns, rows]
    shade, arm = _shade(rng, picture), rng.uniform(6, 11) * _unit(picture)
    turn = float(rng.choice([0, np.pi / 4]))
    for end in ends:
        for angle in (turn, turn + np.pi / 2):
            way = arm * np.array([np.cos(angle), np.sin(angle)])
            _stroke(picture, np.array([end - way, end + way]), shade)
    for share in np.linspace(
        0, 1, max(3, int(np.hypot(*(ends[1] - ends[0])) / (6 * _unit(picture))))
    ):
        place = ends[0] + share * (ends[1] - ends[0])
        _stroke(picture, np.array([place, place + 0.5]), shade)


def colour_bar(rng: Rng, picture: np.ndarray) -> None:
    """A ramp of greys or colours at the side, smooth or in steps, framed or not."""
    rows, columns, channels = picture.shape
    high, wide = int(rows * rng.uniform(0.25, 0.6)), max(3, int(columns * rng.uniform(0.015, 0.05)))
    top = int(rng.integers(0, rows - high))
    left = int(rng.choice([columns * 0.02, columns * 0.94 - wide]))
    ramp: np.ndarray = np.linspace(0, 1, high, dtype=np.float32)[::-1, None]
    if rng.random() < 0.5:
        ramp = np.floor(ramp * 8) / 8
    tones: np.ndarray = ramp[..., None]
    if channels == 3:
        tones = np.stack([3 * ramp - 1, 1 - 2 * np.abs(ramp - 0.5), 1.5 - 3 * ramp], 2)
    picture[top : top + high, left : left + wide] = 255 * np.clip(tones, 0, 1).repeat(wide, 1)
    if rng.random() < 0.6:
        corners = np.array([[0, 0], [1, 0], [1, 1], [0, 1], [0, 0]]) * [wide, high]
        _stroke(picture, np.add(corners, [left, top]), np.full(channels, 200, np.float32))


def grid(rng: Rng, picture: np.ndarray) -> None:
    """Thin lines across, as of a graticule, a ventilation grid or a table without entries."""
    rows, columns = picture.shape[:2]
    shade, pitch = _shade(rng, picture), rng.uniform(12, 60) * _unit(picture)
    top, left = rng.uniform(0, 0.4) * rows, rng.uniform(0, 0.4) * columns
    down, across = int(rng.integers(3, 12)), int(rng.integers(3, 12))
    for k in range(down + 1):
        y = top + k * pitch
        _stroke(picture, np.array([[left, y], [left + across * pitch, y]]), shade)
    for k in range(across + 1):
        x = left + k * pitch
        _stroke(picture, np.array([[x, top], [x, top + down * pitch]]), shade)


def fan_outline(rng: Rng, picture: np.ndarray) -> None:
    """The edge of an ultrasound sector, with focus marks."""
    rows, columns = picture.shape[:2]
    apex = np.array([columns * rng.uniform(0.4, 0.6), rows * 0.04])
    half, shade = rng.uniform(0.4, 0.8), _shade(rng, picture)
    angles = np.linspace(-half, half, 60)
    for radius in (rng.uniform(0.08, 0.2) * rows, rng.uniform(0.7, 0.9) * rows):
        arc = apex + radius * np.stack([np.sin(angles), np.cos(angles)], 1)
        _stroke(picture, arc, shade)
    for side in (-half, half):
        way = np.array([np.sin(side), np.cos(side)]) * rows
        _stroke(picture, np.array([apex + 0.1 * way, apex + 0.8 * way]), shade)
    size, x = 5 * _unit(picture), columns * 0.96
    for y in rng.uniform(0.2, 0.8, 3) * rows:
        _stroke(
            picture, np.array([[x, y], [x + size, y - size], [x + size, y + size], [x, y]]), shade
        )


def phantom(rng: Rng, picture: np.ndarray) -> None:
    """A test pattern: line pairs, steps of grey, discs, corner marks."""
    rows, columns, channels = picture.shape
    picture[:] = rng.uniform(60, 140)
    size = min(rows, columns) / 8
    for k in range(8):
        top, left = rows * 0.1, columns * 0.06 + k * columns * 0.11
        spot = np.s_[int(top) : int(top + size), int(left) : int(left + columns * 0.1)]
        picture[spot] = 255 * k / 7
    for k in range(5):
        x0, pitch = columns * (0.08 + 0.18 * k), max(2.0, (5 - k) * 2 * _unit(picture))
        for bar in range(6):
            x = x0 + bar * pitch
            _stroke(
                picture,
                np.array([[x, rows * 0.4], [x, rows * 0.5]]),
                np.full(channels, 255.0),
                max(1, round(pitch / 2)),
            )
    y, x = np.mgrid[:rows, :columns]
    for k in range(6):
        centre = columns * (0.1 + 0.15 * k), rows * 0.7
        radius = size * (0.1 + 0.08 * k)
        picture[np.hypot(x - centre[0], y - centre[1]) < radius] += rng.choice([-1, 1]) * 4 * 2**k
    np.clip(picture, 0, 255, out=picture)


def doppler(rng: Rng, picture: np.ndarray) -> None:
    """Colour flow: hard-edged blots of red and blue in blocks; grey where there is no colour."""
    rows, columns, channels = picture.shape
    size = int(min(rows, columns) * rng.uniform(0.2, 0.5))
    top, left = int(rng.integers(0, rows - size + 1)), int(rng.integers(0, columns - size + 1))
    block = max(1, round(3 * _unit(picture)))
    few = -(-size // block)
    flow = _blur(rng, few, few, rng.uniform(3, 9)) + rng.normal(0, 0.25, (few, few))
    flow = flow.repeat(block, 0).repeat(block, 1)[:size, :size]
    spot = picture[top : top + size, left : left + size]
    seen = np.abs(flow) > rng.uniform(0.6, 1.1)
    level = np.clip(90 + 70 * np.abs(flow), 0, 255)
    tones = np.stack([np.where(flow > 0, level, 0), level * 0.3, np.where(flow < 0, level, 0)], 2)
    spot[seen] = (tones if channels == 3 else level[..., None])[seen]


def clips(rng: Rng, picture: np.ndarray) -> None:
    """Surgical clips: short bright bars and small loops in a group."""
    rows, columns = picture.shape[:2]
    middle, shade = rng.uniform(0.2, 0.8, 2) * [columns, rows], np.full(picture.shape[2], 250.0)
    for _ in range(int(rng.integers(4, 12))):
        place = middle + rng.normal(0, 0.07, 2) * min(rows, columns)
        angle, length = rng.uniform(0, np.pi), rng.uniform(5, 12) * _unit(picture)
        way = length / 2 * np.array([np.cos(angle), np.sin(angle)])
        if rng.random() < 0.4:
            bend = place + 0.3 * way[::-1] * [1, -1]
            _stroke(picture, np.array([place - way, bend, place + way]), shade, 2)
        else:
            _stroke(picture, np.array([place - way, place + way]), shade, 2)


def wires(rng: Rng, picture: np.ndarray) -> None:
    """Leads and catheters across the picture, one with an electrode."""
    rows, columns = picture.shape[:2]
    for _ in range(int(rng.integers(1, 4))):
        corners = rng.uniform(-0.1, 1.1, (5, 2)) * [columns, rows]
        steps = np.linspace(0, 4, 80)
        way = np.stack([np.interp(steps, np.arange(5), c) for c in corners.T], 1)
        padded = np.pad(way, ((12, 12), (0, 0)), mode="edge")
        way = np.stack([np.convolve(c, np.ones(25) / 25, "valid") for c in padded.T], 1)
        shade = np.full(picture.shape[2], rng.uniform(170, 255))
        _stroke(picture, way, shade, max(1, round(rng.uniform(1, 3) * _unit(picture))))
        if rng.random() < 0.5:
            place = way[int(rng.integers(len(way)))]
            turn = np.linspace(0, 2 * np.pi, 24)
            ring = place + 6 * _unit(picture) * np.stack([np.cos(turn), np.sin(turn)], 1)
            _stroke(picture, ring, shade)


def ecg(rng: Rng, picture: np.ndarray) -> None:
    """A trace along the lower or upper edge."""
    rows, columns = picture.shape[:2]
    x = np.arange(0, columns, 1.0)
    beat = (x / (columns * rng.uniform(0.08, 0.25))) % 1
    wave = np.exp(-((beat - 0.3) ** 2) / 0.0008) - 0.3 * np.exp(-((beat - 0.35) ** 2) / 0.0006)
    wave += 0.25 * np.exp(-((beat - 0.6) ** 2) / 0.004) + 0.12 * np.exp(
        -((beat - 0.15) ** 2) / 0.002
    )
    y = rows * rng.choice([0.1, 0.9]) - wave * rows * rng.uniform(0.03, 0.09)
    shade = np.array([40, 230, 60], np.float32) if picture.shape[2] == 3 else _shade(rng, picture)
    _stroke(picture, np.stack([x, y], 1), shade)


def calcifications(rng: Rng, picture: np.ndarray) -> None:
    """Clusters of bright specks."""
    rows, columns = picture.shape[:2]
    for _ in range(int(rng.integers(1, 4))):
        middle = rng.uniform(0.15, 0.85, 2) * [columns, rows]
        spread = rng.uniform(0.01, 0.05) * min(rows, columns)
        for place in middle + rng.normal(0, spread, (int(rng.integers(5, 25)), 2)):
            _stroke(
                picture, np.array([place, place + rng.uniform(-1, 1, 2)]),
                np.full(picture.shape[2], rng.uniform(180, 255)), int(rng.choice([1, 1, 2])),
            )  # fmt: skip


def fiducials(rng: Rng, picture: np.ndarray) -> None:
    """Balls, small crosses and rings laid out on a lattice, or a localiser's marks."""
    rows, columns = picture.shape[:2]
    shade, radius = _shade(rng, picture), rng.uniform(3, 8) * _unit(picture)
    down, across, kind = int(rng.integers(2, 5)), int(rng.integers(2, 5)), int(rng.integers(3))
    for j in range(down):
        for i in range(across):
            place = np.array(
                [columns * (i + 0.7) / (across + 0.4), rows * (j + 0.7) / (down + 0.4)]
            )
            if kind == 1:
                for way in (np.array([radius, 0]), np.array([0, radius])):
                    _stroke(picture, np.array([place - way, place + way]), shade)
                continue
            turn = np.linspace(0, 2 * np.pi, 24)
            ring = np.stack([np.cos(turn), np.sin(turn)], 1)
            if kind == 0:
                _stroke(picture, place + radius / 2 * ring, shade, max(1, round(radius)))
            else:
                _stroke(picture, place + radius * ring, shade)


def bone_rings(rng: Rng, picture: np.ndarray) -> None:
    """Cross sections of bones, airways and vessels with calcified walls: rings, some open."""
    rows, columns = picture.shape[:2]
    for _ in range(int(rng.integers(3, 10))):
        middle = rng.uniform(0.1, 0.9, 2) * [columns, rows]
        axes = rng.uniform(4, 22, 2) * _unit(picture)
        turn = np.linspace(0, rng.choice([2 * np.pi, rng.uniform(4, 6)]), 40) + rng.uniform(0, 6)
        wobble = 1 + 0.1 * np.sin(3 * turn + rng.uniform(0, 6))
        ring = middle + axes * np.stack([np.cos(turn), np.sin(turn)], 1) * wobble[:, None]
        shade = np.full(picture.shape[2], rng.uniform(190, 255))
        _stroke(picture, ring, shade, max(1, round(rng.uniform(1, 4) * _unit(picture))))


DISTRACTORS = {
    "ruler": ruler, "calliper": calliper, "colour bar": colour_bar, "grid": grid,
    "fan outline": fan_outline, "test phantom": phantom, "Doppler": doppler,
    "surgical clips": clips, "wires": wires, "ECG": ecg, "calcifications": calcifications,
    "fiducials": fiducials, "bone rings": bone_rings,
}  # fmt: skip
