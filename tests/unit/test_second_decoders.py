import csv
import sys

import pydicom
from pydicom.data import get_testdata_file

from unburn import second_decoders

# stand-ins of a decoder: one that decodes, one that is wrong in one value, one that fails
COPY = (
    "import sys, pydicom; d = pydicom.dcmread(sys.argv[1]); d.decompress(); d.save_as(sys.argv[2])"
)
WRONG = (
    "import sys, pydicom; d = pydicom.dcmread(sys.argv[1]); d.decompress();"
    " p = d.pixel_array.copy(); p[0, 0] += 5; d.PixelData = p.tobytes(); d.save_as(sys.argv[2])"
)
FAIL = "raise SystemExit(1)"
PARSE = ""


def stand_in(code):
    return lambda source, out, syntax: [sys.executable, "-c", code, str(source), str(out)]


def test_values_of_other_decoders_are_compared(monkeypatch):
    decoders = {"right": COPY, "wrong": WRONG, "failing": FAIL, "parsing": PARSE}
    monkeypatch.setattr(
        second_decoders, "DECODERS", {name: stand_in(code) for name, code in decoders.items()}
    )
    path = get_testdata_file("MR_small_RLE.dcm")
    rows = second_decoders.look((path, "a", "original"), tuple(decoders))
    assert {row["decoder"]: (row["outcome"], row["difference"]) for row in rows} == {
        "right": ("equal", "0"), "wrong": ("different", "5"), "failing": ("not read", ""),
        "parsing": ("no decoder", ""),
    }  # fmt: skip
    assert {row["lossy"] for row in rows} == {0}


def test_what_we_cannot_read_is_not_compared():
    assert (
        second_decoders.look((get_testdata_file("rtplan.dcm"), "a", "original"), ("dcmtk",)) == []
    )


def test_syntaxes_that_dcmtk_cannot_decode_are_parsed():
    words = second_decoders.by_dcmtk("in", "out", pydicom.uid.JPEG2000Lossless)
    assert words == ["dcmdump", "in"]
    assert second_decoders.by_dcmtk("in", "out", pydicom.uid.RLELossless)[0] == "dcmdrle"
    assert second_decoders.by_dcmtk("in", "out", pydicom.uid.ExplicitVRBigEndian)[0] == "dcmconv"


def test_originals_and_painted_files_are_compared(tmp_path, monkeypatch):
    folder = tmp_path / "in"
    folder.mkdir()
    with open(get_testdata_file("MR_small_RLE.dcm"), "rb") as file:
        (folder / "a.dcm").write_bytes(file.read())
    monkeypatch.setattr(second_decoders, "DECODERS", {"right": stand_in(COPY)})
    monkeypatch.setattr(second_decoders, "PROGRAMS", {"right": sys.executable, "absent": "nothing"})
    out = tmp_path / "decoders.csv"
    second_decoders.main(["--folders", f'{{"some": "{folder}"}}', "--out", str(out)])
    with open(out, newline="") as file:
        rows = list(csv.DictReader(file))
    assert [(row["state"], row["decoder"], row["outcome"]) for row in rows] == [
        ("original", "right", "equal"), ("painted", "right", "equal"),
    ]  # fmt: skip
