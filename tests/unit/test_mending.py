import os

import pytest

from unburn import mending, tables


@pytest.fixture
def lab(tmp_path):
    work, results = tmp_path / "work", tmp_path / "results"
    work.mkdir()
    for name in ("a.dcm", "b.nii.gz"):
        path = results / "dicom" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"x")
        os.utime(path, ns=(1, 1))
    rows = [{"output": f"dicom/{name}"} for name in ("a.dcm", "b.nii.gz")]
    tables.write(results / "released.tsv", rows, ("output",))
    return work, results


def test_nothing_is_lost_after_a_release_nor_before_one(lab):
    work, results = lab
    assert mending.mending(work, results) == 0
    (results / "released.tsv").unlink()
    (results / "dicom" / "a.dcm").unlink()
    assert mending.mending(work, results) == 0


@pytest.mark.parametrize("harm", ["deleted", "altered"])
def test_a_lost_file_is_mended_once(lab, harm):
    work, results = lab
    path = results / "dicom" / "a.dcm"
    if harm == "deleted":
        path.unlink()
    else:
        os.utime(path, ns=(1, (results / "released.tsv").stat().st_mtime_ns + 1))
    assert mending.mending(work, results) == 1
    assert mending.mending(work, results) == 1  # however often it is asked
    path.write_bytes(b"x")
    os.utime(path, ns=(1, 1))
    mending.note(work, 1)
    assert mending.mending(work, results) == 1  # as the release wrote down: nothing to do
    path.unlink()
    assert mending.mending(work, results) == 2
