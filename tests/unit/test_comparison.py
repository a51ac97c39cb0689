from xml.etree import ElementTree

import pytest

from unburn import comparison
from unburn.judging import Judged


def line(strata=("kind: line", "height: 9 to 12 px"), deviations=5.0, masked=100, frame=1):
    return Judged(frame, strata, 80.0, deviations, 100, masked)


def test_hardly_visible_lines_codes_and_handwriting_count_apart():
    lines = [
        line(), line(), line(deviations=1.4, masked=0), line(("QR codes and bar codes",), 0.3, 0),
    ]  # fmt: skip
    rows = {row["group"]: row for row in comparison.recall({"unburn": lines})}
    assert rows["all but hardly visible"]["lines"] == 2
    assert rows["all but hardly visible"]["recall"] == "1.0000"
    assert rows["hardly visible"]["found"] == 0
    assert rows["QR codes and bar codes"]["lines"] == 1
    assert rows["kind: line"]["lines"] == rows["height: 9 to 12 px"]["lines"] == 2


def test_groups_come_in_a_sensible_order():
    names = [
        "QR codes and bar codes", "kind: line", "height: over 40 px", "height: 8 px and less",
        "hardly visible", "all but hardly visible", "height: 9 to 12 px",
    ]  # fmt: skip
    assert sorted(names, key=comparison._order) == [
        "all but hardly visible", "hardly visible", "height: 8 px and less", "height: 9 to 12 px",
        "height: over 40 px", "kind: line", "QR codes and bar codes",
    ]  # fmt: skip


def frame(subject, masked, regions=0, right=0):
    return {"subject": subject, "masked_share": str(masked), "regions": str(regions),
            "true_regions": str(right), "false_pixels": "5", "far_pixels": "100"}  # fmt: skip


def test_false_area_is_that_of_frames_without_text():
    frames = [
        frame("text", 0.5, 10, 9), frame("text-free", 0.0), frame("text-free", 0.02),
        frame("distractors", 0.03),
    ]  # fmt: skip
    figures = comparison.precision(frames)
    assert figures["component precision"] == 0.9
    assert figures["false area, text-free frames"] == pytest.approx(0.01)
    assert figures["frames touched, text-free"] == 0.5
    assert figures["false area, distractor frames"] == pytest.approx(0.03)
    assert figures["false area, frames with text, far from lines"] == 0.05


def test_the_picture_shows_each_group_of_each_method():
    rows = comparison.recall({"unburn": [line()], "rapidocr": [line(masked=0)]})
    picture = ElementTree.fromstring(comparison.drawn(rows))
    names = [text.text for text in picture.iter("{http://www.w3.org/2000/svg}text")]
    assert "kind: line (1)" in names and "rapidocr" in names
    assert len(list(picture.iter("{http://www.w3.org/2000/svg}circle"))) == len(rows)
