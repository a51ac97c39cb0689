import numpy as np
import pandas as pd
import pytest

from unburn import detection, glyphs, planted, planted_detection

EVERYTHING = np.array([[0, 0], [900, 0], [900, 900], [0, 900]], np.float32)
METHODS = {"all": lambda *_: [EVERYTHING], "none": lambda *_: []}


@pytest.fixture
def found(tmp_path, monkeypatch):
    """A method that finds everything, one that finds nothing, on two frames planted twice."""
    monkeypatch.setattr(detection, "method", lambda name, *_: METHODS[name])
    planted_detection._method.cache_clear()
    planted.make(planted.Bench(5, None, "test", 3, 2, 2, glyphs.OWN), 1, tmp_path)
    for name in METHODS:
        files = [tmp_path / f"{name}_{what}.csv" for what in ("lines", "frames")]
        words = ["--method", name, "--lines", str(files[0]), "--frames", str(files[1])]
        planted_detection.main(["--planted", str(tmp_path / "planted.h5"), *words])
    return [
        pd.concat([pd.read_csv(tmp_path / f"{name}_{what}.csv") for name in METHODS])
        for what in ("lines", "frames")
    ]


def test_lines_are_found_or_missed_by_their_ink(found):
    lines, _ = found
    whole = lines[lines.method == "all"]
    assert (whole.masked == whole.ink).all() and (whole.ink > 0).all()
    assert (lines[lines.method == "none"].masked == 0).all()


def test_frames_count_with_text_and_once_without(found):
    _, frames = found
    own = frames[frames.method == "all"]
    assert list(own.text) == [1, 0, 1, 0, 1, 1]
    assert (own[own.text == 1].true_regions == 1).all()
    clean = own[own.text == 0]
    assert (clean.true_regions == 0).all() and (clean.masked_near_text == 0).all()
    near = own[own.text == 1].masked_near_text
    assert (near > 0).all() and (near < own[own.text == 1].masked_pixels).all()
