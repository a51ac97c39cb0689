import re

import numpy as np
import pytest

from unburn import judging
from unburn.judging import Judged
from unburn.settings import REPO

QUAD = np.array([[10, 10], [50, 10], [50, 20], [10, 20]], np.float32)


def owner():
    owner = np.zeros((40, 60), np.uint16)
    owner[10:20, 10:50] = 1
    return owner


def line(frame=1, deviations=5.0, ink=100, masked=100, strata=("kind: line",)):
    return Judged(frame, strata, 80.0, deviations, ink, masked)


@pytest.mark.parametrize(("covered", "found"), [(36, True), (35, False)])
def test_a_line_is_found_when_nine_tenths_of_its_ink_are_masked(covered, found):
    mask = np.zeros((40, 60), bool)
    mask[:, 10 : 10 + covered] = True
    ((ink, masked),) = judging.ink_under(owner(), mask, 1)
    assert (ink, masked) == (400, covered * 10)
    assert line(ink=ink, masked=masked).found is found


def test_a_line_without_ink_is_counted_as_such():
    assert judging.ink_under(owner(), np.ones((40, 60), bool), 2) == [(400, 400), (0, 0)]


def test_masks_grow_by_three_pixels():
    mask = judging.mask_of([QUAD], (40, 60))
    assert mask[7:24, 20:40].all() and mask[14:17, 7:54].all()
    assert not mask[:6].any() and not mask[25:].any() and not mask[:, :6].any()


def test_contrast_is_measured_against_what_is_around_the_ink():
    rng = np.random.default_rng(1)
    picture = np.clip(rng.normal(100, 10, (40, 60)), 0, 255)
    picture[owner() > 0] += 30
    ((difference, deviations),) = judging.contrasts(picture.astype(np.uint8), owner(), [10])
    assert difference == pytest.approx(30, abs=3)
    assert deviations == pytest.approx(3, abs=0.4)


def test_contrast_of_a_line_across_two_grounds_is_that_on_each():
    picture = np.full((40, 60), 20, np.uint8)
    picture[:, 30:] = 220
    picture[owner() > 0] = 120
    ((difference, deviations),) = judging.contrasts(picture, owner(), [6])
    assert difference > 60
    assert deviations > judging.HARDLY_VISIBLE


def test_contrast_of_colours_is_that_of_the_channel_that_shows_most():
    picture = np.full((40, 60, 3), 90, np.uint8)
    picture[owner() > 0, 2] = 200
    assert judging.contrasts(picture, owner(), [10])[0][0] == pytest.approx(110, abs=1)


def test_regions_without_ink_are_not_counted_as_true():
    assert judging.true_regions(owner(), [QUAD, QUAD + np.float32([0, 15])]) == 1


def test_what_is_near_a_line_is_not_false_area():
    far = judging.far_from_text(owner(), [10])
    assert not far[2:28, 2:58].any()
    assert far[0].all() and far[29:].all()


def test_bounds_are_those_of_clopper_and_pearson():
    # R: binom.test(8, 10)$conf.int
    assert judging.bounds(8, 10) == pytest.approx((0.4439045, 0.9747893), abs=1e-6)
    assert judging.bounds(0, 10)[0] == 0 and judging.bounds(10, 10)[1] == 1


def test_bounds_by_frame_are_wider_where_lines_fall_together():
    apart = [line(frame=k, masked=100 * (k % 10 > 0)) for k in range(100)]
    together = [line(frame=k // 10, masked=100 * (k >= 10)) for k in range(100)]
    low, high = judging.bounds_by_frame(apart)
    low_together, high_together = judging.bounds_by_frame(together)
    assert low_together < low < 0.9 < high <= high_together
    assert (low, high) == judging.bounds(90, 100)  # a line a frame
    assert low_together == judging.bounds(9, 10)[0]  # as if each frame were one


def test_a_miss_more_gives_no_better_bound():
    lows = []
    for missed in range(12):
        lines = [line(frame=k // 5, masked=100 * (k >= missed)) for k in range(50)]
        lows.append(judging.bounds_by_frame(lines)[0])
    assert lows[0] == lows[1] and lows[1:] == sorted(lows[1:], reverse=True)


def test_bounds_by_frame_hold_the_truth_where_bounds_by_line_do_not():
    """Frames of five lines, each with a recall of its own around 0.85."""
    rng = np.random.default_rng(1)
    truth, trials, missed, missed_by_line = 0.85, 150, 0, 0
    for _ in range(trials):
        recalls = rng.beta(2 * truth, 2 * (1 - truth), 30)
        found = rng.random((30, 5)) < recalls[:, None]
        lines = [line(frame=k // 5, masked=100 * int(hit)) for k, hit in enumerate(found.ravel())]
        low, high = judging.bounds_by_frame(lines)
        missed += not low <= truth <= high
        low, high = judging.bounds(int(found.sum()), found.size)
        missed_by_line += not low <= truth <= high
    assert missed <= 0.06 * trials < missed_by_line


def test_bounds_by_frame_of_flawless_groups_count_frames():
    lines = [line(frame=k // 5) for k in range(50)]
    assert judging.bounds_by_frame(lines) == judging.bounds(10, 10)


def test_the_bounds_that_the_documents_name_promise_no_more_than_there_is():
    text = (REPO / "config" / "README.md").read_text()
    named = re.findall(r"(\d+) copies with [^.:]{,80}?of\s+at least (\d+) %", text)
    assert len(named) == 2
    for copies, percent in named:
        low, _ = judging.bounds(int(copies), int(copies))
        assert int(percent) == int(100 * low)


def test_a_row_counts_lines_frames_and_ink():
    row = judging.row("x", [line(1), line(1, masked=50), line(2)])
    assert (row["lines"], row["frames"], row["found"]) == (3, 2, 2)
    assert row["recall"] == "0.6667" and row["ink_recall"] == "0.8333"


@pytest.mark.parametrize(
    ("pixels", "name"),
    [(5, "8 px and less"), (8.4, "8 px and less"), (9, "9 to 12 px"), (20.6, "21 to 40 px"),
     (41, "over 40 px"), (900, "over 40 px")],
)  # fmt: skip
def test_heights(pixels, name):
    assert judging.height(pixels) == name
