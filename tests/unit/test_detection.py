import json
from pathlib import Path

import numpy as np
import pytest
import yaml

from unburn import challenge, comparison, detection, glyphs, judging
from unburn.detection import Bench

REPO = Path(__file__).parents[2]


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


def test_the_shipped_configuration_names_every_setting(tmp_path):
    given = yaml.safe_load((REPO / "config" / "benchmark.yaml").read_text())["detection"]
    training = yaml.safe_load((REPO / "config" / "train.yaml").read_text())
    assert given["threshold"] is None  # the workflow puts in what a run would use
    bench = detection.bench_of({**given, "threshold": 0.3, "fonts": [str(tmp_path)]}, tmp_path)
    assert bench.frames is None and bench.faces == glyphs.OWN
    assert set(bench.peers) == set(detection.MADE)
    # neither training nor the choice of a threshold has seen frames or fonts of the set
    assert bench.split_seed == training["seed"] and bench.split == "test"
    assert not set(given["fonts"]) & {*training["fonts"], *training["held_out_fonts"]}


def test_a_run_measures_every_line_and_writes_its_tables(tmp_path, monkeypatch):
    everything = [np.array([[0, 0], [4000, 0], [4000, 4000], [0, 4000]], np.float32)]
    methods = {"unburn": lambda *_: everything, "tesseract": lambda *_: []}
    monkeypatch.setattr(detection, "methods_of", lambda bench: methods)
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
    assert f"each grown by {judging.DILATE_PX} pixels" in table
    about = json.loads((tmp_path / "set.json").read_text())
    assert about["digest"] in table
    for name in ("frames.png", "misses.png", "recall.csv", "recall.svg"):
        assert (tmp_path / name).stat().st_size
