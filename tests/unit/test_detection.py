import json

import numpy as np
import pytest

from unburn import challenge, comparison, detection, glyphs
from unburn.detection import Bench


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


def test_a_run_measures_every_line_and_writes_its_tables(tmp_path, monkeypatch):
    everything = [np.array([[0, 0], [4000, 0], [4000, 4000], [0, 4000]], np.float32)]
    methods = {"unburn": lambda *_: everything, "tesseract": lambda *_: []}
    monkeypatch.setattr(detection, "_methods", lambda bench: methods)
    weights = tmp_path / "weights"
    weights.write_bytes(b"none")
    bench = Bench(4, 0.3, weights, None, "test", 3, glyphs.OWN, ("tesseract",))
    detection.run(bench, 6, 1, tmp_path)
    comparison.tabulate(tmp_path, None, tmp_path)
    made = [
        challenge.frame(4, k, challenge.read_sources(None, "", 3), glyphs.OWN) for k in range(6)
    ]
    lines = comparison.read_lines(tmp_path / "lines.csv")
    assert len(lines["unburn"]) == len(lines["tesseract"]) == sum(len(f.lines) for f in made)
    assert all(line.found for line in lines["unburn"])
    assert not any(line.found for line in lines["tesseract"])
    table = (tmp_path / "table.md").read_text()
    assert "Demo, not evidence" in table
    assert "- **Line found**: At least 90 %" in table
    about = json.loads((tmp_path / "set.json").read_text())
    assert about["digest"] in table
    for name in ("frames.png", "misses.png", "recall.csv", "recall.svg"):
        assert (tmp_path / name).stat().st_size
