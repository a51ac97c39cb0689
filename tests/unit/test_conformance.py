import csv
import os
from pathlib import Path

import pytest
from pydicom import DataElement, dcmread
from pydicom.data import get_testdata_file

from unburn import conformance

PROGRAM = """#!/bin/sh
# a stand-in: complains about what was cleaned, and about one thing always
grep -q YES "$1" && echo "Error - Missing attribute Type 2 Element=<StudyID> Module=<Study>" >&2
echo "Error - Value dubious for this VR - (0x0010,0x0010) PN [1] = <Doe^Jane" >&2
echo "Warning - of no interest" >&2
"""


@pytest.fixture
def program(tmp_path, monkeypatch):
    """A checker in the place of dciodvfy."""
    folder = tmp_path / "bin"
    folder.mkdir()
    (folder / "dciodvfy").write_text(PROGRAM)
    (folder / "dciodvfy").chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}:{os.environ['PATH']}")


@pytest.mark.parametrize(
    ("message", "kind"),
    [
        (
            "Error - Missing attribute Type 2C Element=<Laterality> Module=<GeneralSeries>",
            "Error - Missing attribute Type 2C Element=<Laterality> Module=<GeneralSeries>",
        ),
        (
            "Error - Unrecognized enumerated value <YBR> for value 1 of attribute <Image Type>",
            "Error - Unrecognized enumerated value # for value # of attribute <Image Type>",
        ),
        (
            "Error - StudyInstanceUID has same value as FrameOfReferenceUID <1.2.840.3>",
            "Error - StudyInstanceUID has same value as FrameOfReferenceUID #",
        ),
        (
            "Error - Value invalid for this VR - (0x0010,0x0010) PN [1] = <Doe^Jane",
            "Error - Value invalid for this VR - (#,#) PN [#] #",
        ),
    ],
)
def test_a_kind_of_error_has_no_value_in_it(message, kind):
    assert conformance.kind_of(message) == kind


def run(tmp_path):
    folder = tmp_path / "in"
    folder.mkdir()
    with open(get_testdata_file("CT_small.dcm"), "rb") as file:
        (folder / "a.dcm").write_bytes(file.read())
    out = tmp_path / "errors.csv"
    words = ["--folders", f'{{"some": "{folder}"}}', "--out", str(out)]
    conformance.main(words)
    with open(out, newline="") as file:
        return list(csv.DictReader(file))


def test_errors_that_came_with_cleaning_are_listed_for_each_preset(tmp_path, program):
    rows = run(tmp_path)
    assert [(row["preset"], row["painted"]) for row in rows] == [
        ("research", "0"), ("safe_harbor", "0"), ("public", "0"), ("research", "1"),
    ]  # fmt: skip
    for row in rows:
        assert (row["folder"], row["file"], row["outcome"]) == ("some", "a.dcm", "cleaned")
        assert (row["errors_before"], row["errors_after"]) == ("1", "2")
        assert row["new_kinds"].endswith("Element=<StudyID> Module=<Study>")
        assert "Jane" not in str(row)


def test_without_the_program_only_outcomes_are_told(tmp_path, monkeypatch):
    monkeypatch.setattr(conformance, "PROGRAM", "no-such-program")
    rows = run(tmp_path)
    assert rows and {row["errors_before"] for row in rows} == {""}
    assert {row["outcome"] for row in rows} == {"cleaned"}


def test_what_the_program_cannot_read_is_written_anew_for_it(tmp_path):
    deflated, other = (Path(get_testdata_file(n)) for n in ("image_dfl.dcm", "CT_small.dcm"))
    seen = conformance.plain(deflated, tmp_path / "inflated.dcm")
    assert seen != deflated and dcmread(seen).PixelData == dcmread(deflated).PixelData
    assert conformance.plain(other, tmp_path / "other.dcm") == other
    unknown = dcmread(other)
    unknown.add(DataElement(0x00180015, "UN", b"PANCREAS"))
    unknown.save_as(tmp_path / "unknown.dcm")
    seen = conformance.plain(tmp_path / "unknown.dcm", tmp_path / "known.dcm")
    assert dcmread(seen).get_item(0x00180015).VR == "CS"
