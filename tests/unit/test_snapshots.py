import base64
import re

import cv2
import numpy as np
from test_products import CR, made

from unburn import snapshots
from unburn.evaluate import Item

LONGEST_PX = 640


def shown(picture):
    """The pixels of a snapshot as uint8 BGR."""
    data = base64.b64decode(picture.uri.removeprefix("data:image/webp;base64,"))
    return cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)


def enclosed(outline, shape):
    """Pixels that lie inside the paths of an outline."""
    mask = np.zeros(shape, np.uint8)
    for path in re.findall(r"M([^Z]*)Z", outline):
        points = np.array([[int(k) for k in p.split()] for p in path.split("L")])
        left, top = points.min(axis=0)
        right, bottom = points.max(axis=0)
        mask[top:bottom, left:right] = 1
    return mask


def test_outline_runs_around_the_painted_region():
    mask = np.zeros((40, 60), np.uint8)
    mask[10:20, 10:30] = 1
    mask[30:31, 59:60] = 1  # one pixel, at the border
    outline = snapshots.outline_of(mask, LONGEST_PX)
    assert np.array_equal(enclosed(outline, mask.shape), mask)
    assert outline.count("M") == 2
    assert snapshots.outline_of(np.zeros_like(mask), LONGEST_PX) == ""
    assert snapshots.outline_of(None, LONGEST_PX) == ""


def test_outline_keeps_regions_that_are_smaller_than_a_pixel_of_the_picture():
    mask = np.zeros((6400, 100), np.uint8)
    mask[1000, 40:42] = 1
    inside = enclosed(snapshots.outline_of(mask, LONGEST_PX), mask.shape)
    assert inside[1000, 40:42].all() and inside.sum() <= 4


def test_picture_is_scaled_to_the_longest_side_and_never_up():
    for shape, size in (((2000, 100), (640, 32)), ((20, 30), (20, 30))):
        picture = np.full((*shape, 3), (200, 20, 20), np.uint8)
        packed = snapshots.packed(picture, None, LONGEST_PX)
        pixels = shown(packed)
        assert pixels.shape[:2] == size and (packed.rows, packed.columns) == shape
        blue, green, red = pixels.reshape(-1, 3).mean(axis=0)
        assert red > 180 and blue < 40 and green < 40


def test_a_pair_shares_its_window_so_that_bright_letters_darken_nothing(tmp_path):
    rng = np.random.default_rng(0)
    clean = rng.integers(100, 900, (64, 64)).astype(np.uint16)
    clean[40, 40] = 4000
    text = clean.copy()
    text[:6, :40] = 4000
    for name, pixels in (("before", text), ("after", clean)):
        made(tmp_path / name, pixels, CR, 1, "CR")
    before, after = snapshots.pair(tmp_path / "before", tmp_path / "after", 0, None, LONGEST_PX)
    one, two = shown(before)[10:].astype(int), shown(after)[10:].astype(int)
    assert np.abs(one - two).mean() < 8
    assert two.max() > 200  # nor is the cleaned one darker than alone
    assert shown(before)[:5, :38].min() > 230
    alone = snapshots.snapshot(tmp_path / "before", 0, None, LONGEST_PX)
    assert np.abs(shown(alone)[10:].astype(int) - two).mean() > 50


def test_what_cannot_be_decoded_or_is_gone_has_no_picture(tmp_path):
    (tmp_path / "broken").write_bytes(b"nothing of an image")
    made(tmp_path / "whole", np.zeros((8, 8), np.uint16), CR, 1, "CR")
    assert snapshots.snapshot(tmp_path / "broken", 0, None, LONGEST_PX) is None
    before, after = snapshots.pair(tmp_path / "whole", tmp_path / "gone", 0, None, LONGEST_PX)
    assert before is not None and after is None


def item(number, modality, series, painted):
    candidate = {"series": series, "masked_pixels": str(painted), "pixels_total": "100"}
    return Item(str(number), "", "released", "", modality, None, candidate=candidate)


def test_pictures_take_modalities_and_series_in_turn():
    items = [
        item(1, "CT", "s1", 50),
        item(2, "CT", "s1", 40),
        item(3, "CT", "s2", 10),
        item(4, "US", "s3", 5),
    ]
    assert [one.item for one in snapshots.show_worthy(items)] == ["1", "4", "3", "2"]
