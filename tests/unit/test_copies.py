import numpy as np
import pytest
from pydicom import uid
from pydicom.dataset import Dataset, FileMetaDataset

from unburn.copies import sort_out

CELLS = np.arange(1536, dtype="<u2").reshape(32, 48)


def write(path, cells=CELLS, syntax=uid.ExplicitVRLittleEndian, **more):
    """A CT slice; encoded in another transfer syntax it is the same picture."""
    dataset = Dataset()
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = uid.ExplicitVRLittleEndian
    dataset.SOPClassUID, dataset.SOPInstanceUID = uid.CTImageStorage, "1.2.3"
    dataset.PatientID, dataset.StudyInstanceUID, dataset.SeriesInstanceUID = "A", "1.1", "1.2"
    dataset.Rows, dataset.Columns, dataset.SamplesPerPixel = 32, 48, 1
    dataset.PhotometricInterpretation = "MONOCHROME2"
    dataset.BitsAllocated = dataset.BitsStored = 16
    dataset.HighBit, dataset.PixelRepresentation = 15, 0
    for keyword, value in more.items():
        setattr(dataset, keyword, value)
    order = "<" if syntax.is_little_endian else ">"
    dataset.PixelData = cells.astype(f"{order}u2").tobytes()
    dataset["PixelData"].VR = "OW"
    if syntax.is_encapsulated:
        dataset.compress(syntax, generate_instance_uid=False)
    dataset.file_meta.TransferSyntaxUID = syntax
    dataset.save_as(path, enforce_file_format=True)
    return path


def decide(*paths, ended=()):
    codes, sharing, digests = sort_out(
        ["1.2.3"] * len(paths), [path in ended for path in paths], paths.__getitem__, 1
    )
    assert all(len(digests[index]) == 64 for index in codes if codes[index] != "unreadable")
    return [codes.get(index, "own" if index in sharing else "") for index in range(len(paths))]


@pytest.mark.parametrize(
    "syntax",
    [
        uid.ImplicitVRLittleEndian,
        uid.ExplicitVRBigEndian,
        uid.DeflatedExplicitVRLittleEndian,
        uid.RLELossless,
        uid.JPEGLSLossless,
        uid.JPEG2000Lossless,
    ],
)
def test_a_picture_in_another_encoding_is_the_same_picture(tmp_path, syntax):
    one, two = write(tmp_path / "a"), write(tmp_path / "b", syntax=syntax)
    assert decide(one, two) == ["", "same_picture"]


@pytest.mark.parametrize(
    "other",
    [
        {"PatientID": "B"},
        {"IssuerOfPatientID": "B"},
        {"StudyInstanceUID": "1.9"},
        {"SeriesInstanceUID": "1.9"},
        {"RescaleSlope": "2"},
        {"ImagePositionPatient": ["0", "0", "3"]},
        {"ImageLaterality": "L"},
        {"ModalityLUTSequence": [Dataset()]},
        {"PhotometricInterpretation": "MONOCHROME1"},
        {"cells": CELLS + 1},
        {"Rows": 48, "Columns": 32},
    ],
    ids=str,
)
def test_another_patient_place_meaning_or_picture_is_another_object(tmp_path, other):
    one, two = write(tmp_path / "a"), write(tmp_path / "b", **other)
    assert decide(one, two) == ["own", "own"]


def test_of_three_files_with_two_pictures_two_stay(tmp_path):
    paths = [
        write(tmp_path / "a"),
        write(tmp_path / "b", CELLS + 1),
        write(tmp_path / "c", syntax=uid.RLELossless),
    ]
    assert decide(*paths) == ["own", "own", "same_picture"]


def test_an_exact_copy_and_a_file_that_ended_already_need_no_uid(tmp_path):
    one, other = write(tmp_path / "a"), write(tmp_path / "c", CELLS + 1)
    copy = tmp_path / "b"
    copy.write_bytes(one.read_bytes())
    assert decide(one, copy) == ["", "duplicate"]
    assert decide(one, copy, other, ended=[other]) == ["", "duplicate", ""]


def test_a_picture_that_cannot_be_decoded_is_compared_by_its_bytes(tmp_path):
    one, cut = write(tmp_path / "a"), tmp_path / "b"
    cut.write_bytes(one.read_bytes()[:-9])
    assert decide(one, cut) == ["own", "own"]
    assert decide(one, tmp_path / "gone") == ["", "unreadable"]
