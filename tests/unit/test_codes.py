"""Planted codes: bar codes are encoded here, QR codes by OpenCV, all on pictures made here."""

import cv2
import numpy as np
import pytest

from unburn import codes

# widths of bars and gaps: some values, start B and stop of Code 128 (ISO/IEC 15417), digits of
# Code 39 (ISO/IEC 16388), set A of EAN (ISO/IEC 15420)
CODE_128 = "212222 222122 222221 121223 121322 131222 122213 122312 132212 221213 221312"
START, STOP = "211214", "2331112"
CODE_39 = "111331311 311311113 113311113 313311111 111331113 311331111 113331111"
EAN = "3211 2221 2122 1411 1132 1231 1114 1312 1213 3112"


def bars(widths):
    """One line of modules, 1 is a bar, from the widths of bars and gaps in turn."""
    return np.concatenate([[1 - k % 2] * int(w) for k, w in enumerate(widths)]).astype(np.uint8)


def code_128(rng):
    return bars(START + "".join(rng.choice(CODE_128.split(), 8)) + STOP)


def code_39(rng):
    digits = "1".join(rng.choice(CODE_39.split(), 6))
    return bars(f"1311313111{digits}1131131311")


def ean_13(rng):
    left, right = (bars("".join(rng.choice(EAN.split(), 6))) for _ in range(2))
    return np.concatenate([[1, 0, 1], 1 - left, [0, 1, 0, 1, 0], right, [1, 0, 1]]).astype(np.uint8)


def qr(rng):
    text = "".join(chr(k) for k in rng.integers(65, 91, int(rng.integers(6, 50))))
    picture = cv2.QRCodeEncoder.create().encode(text)
    rows, columns = np.nonzero(picture < 128)
    inner = picture[rows.min() : rows.max() + 1, columns.min() : columns.max() + 1]
    return (inner < 128).astype(np.uint8)


def data_matrix(rng):
    """The finder pattern of ISO/IEC 16022 around modules at random."""
    side = int(rng.choice([14, 18, 22, 26]))
    modules = rng.integers(0, 2, (side, side)).astype(np.uint8)
    modules[0], modules[:, -1] = np.arange(side) % 2 == 0, np.arange(side) % 2
    modules[:, 0] = modules[-1] = 1
    return modules


KINDS = [code_128, code_39, ean_13, qr, data_matrix]


def anatomy(rng, shape):
    """Smooth structures of several sizes with noise on them, and dark ground around."""
    total = np.zeros(shape)
    for sigma in (3, 8, 25):
        part = cv2.GaussianBlur(rng.normal(0, 1, shape), (0, 0), sigma)
        total += part / part.std()
    rows, columns = np.mgrid[: shape[0], : shape[1]]
    inside = np.hypot(rows / shape[0] - 0.5, columns / shape[1] - 0.5) < 0.42
    picture = np.where(inside, 110 + 32 * total, 6) + rng.normal(0, 4, shape)
    return np.clip(picture, 0, 255).astype(np.uint8)


def plant(picture, modules, size, angle, rng, inverted=False):
    """Write a code of ``size`` px on its quiet zone into a picture; return the place of its ink."""
    if modules.ndim == 1:
        modules = np.repeat(modules[None], max(8, len(modules) // 3), axis=0)
    scale = size / max(modules.shape)
    quiet = np.pad(modules, 4)
    own = np.pad(np.ones_like(modules), 4)
    turn = np.deg2rad(angle)
    matrix = scale * np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
    reach = np.abs(matrix) @ np.array(quiet.shape[::-1]) / 2
    centre = np.array(
        [rng.uniform(r, s - r) for r, s in zip(reach, picture.shape[::-1], strict=True)]
    )
    middle = np.array(quiet.shape[::-1]) / 2
    fine, big = 2, 6  # the code is drawn larger and made smaller, as a printer and a camera do
    to = np.hstack([matrix / big, (centre - matrix @ middle)[:, None]]) * fine

    def drawn(what):
        large = cv2.resize(what * 255, None, fx=big, fy=big, interpolation=cv2.INTER_NEAREST)
        turned = cv2.warpAffine(large, to, tuple(fine * s for s in picture.shape[::-1]))
        return cv2.resize(turned, picture.shape[::-1], interpolation=cv2.INTER_AREA) / 255

    dark, light = rng.uniform(0, 60), rng.uniform(170, 255)
    if inverted:
        dark, light = light, dark
    ink, paper = drawn(quiet), drawn(np.ones_like(quiet))
    written = picture * (1 - paper) + (light * (1 - ink) + dark * ink) * paper
    noisy = written + rng.normal(0, rng.choice([0.1, 4]), picture.shape)
    return np.clip(noisy, 0, 255).astype(np.uint8), drawn(own) > 0.5


def covered(picture, place):
    mask = np.zeros(picture.shape, np.uint8)
    for quad in codes.find(picture):
        cv2.fillConvexPoly(mask, np.round(quad).astype(np.int32), 1)
    return mask[place].mean(), mask.sum() / place.sum()


@pytest.mark.parametrize("kind", KINDS)
def test_most_planted_codes_are_covered_and_little_else(kind):
    rng = np.random.default_rng(20)
    found, area = [], []
    for number in range(20):
        shape = [(280, 280), (220, 330)][number % 2]
        ground = anatomy(rng, shape) if number % 4 < 2 else np.full(shape, 4 * number, np.uint8)
        modules = kind(rng)
        module = rng.choice([1.5, 2, 3, 4, 6]) if modules.ndim == 2 else rng.choice([1.3, 1.6, 2])
        size = float(np.clip(module * max(modules.shape), 50, 0.7 * min(shape)))
        angle = 90 * rng.integers(4) + rng.choice([0, 0, -4, 3])
        picture, place = plant(ground, modules, size, angle, rng, inverted=number % 5 == 0)
        share, more = covered(picture, place)
        found.append(share >= 0.9)
        area.append(more)
    assert np.mean(found) >= 0.95
    assert np.median(area) < 2.2


def test_large_codes_of_large_frames_are_found():
    rng = np.random.default_rng(21)
    for kind, size in ((qr, 300), (code_128, 500), (data_matrix, 280)):
        picture, place = plant(np.zeros((1000, 900), np.uint8), kind(rng), size, 90, rng)
        assert covered(picture, place)[0] >= 0.9


@pytest.mark.parametrize("seed", range(3))
def test_anatomy_and_noise_are_no_codes(seed):
    rng = np.random.default_rng(30 + seed)
    assert not codes.find(anatomy(rng, (400, 380)))
    assert not codes.find(rng.integers(0, 256, (300, 300), np.uint8))
    assert not codes.find(np.clip(rng.rayleigh(40, (300, 420)), 0, 255).astype(np.uint8))


def test_scales_grids_and_text_are_no_codes():
    picture = np.zeros((400, 500), np.uint8)
    picture[20:380:12, 10:18] = 255
    picture[40:361:64, 60:301] = picture[40:361, 60:301:60] = 200
    cv2.putText(picture, "DOE JOHN 12-03-70", (310, 60), cv2.FONT_HERSHEY_SIMPLEX, 0.5, 230, 1)
    cv2.putText(picture, "ABDOMEN", (310, 90), cv2.FONT_HERSHEY_SIMPLEX, 0.5, 230, 1)
    assert not codes.find(picture)


@pytest.mark.parametrize("shape", [(1, 1), (31, 400), (64, 64), (33, 35)])
def test_small_and_even_frames_are_looked_at_without_an_error(shape):
    assert not codes.find(np.full(shape, 9, np.uint8))
    codes.find(np.random.default_rng(1).integers(0, 2, shape).astype(np.uint8) * 255)


def test_a_code_is_given_once_though_found_at_several_sizes():
    rng = np.random.default_rng(22)
    picture, place = plant(np.full((360, 360), 90, np.uint8), qr(rng), 150, 0, rng)
    assert len(codes.find(picture)) == 1
    assert codes.find(picture)[0].dtype == np.float32
    assert covered(picture, place)[0] == 1
