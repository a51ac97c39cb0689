import json

import nibabel
import numpy as np
import pydicom
import pytest
from pydicom.data import get_testdata_file

from unburn import nifti
from unburn.errors import ItemError
from unburn.pixels import StoredFrames
from unburn.sources import described, open_frames

OBJECT = get_testdata_file("CT_small.dcm")


def test_frames_are_opened_by_content(tmp_path):
    volume = tmp_path / "named.dcm"
    nibabel.Nifti1Image(np.zeros((4, 5, 6), np.int16), np.eye(4)).to_filename(tmp_path / "a.nii")
    (tmp_path / "a.nii").rename(volume)
    with open_frames(volume) as source:
        assert isinstance(source, nifti.Volume) and len(source) == 6
    with open_frames(OBJECT) as source:
        assert isinstance(source, StoredFrames)
    with pytest.raises(ItemError, match="unreadable"):
        open_frames(tmp_path / "missing")


def test_a_patient_is_described_by_the_header_or_by_the_sidecar(tmp_path):
    assert described(OBJECT).PatientName == pydicom.dcmread(OBJECT).PatientName
    assert "PixelData" not in described(OBJECT)
    volume = tmp_path / "a.nii.gz"
    nibabel.Nifti1Image(np.zeros((4, 5, 6), np.int16), np.eye(4)).to_filename(volume)
    (tmp_path / "a.json").write_text(json.dumps({"PatientName": "Doe"}))
    for path, kind in ((volume, ""), (tmp_path / "a.json", nifti.SIDECAR)):
        assert described(path, kind).PatientName == "Doe"
