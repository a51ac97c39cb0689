import numpy as np
import pytest

from unburn import trial
from unburn.detect import Region, Seen
from unburn.rendering import Line
from unburn.scenes import Scene

QUAD = np.array([[10, 10], [50, 10], [50, 20], [10, 20]], np.float32)


def line(kind="random", angle=0.0, height=10.0):
    return Line("text", kind, QUAD, height, angle)


def made():
    picture, owner = np.zeros((40, 60), np.uint8), np.zeros((40, 60), np.uint8)
    owner[10:20, 10:50] = 1
    picture[owner > 0] = 200
    return Scene(picture, owner, (line(),))


@pytest.mark.parametrize(("covered", "found"), [(36, True), (35, False)])
def test_a_line_is_found_when_nine_tenths_of_its_ink_are_masked(covered, found):
    mask = np.zeros((40, 60), bool)
    mask[:, 10 : 10 + covered] = True
    (judged,) = trial.judged(made(), mask)
    assert judged.found is found
    assert judged.masked == covered * 10


def test_bounds_are_those_of_clopper_and_pearson():
    # R: binom.test(8, 10)$conf.int
    assert trial.bounds(8, 10) == pytest.approx((0.4439045, 0.9747893), abs=1e-6)
    assert trial.bounds(0, 10)[0] == 0 and trial.bounds(10, 10)[1] == 1


@pytest.mark.parametrize(
    ("angle", "name"),
    [
        (0, "horizontal"), (360, "horizontal"), (3, "tilted up to 5"), (-4, "tilted up to 5"),
        (90, "vertical 90"), (93, "tilted up to 5"), (270, "vertical 270"), (180, "upside down"),
        (30, "tilted more than 5"),
    ],
)  # fmt: skip
def test_directions(angle, name):
    assert trial.direction(angle) == name


def test_hardly_visible_lines_are_counted_apart():
    plain = trial.Judged(line("single"), 80, 5, 100, 100)
    faint = trial.Judged(line(), 20, 1.4, 100, 0)
    rows = {row["group"]: row for row in trial.table([plain, plain, faint])}
    assert rows["all but hardly visible"]["lines"] == 2
    assert rows["all but hardly visible"]["recall"] == "1.0000"
    assert rows["hardly visible"]["found"] == 0
    assert rows["kind: single"]["lines"] == 2
    assert rows["height 9 to 12 px"]["lines"] == 2
    assert rows["difference over 60 grey levels"]["ink_recall"] == "1.0000"


def test_regions_without_ink_are_not_counted_as_true():
    on = Region(QUAD, 0.9, 10, "crnn")
    off = Region(QUAD + np.float32([0, 15]), 0.9, 10, "crnn")
    assert trial.true_regions(made(), [on, off]) == 1


def test_the_threshold_chosen_is_the_highest_that_costs_next_to_nothing(monkeypatch):
    maps = np.zeros((2, 20, 30), np.float32)
    maps[:, 4:11, 4:26] = 0.45
    monkeypatch.setattr(trial, "look", lambda network, pictures: [Seen(1, maps)])
    threshold, rows = trial.choose(None, [made()])
    assert threshold == 0.4
    assert [row["recall"] for row in rows] == [1, 1, 1, 0, 0, 0, 0]
