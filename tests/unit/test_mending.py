import os

import pytest

from unburn import mending, tables

CANDIDATES = ("item", "file", "output")


@pytest.fixture
def lab(tmp_path):
    """Two shards with a candidate each, released as hard links; and a product of the first."""
    work, results = tmp_path / "work", tmp_path / "results"
    rows = []
    for shard, name in (("00000", "a.dcm"), ("00001", "b.dcm")):
        candidates = work / shard / "candidates"
        candidates.mkdir(parents=True)
        (candidates / name).write_bytes(b"x")
        row = {"item": "1", "file": name, "output": f"dicom/{name}"}
        tables.write(work / shard / "candidates.tsv", [row], CANDIDATES)
        tables.write(work / "shards" / f"{shard}.tsv", [], ("item",))
        (results / "dicom").mkdir(parents=True, exist_ok=True)
        os.link(candidates / name, results / "dicom" / name)
        rows.append(row)
    (results / "dicom" / "c.nii.gz").write_bytes(b"x")
    rows.append({"output": "dicom/c.nii.gz"})
    for path in (results / "dicom").iterdir():
        os.utime(path, ns=(1, 1))
    tables.write(results / "released.tsv", rows, ("output",))
    return work, results


def edit(path, results):
    """Edit a file in place, later than its table was written."""
    with open(path, "r+b") as file:
        file.write(b"y")
    os.utime(path, ns=(1, (results / "released.tsv").stat().st_mtime_ns + 1))


def test_nothing_is_lost_after_a_release_nor_before_one(lab):
    _, results = lab
    assert mending.lost(results) == []
    (results / "dicom" / "a.dcm").unlink()
    assert mending.lost(results) == ["dicom/a.dcm"]
    (results / "released.tsv").unlink()
    assert mending.lost(results) == []


def test_a_file_that_was_deleted_or_replaced_is_lost_and_its_candidate_is_not(lab):
    work, results = lab
    (results / "dicom" / "a.dcm").unlink()
    (results / "dicom" / "b.dcm").unlink()
    (results / "dicom" / "b.dcm").write_bytes(b"y")
    edit(results / "dicom" / "b.dcm", results)
    assert mending.lost(results) == ["dicom/a.dcm", "dicom/b.dcm"]
    assert mending.damaged(work, mending.lost(results), results) == set()


def test_a_file_that_was_edited_in_place_is_lost_with_its_candidate(lab):
    work, results = lab
    edit(results / "dicom" / "b.dcm", results)
    edit(results / "dicom" / "c.nii.gz", results)
    assert mending.lost(results) == ["dicom/b.dcm", "dicom/c.nii.gz"]
    assert mending.damaged(work, mending.lost(results), results) == {"00001"}


def test_what_the_release_marks_is_damaged_until_it_is_made_anew(lab):
    work, results = lab
    mending.mark(work / "00000")
    assert mending.damaged(work, [], results) == {"00000"}
    assert (mending.mended(work, "00000"), mending.mended(work)) == (0, 0)
    mending.note(work, 1, "00000")
    assert mending.damaged(work, [], results) == set()
    assert (mending.mended(work, "00000"), mending.mended(work)) == (1, 0)
    mending.note(work, 3)
    assert (mending.mended(work, "00000"), mending.mended(work)) == (1, 3)
