import cv2
import numpy as np
import pytest

from unburn import mask, pooling

SHAPE = (96, 128)
REGION = np.dtype([("quad", "f4", (4, 2)), ("height", "f4")])


def window(quad):
    return mask._outline(quad, SHAPE)


def region(left, top, width, height):
    right, bottom = left + width, top + height
    return np.array(
        [([(left, top), (right, top), (right, bottom), (left, bottom)], height)], REGION
    )


NONE = np.zeros(0, REGION)
TEXT = region(10, 10, 62, 12)


def anatomy(rng, smooth=3.0):
    """A slice with structure of some pixels, its own in each slice."""
    noise = cv2.GaussianBlur(rng.normal(0, 1, SHAPE), (0, 0), smooth)
    return np.clip(110 + 45 * noise / noise.std(), 0, 255).astype(np.uint8)


def write(picture, opacity=1.0, level=255, text="DOE 1970"):
    """The picture with a line of text at ``TEXT``, in its one view."""
    ink = np.zeros(SHAPE, np.uint8)
    cv2.putText(ink, text, (11, 20), cv2.FONT_HERSHEY_SIMPLEX, 0.4, 255, 1, cv2.LINE_AA)
    share = opacity * ink / 255
    return np.round(picture * (1 - share) + level * share).astype(np.uint8)[None]


def standing(found, frames):
    return [
        sorted(map(tuple, hits)) for hits in pooling.standing(found, frames.__getitem__, window)
    ]


@pytest.mark.parametrize(("opacity", "level"), [(1.0, 255), (0.5, 255), (1.0, 0)])
def test_text_over_moving_anatomy_is_found_again_in_every_frame(opacity, level):
    rng = np.random.default_rng(1)
    frames = [write(anatomy(rng), opacity, level) for _ in range(8)]
    hits = standing([NONE, NONE, TEXT, *[NONE] * 5], frames)
    assert hits == [[(2, 0)], [(2, 0)], [], *[[(2, 0)]] * 5]


def test_text_that_comes_and_goes_is_masked_where_it_is():
    rng = np.random.default_rng(2)
    frames = [write(anatomy(rng)) if 3 <= k < 6 else anatomy(rng)[None] for k in range(9)]
    hits = standing([TEXT if k == 4 else NONE for k in range(9)], frames)
    assert [k for k, found in enumerate(hits) if found] == [3, 5]


def test_compression_does_not_hide_text_that_stands_still():
    rng = np.random.default_rng(3)
    frames = []
    for _ in range(6):
        coded = cv2.imencode(".jpg", write(anatomy(rng), 0.7)[0], [cv2.IMWRITE_JPEG_QUALITY, 60])[1]
        frames.append(cv2.imdecode(coded, cv2.IMREAD_GRAYSCALE)[None])
    assert all(standing([TEXT, *[NONE] * 5], frames)[1:])


def test_what_was_falsely_found_in_slices_stays_in_them():
    rng = np.random.default_rng(4)
    frames = [anatomy(rng, smooth=2.0)[None] for _ in range(20)]
    found = [region(30, 30, 40, 12) if k % 4 == 0 else NONE for k in range(20)]
    assert standing(found, frames) == [[]] * 20


def test_equal_frames_of_a_paused_cine_share_everything():
    frames = [anatomy(np.random.default_rng(5))[None]] * 4
    assert standing([NONE, TEXT, NONE, NONE], frames) == [[(1, 0)], [], [(1, 0)], [(1, 0)]]


def test_text_that_shows_in_one_view_only_is_found_again():
    rng = np.random.default_rng(6)
    plain = np.zeros(SHAPE, np.uint8)
    frames = [np.concatenate([anatomy(rng)[None], write(plain, 1.0, 1)]) for _ in range(4)]
    assert all(standing([TEXT, NONE, NONE, NONE], frames)[1:])


def test_other_text_at_the_same_place_is_another_text():
    rng = np.random.default_rng(7)
    frames = [write(anatomy(rng), text=text) for text in ("DOE 1970", "XQW#8K2M", "DOE 1970")]
    assert standing([TEXT, NONE, NONE], frames) == [[], [], [(0, 0)]]


def test_an_even_region_or_frame_is_like_nothing():
    frames = [np.full((1, *SHAPE), 7, np.uint8)] * 3
    assert standing([TEXT, NONE, NONE], frames) == [[], [], []]


def test_one_line_found_many_times_is_compared_once(monkeypatch):
    rng = np.random.default_rng(8)
    frames = [write(anatomy(rng)) for _ in range(10)]
    found = [region(10 + k % 2, 10, 62, 12) for k in range(9)] + [NONE]
    batches = list(pooling._batches(found, frames.__getitem__, window))
    assert [len(probes) for _, probes in batches] == [1]
    assert standing(found, frames)[9] == [(0, 0)]


def test_batches_change_nothing(monkeypatch):
    rng = np.random.default_rng(9)
    frames = [write(anatomy(rng)) for _ in range(6)]
    found = [region(12 + 10 * k, 10, 10, 12) for k in range(6)]
    whole = standing(found, frames)
    monkeypatch.setattr(pooling, "BATCH", 1)
    assert standing(found, frames) == whole
    assert all(whole)


@pytest.mark.parametrize("shape", [(1, 1), (3, 40), (9, 9)])
def test_tiny_frames_are_compared_too(shape):
    rng = np.random.default_rng(10)
    frames = [rng.integers(0, 255, (2, *shape), np.uint8)] * 2
    found = [region(0, 0, shape[1], shape[0]), NONE]
    hits = pooling.standing(found, frames.__getitem__, lambda quad: mask._outline(quad, shape))
    assert len(hits[0]) == 0
    assert len(hits[1]) == (0 if shape == (1, 1) else 1)
