import json

import numpy as np
import pytest

from unburn import challenge, detection, glyphs
from unburn.detection import Bench
from unburn.judging import Judged


@pytest.fixture(autouse=True)
def small(monkeypatch):
    """Frames small enough for a test."""
    monkeypatch.setattr(challenge, "SIZES", ((160, 200), (128, 128)))


@pytest.mark.parametrize(
    ("angle", "name"),
    [
        (0, "horizontal"), (360, "horizontal"), (3, "tilted up to 5 degrees"),
        (-4, "tilted up to 5 degrees"), (90, "vertical 90"), (93, "tilted up to 5 degrees"),
        (270, "vertical 270"), (180, "upside down"), (30, "tilted more than 5 degrees"),
    ],
)  # fmt: skip
def test_directions(angle, name):
    assert detection.direction(angle) == name


@pytest.mark.parametrize(
    ("pixels", "name"),
    [(5, "8 px and less"), (8.4, "8 px and less"), (9, "9 to 12 px"), (20.6, "21 to 40 px"),
     (41, "over 40 px"), (900, "over 40 px")],
)  # fmt: skip
def test_heights(pixels, name):
    assert detection.height(pixels) == name


def line(strata=("kind: line", "height: 9 to 12 px"), deviations=5.0, masked=100, frame=1):
    return Judged(frame, strata, 80.0, deviations, 100, masked)


def test_hardly_visible_lines_codes_and_handwriting_count_apart():
    lines = [
        line(), line(), line(deviations=1.4, masked=0), line(("QR codes and bar codes",), 0.3, 0),
    ]  # fmt: skip
    rows = {row["group"]: row for row in detection.recall({"unburn": lines}, 1)}
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
    assert sorted(names, key=detection._order) == [
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
    figures = detection.precision(frames)
    assert figures["component precision"] == 0.9
    assert figures["false area, text-free frames"] == pytest.approx(0.01)
    assert figures["frames touched, text-free"] == 0.5
    assert figures["false area, distractor frames"] == pytest.approx(0.03)
    assert figures["false area, frames with text, far from lines"] == 0.05


def test_a_run_measures_every_line_and_writes_its_tables(tmp_path, monkeypatch):
    everything = [np.array([[0, 0], [4000, 0], [4000, 4000], [0, 4000]], np.float32)]
    methods = {"unburn": lambda frame: everything, "tesseract": lambda frame: []}
    monkeypatch.setattr(detection, "_methods", lambda bench: methods)
    weights = tmp_path / "weights"
    weights.write_bytes(b"none")
    bench = Bench(4, 0.3, weights, None, "test", 3, glyphs.OWN, ("tesseract",))
    detection.run(bench, 6, 1, tmp_path)
    detection.tabulate(tmp_path, None, tmp_path)
    made = [
        challenge.frame(4, k, challenge.read_sources(None, "", 3), glyphs.OWN) for k in range(6)
    ]
    lines = detection.read_lines(tmp_path / "lines.csv")
    assert len(lines["unburn"]) == len(lines["tesseract"]) == sum(len(f.lines) for f in made)
    assert all(line.found for line in lines["unburn"])
    assert not any(line.found for line in lines["tesseract"])
    table = (tmp_path / "table.md").read_text()
    assert "Demo, not evidence" in table
    assert "- **Line found**: At least 90 %" in table
    about = json.loads((tmp_path / "set.json").read_text())
    assert about["digest"] in table
    for name in ("frames.png", "misses.png", "recall.csv"):
        assert (tmp_path / name).stat().st_size
