import numpy as np
import pytest

from unburn import certainty

EXAMINED = [("item", "i4"), ("frame", "i4"), ("suspicion", "f4"), ("regions", "i4")]
REGIONS = [("item", "i4"), ("frame", "i4"), ("score", "f4"), ("source", "S12")]


def test_the_nearest_score_of_an_item_wins_on_either_side_of_the_threshold():
    items, frames = np.array([7, 7, 7, 8]), np.array([0, 1, 2, 0])
    lines = np.array([True, True, False, False])
    found = certainty.of_scores(items, frames, np.array([0.999, 0.12, 0.05, 0.0]), lines, 0.1)
    assert found["7"].score == pytest.approx(0.12) and found["7"].frame == 1
    assert found["8"].distance > 6  # it is sure that there is nothing
    assert found["7"].distance < found["8"].distance


def test_distances_are_log_odds():
    scores, lines = np.array([0.5, 0.2, 0.001]), np.array([True, True, False])
    found = certainty.of_scores(np.arange(3), np.zeros(3, int), scores, lines, 0.1)
    expected = [abs(np.log(p / (1 - p)) - np.log(1 / 9)) for p in (0.5, 0.2, 0.001)]
    assert [found[k].distance for k in "012"] == pytest.approx(expected)


def test_what_is_no_number_is_the_least_certain():
    found = certainty.of_scores(
        np.array([1]), np.array([0]), np.array([np.nan]), np.array([False]), 0.1
    )
    assert found["1"].distance == 0 and not found["1"].dropped


def test_a_score_that_made_no_line_comes_before_all_others():
    items, scores = np.array([1, 1, 2]), np.array([0.7, 0.11, 0.7])
    found = certainty.of_scores(items, np.arange(3), scores, np.array([False, True, True]), 0.1)
    assert found["1"] == certainty.Doubt(0.7, 0, 0.0, dropped=True)
    assert found["2"].distance > 0 and not found["2"].dropped


def test_what_became_of_a_frame_is_told_by_its_mask():
    low, high = certainty.Doubt(0.09, 0, 0.1), certainty.Doubt(0.7, 0, 0.0, dropped=True)
    assert certainty.outcome(low, painted=True) == "its frame is painted"
    assert certainty.outcome(low, painted=False) == "its frame is not painted"
    said = certainty.outcome(high, painted=False)
    assert said.startswith("not taken for text") and "is painted" not in said
    assert certainty.outcome(high, painted=True).endswith("its frame is painted all the same")


def test_lines_count_one_by_one_and_frames_by_what_made_no_line():
    examined = np.array(
        [(1, 0, 0.9, 2), (1, 1, 0.04, 0), (2, 0, 0.02, 1), (3, 0, 0.8, 1)], EXAMINED
    )
    found = [(1, 0, 0.9, b"crnn"), (1, 0, 0.3, b"crnn"), (2, 0, 1.0, b"code"), (3, 0, 0.6, b"crnn")]
    regions = np.array(found, REGIONS)
    items, frames, scores, lines = certainty.decisions(examined, regions)
    assert lines.tolist() == [True, True, True, False, False, False]
    assert items.tolist() == [1, 3, 1, 1, 2, 3] and frames.tolist() == [0, 0, 0, 1, 0, 0]
    assert scores == pytest.approx([0.3, 0.6, 0.9, 0.04, 0.02, 0.8])
    assert certainty.distance(None) == np.inf
