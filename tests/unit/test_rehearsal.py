import numpy as np
import pydicom
from pydicom.data import get_testdata_file

from unburn.pixels import StoredFrames
from unburn.rehearsal import SQUARE_PX, rehearse


def folder_of(tmp_path, *names):
    folder = tmp_path / "in"
    folder.mkdir()
    for name in names:
        with open(get_testdata_file(name), "rb") as file:
            (folder / name).write_bytes(file.read())
    return folder


def test_each_file_becomes_a_candidate_or_has_a_reason(tmp_path):
    folder = folder_of(tmp_path, "CT_small.dcm", "MR_truncated.dcm", "reportsi.dcm")
    (folder / "copy.dcm").write_bytes((folder / "CT_small.dcm").read_bytes())
    found = {one.original.name: one for one in rehearse(folder, tmp_path, "research", False, 1)}
    assert {name for name, one in found.items() if one.candidate} == {"CT_small.dcm", "copy.dcm"}
    assert found["reportsi.dcm"].reason_code == "structured_report"
    assert found["MR_truncated.dcm"].reason_code and not found["CT_small.dcm"].reason_code
    paths = (folder / "CT_small.dcm", found["copy.dcm"].candidate)
    before, after = (pydicom.dcmread(path) for path in paths)
    assert after.PatientIdentityRemoved == "YES" and after.PixelData == before.PixelData


def test_a_painted_rehearsal_changes_one_square_of_the_first_frame(tmp_path):
    folder = folder_of(tmp_path, "CT_small.dcm")
    (one,) = rehearse(folder, tmp_path, "research", True, 1)
    before, after = (pydicom.dcmread(path).pixel_array for path in (one.original, one.candidate))
    rows, columns = np.nonzero(before != after)
    assert one.painted and len(rows) == SQUARE_PX**2
    assert max(rows) == max(columns) == SQUARE_PX - 1


def test_painted_colour_differences_are_stored_as_ultrasound_may_have_them(tmp_path):
    folder = folder_of(tmp_path, "SC_rgb_dcmtk_+eb+cy+np.dcm")
    (one,) = rehearse(folder, tmp_path, "research", True, 1)
    after = pydicom.dcmread(one.candidate)
    assert after.file_meta.TransferSyntaxUID == pydicom.uid.RLELossless
    assert (after.PhotometricInterpretation, after.PlanarConfiguration) == ("YBR_FULL", 1)
    assert after.LossyImageCompression == "01"
    with StoredFrames(one.original) as before, StoredFrames(one.candidate) as painted:
        differing = (before[0] != painted[0]).any(-1)
    assert differing[:SQUARE_PX, :SQUARE_PX].all() and differing.sum() == SQUARE_PX**2
