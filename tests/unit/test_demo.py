"""The bundled demo: what is committed is what its script makes, and its truth is true."""

import csv
import filecmp
import importlib.util
import sys
from pathlib import Path

import numpy as np
import pydicom
import pytest

from unburn import keys

DEMO = Path(__file__).parents[2] / "resources" / "demo"
MR = "NOTREAL_BALTHASAR_19580923/MR"
CINE = "FAKENAME_DULCINEA_19610704/US/cine_FAKENAME.dcm"
RADIOGRAPH = "MADEUP_ORSOLYA_19470312/CR/thorax_MADEUP.dcm"


def table(name):
    with open(DEMO / name, encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file, delimiter="\t"))


def files(folder):
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}


@pytest.fixture(scope="module")
def make_demo():
    spec = importlib.util.spec_from_file_location("make_demo", DEMO / "make_demo.py")
    module = importlib.util.module_from_spec(spec)
    sys.modules["make_demo"] = module  # dataclasses look their module up
    spec.loader.exec_module(module)
    yield module
    del sys.modules["make_demo"]


@pytest.fixture(scope="module")
def made(make_demo, tmp_path_factory):
    folder = tmp_path_factory.mktemp("made")
    make_demo.make(folder)
    return folder


@pytest.fixture(scope="module")
def clean(make_demo, tmp_path_factory):
    folder = tmp_path_factory.mktemp("clean")
    make_demo.make(folder, clean=True)
    return folder


def boxes(file, frame, shape):
    """Where truth.tsv says that ink is: bool (rows, columns)."""
    inside = np.zeros(shape, bool)
    for line in table("truth.tsv"):
        if line["file"] == file and int(line["frame"]) == frame:
            top, left = int(line["row"]), int(line["column"])
            inside[top : top + int(line["height"]), left : left + int(line["width"])] = True
    return inside


def stored(folder, file):
    return pydicom.dcmread(folder / "data" / file).pixel_array.astype(int)


def test_committed_demo_is_what_the_script_makes(made):
    assert files(made / "data") == files(DEMO / "data")
    for name in files(made):
        assert filecmp.cmp(made / name, DEMO / name, shallow=False), name


def test_demo_is_small():
    assert sum(path.stat().st_size for path in DEMO.rglob("*") if path.is_file()) < 8_000_000


def test_demo_key_is_the_public_one_and_can_be_loaded():
    assert keys.is_demo(keys.load(DEMO / "demo.key"))


def test_clean_slices_differ_in_the_boxes_of_the_truth_only(made, clean):
    for k in range(1, 17):
        file = f"{MR}/IM{k:04d}"
        differs = stored(made, file) != stored(clean, file)
        inside = boxes(file, k, differs.shape)
        assert differs.any() == inside.any()
        assert not (differs & ~inside).any()


def test_clean_radiograph_differs_in_the_boxes_of_the_truth_only(made, clean):
    differs = stored(made, RADIOGRAPH) != stored(clean, RADIOGRAPH)
    inside = boxes(RADIOGRAPH, 1, differs.shape)
    assert differs.any()
    assert not (differs & ~inside).any()


def test_clean_cine_differs_near_the_boxes_of_the_truth_only(made, clean):
    burned, plain = (
        pydicom.pixels.pixel_array(folder / "data" / CINE, index=8, raw=True).astype(int)
        for folder in (made, clean)
    )
    differs = (burned != plain).any(-1)
    # 4:2:2 JPEG: a pixel changes its block, 16 x 8 in colour, and decoders smooth sideways.
    blocks = boxes(CINE, 9, differs.shape).reshape(60, 8, 40, 16).any((1, 3))
    blocks[:, 1:] |= blocks[:, :-1].copy()
    blocks[:, :-1] |= blocks[:, 1:].copy()
    assert differs.any()
    assert not (differs & ~blocks.repeat(8, 0).repeat(16, 1)).any()


def test_truth_boxes_are_tight(made, clean):
    file = f"{MR}/IM0008"
    differs = stored(made, file) != stored(clean, file)
    rows, columns = np.nonzero(differs)
    line = next(line for line in table("truth.tsv") if line["file"] == file)
    assert abs(rows.min() - int(line["row"])) <= 1
    assert abs(columns.max() + 1 - int(line["column"]) - int(line["width"])) <= 1


def test_truth_has_running_vertical_dim_and_large_text():
    lines = table("truth.tsv")
    assert {f"{k}/16" for k in range(1, 17)} <= {line["text"] for line in lines}
    assert any(line["orientation"] == "vertical" for line in lines)
    assert min(int(line["height_px"]) for line in lines) < 12
    assert max(int(line["height_px"]) for line in lines) > 60
    assert stored(DEMO, f"{MR}/IM0011")[boxes(f"{MR}/IM0011", 11, (256, 256))].max() < 800


def test_every_canary_is_planted_where_the_table_says():
    paths = [path for path in (DEMO / "data").rglob("*") if path.is_file()]
    content = b"".join(path.read_bytes() for path in paths)
    names = "\n".join(map(str, paths))
    drawn = {line["text"] for line in table("truth.tsv")}
    for canary in table("canaries.tsv"):
        text = canary["text"]
        if canary["where"] == "pixels":
            assert text in drawn, text
        elif canary["where"] == "file name":
            assert text in names, text
        else:
            spellings = {text.encode(code) for code in ("latin-1", "utf-16-le")}
            assert any(spelling in content for spelling in spellings), text


def test_demo_has_an_object_of_each_kind():
    kinds = {}
    for path in (DEMO / "data").rglob("*"):
        if path.is_file() and path.name != "notes.txt":
            one = pydicom.dcmread(path, stop_before_pixels=True)
            kinds.setdefault(one.get("Modality", "DICOMDIR"), []).append(path)
    assert set(kinds) == {"US", "MR", "CR", "RTSTRUCT", "SR", "DICOMDIR"}
    copies = [path.read_bytes() for path in kinds["MR"]]
    assert len(copies) - len(set(copies)) == 1


def test_cut_off_file_cannot_be_decoded():
    one = pydicom.dcmread(DEMO / "data" / "from_cd" / "localizer_NOTREAL_BALTHASAR.dcm")
    with pytest.raises(ValueError, match="less than expected"):
        _ = one.pixel_array
