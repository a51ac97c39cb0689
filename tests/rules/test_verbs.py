"""The verbs for pictures as a user calls them: whole processes, shipped weights."""

import os
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest

from unburn.rendering import Style, plant

REPO = Path(__file__).parents[2]
OLDER = {  # what processors without AVX2 and AVX-512 would run
    "ATEN_CPU_CAPABILITY": "default",
    "ONEDNN_MAX_CPU_ISA": "SSE41",
    "MKL_ENABLE_INSTRUCTIONS": "SSE4_2",
}
SIDES = (96, 300, 512, 700)


def frame(side, seed):
    """Text over slow structure with noise, uint8 (side, side)."""
    rng = np.random.default_rng(seed)
    slow = cv2.GaussianBlur(rng.normal(0, 900, (side, side)), (0, 0), 9)
    ground = (90 + slow + rng.normal(0, 6, slow.shape)).clip(0, 255).astype(np.uint8)
    lines = [
        ("DOE JANE", side // 8, 4, Style(size=11, level=240)),
        ("ID 4711", side // 2, 8, Style(size=16, level=int(rng.integers(0, 40)))),
    ]
    return plant(ground, lines)[0]


def call(*arguments, **environment):
    known = {**os.environ, "PYTHONPATH": str(REPO / "workflow"), "OMP_NUM_THREADS": "1"}
    return subprocess.run(
        [sys.executable, "-m", "unburn", *map(str, arguments)],
        env=known | environment,
        capture_output=True,
        text=True,
    )


def contents(folder):
    """The bytes of every file below a folder, by name."""
    files = (path for path in sorted(folder.rglob("*")) if path.is_file())
    return {str(path.relative_to(folder)): path.read_bytes() for path in files}


@pytest.fixture(scope="module")
def pictures(tmp_path_factory):
    """A folder of pictures, of which one is cut off, and its masks by one process."""
    base = tmp_path_factory.mktemp("verbs")
    (base / "in" / "deeper").mkdir(parents=True)
    for seed, side in enumerate(SIDES):
        cv2.imwrite(str(base / "in" / "deeper" / f"{side}.png"), frame(side, seed))
    whole = (base / "in" / "deeper" / "512.png").read_bytes()
    (base / "in" / "cut.png").write_bytes(whole[:5000])
    (base / "in" / "note.txt").write_text("no picture")
    result = call("detect", "--input", base / "in", "--out", base / "1")
    assert result.returncode == 3, result.stderr
    assert result.stderr.count("cut.png: The pixels could not be decoded") == 1
    return base


def masks_differ(first, second):
    """How many pixels of masks differ between two folders."""
    names = [name for name in contents(first) if name.endswith(".png")]
    assert len(names) == len(SIDES)
    both = [[cv2.imread(str(folder / name), 0) for name in names] for folder in (first, second)]
    assert all(one.any() for one in both[0])
    return sum(int((a != b).sum()) for a, b in zip(*both, strict=True))


def test_masks_do_not_depend_on_the_number_of_processes(pictures):
    result = call("detect", "--input", pictures / "in", "--out", pictures / "2", "--threads", 2)
    assert result.returncode == 3, result.stderr
    assert contents(pictures / "1") == contents(pictures / "2")


def test_masks_do_not_depend_on_the_processor(pictures):
    older = pictures / "older"
    call("detect", "--input", pictures / "in", "--out", older, **OLDER)
    differing = masks_differ(pictures / "1", older)
    assert differing == 0, f"{differing} pixels of the masks differ"
    listed = [(folder / "regions.json").read_text() for folder in (pictures / "1", older)]
    assert listed[0] == listed[1]


def test_what_detect_marked_inpaint_paints_and_both_tell_what_they_left(pictures):
    result = call(
        "inpaint", "--input", pictures / "in", "--masks", pictures / "1",
        "--out", pictures / "painted", "--engine", "telea",
    )  # fmt: skip
    assert result.returncode == 3
    assert "cut.png: The pixels could not be decoded" in result.stderr
    for side in SIDES:
        before = cv2.imread(str(pictures / "in" / "deeper" / f"{side}.png"), -1)
        after = cv2.imread(str(pictures / "painted" / "deeper" / f"{side}.png"), -1)
        mask = cv2.imread(str(pictures / "1" / "deeper" / f"{side}.mask.png"), -1) > 0
        assert (before[mask] != after[mask]).any()
        assert np.array_equal(before[~mask], after[~mask])
