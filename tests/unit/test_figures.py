from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest

from unburn import figures
from unburn.evaluate import Item


def item(number, painted=0, modality="CT", **candidate):
    row = {"masked_pixels": str(painted), "pixels_total": "1000"} | candidate
    return Item(str(number), "", "released", "", modality, Path(), {"pixels": "1"}, row)


def test_outcomes_are_those_of_the_metrics():
    row = {"modality": "CT", "released": 5, "masked_released": 2, "held_back": 1}
    drawn = figures.outcomes([row, row | {"modality": "", "released": 2}])
    assert drawn.rows == (("CT", "3", "2", "1"), ("not readable", "0", "2", "1"))
    assert drawn.finding.startswith("Of 9 items, 3 were released with unchanged pixels, 4 with")


def test_painted_shares_are_binned_with_their_upper_border():
    drawn = figures.painted([item(1), item(2, 10), item(3, 11), item(4, 1000)], 0.5)
    counts = dict(drawn.rows)
    assert counts["0 %"] == "1" and counts["more than 0.3 to 1 %"] == "1"
    assert counts["more than 1 to 3 %"] == "1" and counts["more than 30 to 100 %"] == "1"
    assert "In 1 it is more than 50.0\u202f%" in drawn.finding
    assert figures.painted([], 0.5).rows == ()
    assert "No pixel of 1 released image" in figures.painted([item(1)], 0.5).finding


def test_heights_are_binned():
    drawn = figures.heights(np.array([6.0, 6.1, 100.0]))
    assert [row[1] for row in drawn.rows] == ["1", "1", *"00000000"[:7], "1"]
    assert figures.heights(np.zeros(0)).finding == "No text was found."


def test_a_line_touches_the_cells_around_it():
    quads = np.array([[(0, 0), (99, 0), (99, 9), (0, 9)]], float)
    cells = figures.touched_cells(quads, rows=120, columns=160)
    expected = np.zeros(figures.GRID, bool)
    expected[0, :10] = True
    assert np.array_equal(cells, expected)
    outside = figures.touched_cells(quads + 1000, rows=120, columns=160)
    assert outside.sum() == 1 and outside[-1, -1]


def test_places_say_where_text_stands_most_often():
    counts = np.zeros(figures.GRID, int)
    counts[0, -1], counts[6, 8] = 4, 1
    drawn = figures.places(counts, frames=5)
    assert "at the top right, in 80.0\u202f% of them" in drawn.finding
    assert "80.0\u202f% of the area it covers" in drawn.finding
    assert drawn.rows[0] == ("top", "0\u202f%", "0\u202f%", "80.0\u202f%")
    assert figures.places(counts * 0, 0).rows == ()


def test_frames_near_the_threshold_are_counted_on_both_sides():
    drawn = figures.certainty(np.array([0.0, 0.04, 0.06, 0.11, 0.5, np.nan]), 0.1, 0.05)
    assert "2 stayed below 0.050" in drawn.finding and "2 came within" in drawn.finding
    assert sum(int(row[1]) for row in drawn.rows) == 6
    assert figures.certainty(np.zeros(0), 0.1, 0.05).rows == ()


@pytest.mark.parametrize("number", [1, 100])
def test_texture_is_drawn_by_modality_with_its_median(number):
    items = [item(k, 1, texture_ratio="0.5") for k in range(number)]
    items += [item(900, 1, "US", texture_ratio=""), item(901, 0, "US", texture_ratio="0.9")]
    drawn = figures.texture(items)
    assert drawn.rows == (("CT", str(number), "0.50", "0.50", "0.50"),)
    assert "the median is 0.50" in drawn.finding
    assert figures.texture([]).rows == ()


CLASS = {
    **{"class": "CT 1", "lines": 50, "found": 49, "recall": 0.98},
    **{"lower_bound": 0.8935, "upper_bound": 0.9995, "held_back": False},
}


def test_recall_is_drawn_with_its_bounds_for_classes_that_have_controls():
    none = CLASS | {"class": "US 1", "recall": None, "lower_bound": None, "upper_bound": None}
    controls = CLASS | {"min_recall": 0.95, "by_class": [CLASS, none]}
    drawn = figures.recall(controls)
    assert [row[0] for row in drawn.rows] == ["CT 1"]
    assert drawn.rows[0][1:] == ("50", "49", "98.0\u202f%", "89.3\u202f%", "99.95\u202f%")
    assert "Of 50 visible planted lines, 49 were found" in drawn.finding
    assert figures.recall({}).rows == ()
    off = {"reason": "off", "by_class": [none], "lines": 0}
    assert figures.recall(off).rows == ()


def test_what_was_taken_is_sorted_by_core_hours():
    stage = {"core_hours": 1.0, "jobs": 2}
    resources = {
        "core_hours": 4.0,
        "jobs": 3,
        "by_stage": {"plan": stage, "detect": {"core_hours": 3.0, "jobs": 1}},
    }
    drawn = figures.took(resources)
    assert [row[0] for row in drawn.rows] == ["detect", "plan"]
    assert "75.0\u202f%, for “detect”" in drawn.finding


def test_figures_are_written_as_files_and_nothing_else_stays(tmp_path):
    out = tmp_path / "figures"
    out.mkdir()
    (out / "old.svg").write_text("<svg/>")
    figures.write([figures.heights(np.array([8.0]))], out)
    assert [file.name for file in out.iterdir()] == ["heights.svg"]
    ElementTree.parse(out / "heights.svg")
