"""Diffusion series as Siemens, GE and Philips write them: what dcm2niix reads stays equal.

b-values, gradient directions and slice timing stand in private elements; the header is cleaned,
written, and converted as a released series is.
"""

import json
import subprocess

import dcm2niix
import nibabel
import numpy as np
import pydicom
import pytest
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian, MRImageStorage

from unburn import keys
from unburn.metadata import Settings, clean
from unburn.products import write_nifti

KEY = keys.project_key(bytes(32), "test")
SLICES, ROWS, COLUMNS = 4, 24, 32
GRADIENTS = [
    (0, (0.0, 0.0, 0.0)),
    (1000, (1.0, 0.0, 0.0)),
    (1000, (0.0, 0.8, 0.6)),
    (2000, (-0.6, 0.0, 0.8)),
]
TIMES_MS = [0.0, 52.5, 2.5, 55.0]  # interleaved


def siemens(dataset, point, index):
    """(0019,xx0A) to (0019,xx29), all slices as tiles of one mosaic."""
    value, direction = GRADIENTS[point]
    dataset.Manufacturer = "SIEMENS"
    dataset.SoftwareVersions = "syngo MR E11"
    dataset.ImageType = ["ORIGINAL", "PRIMARY", "DIFFUSION", "NONE", "ND", "MOSAIC"]
    block = dataset.private_block(0x0019, "SIEMENS MR HEADER", create=True)
    block.add_new(0x0A, "US", SLICES)
    block.add_new(0x0C, "IS", str(value))
    block.add_new(0x0D, "CS", "DIRECTIONAL" if value else "NONE")
    if value:
        block.add_new(0x0E, "FD", list(direction))
        outer = np.outer(direction, direction) * value
        block.add_new(0x27, "FD", [float(v) for v in outer[np.triu_indices(3)]])
    block.add_new(0x29, "FD", TIMES_MS)


def ge(dataset, point, index):
    """(0019,xxBB) to (0019,xxBD), (0043,xx39), (0021,xx5E)."""
    value, direction = GRADIENTS[point]
    dataset.Manufacturer = "GE MEDICAL SYSTEMS"
    dataset.SoftwareVersions = "27\\LX\\MR Software release:DV26.0_R03"
    block = dataset.private_block(0x0019, "GEMS_ACQU_01", create=True)
    for element, part in zip((0xBB, 0xBC, 0xBD), direction, strict=True):
        block.add_new(element, "DS", f"{part:.4f}")
    block = dataset.private_block(0x0043, "GEMS_PARM_01", create=True)
    block.add_new(0x39, "IS", [str(value), "0", "0", "0"])
    block = dataset.private_block(0x0021, "GEMS_RELA_01", create=True)
    block.add_new(0x5E, "DS", str(TIMES_MS[index] / 1000))
    dataset.TriggerTime = TIMES_MS[index]


def philips(dataset, point, index):
    """(2001,xx03), (2005,xxB0) to (2005,xxB2), scale slope (2005,xx0E)."""
    value, direction = GRADIENTS[point]
    dataset.Manufacturer = "Philips Medical Systems"
    dataset.SoftwareVersions = "5.3.0"
    dataset.RescaleSlope, dataset.RescaleIntercept = "2", "0"
    block = dataset.private_block(0x2001, "Philips Imaging DD 001", create=True)
    block.add_new(0x03, "FL", float(value))
    block.add_new(0x04, "CS", "S" if value else "N")
    block = dataset.private_block(0x2005, "Philips MR Imaging DD 001", create=True)
    for element, part in zip((0xB0, 0xB1, 0xB2), direction, strict=True):
        block.add_new(element, "FL", float(part))
    block.add_new(0x0D, "FL", 0.0)
    block.add_new(0x0E, "FL", 0.25)


def series(folder, vendor):
    """Write the files of a diffusion series and return them."""
    files = []
    tiles = 2 if vendor is siemens else 1  # rows and columns of tiles
    for point in range(len(GRADIENTS)):
        for index in range(SLICES // tiles**2):
            number = point * SLICES + index + 1
            dataset = Dataset()
            dataset.file_meta = FileMetaDataset()
            dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
            dataset.SOPClassUID, dataset.SOPInstanceUID = MRImageStorage, f"1.2.3.4.{number}"
            dataset.StudyInstanceUID, dataset.SeriesInstanceUID = "1.2.3", "1.2.3.4"
            dataset.FrameOfReferenceUID, dataset.Modality = "1.2.3.5", "MR"
            dataset.PatientName, dataset.PatientID = "Doe^Jane", "4711-0815"
            dataset.StudyDate = dataset.SeriesDate = dataset.AcquisitionDate = "20200304"
            dataset.ContentDate = "20200304"
            dataset.StudyTime = dataset.SeriesTime = "101112"
            dataset.AcquisitionTime = dataset.ContentTime = f"1011{12 + 3 * point:02d}.5"
            dataset.ImageType = ["ORIGINAL", "PRIMARY", "M", "ND"]
            dataset.SeriesDescription, dataset.ProtocolName = "DTI", "DTI"
            dataset.ScanningSequence, dataset.SequenceVariant = "EP", "SK"
            dataset.MRAcquisitionType, dataset.PatientPosition = "2D", "HFS"
            dataset.MagneticFieldStrength, dataset.RepetitionTime = 3, 3000
            dataset.EchoTime, dataset.FlipAngle, dataset.SliceThickness = 80, 90, 3
            dataset.SpacingBetweenSlices, dataset.PixelSpacing = 3, [2, 2]
            dataset.ImageOrientationPatient = [1, 0, 0, 0, 1, 0]
            dataset.ImagePositionPatient = [0, 0, 3.0 * index]
            dataset.InPlanePhaseEncodingDirection = "COL"
            dataset.SeriesNumber, dataset.AcquisitionNumber = 5, point + 1
            dataset.InstanceNumber, dataset.ImagesInAcquisition = number, SLICES * len(GRADIENTS)
            dataset.Rows, dataset.Columns, dataset.SamplesPerPixel = (
                tiles * ROWS,
                tiles * COLUMNS,
                1,
            )
            dataset.PhotometricInterpretation = "MONOCHROME2"
            dataset.BitsAllocated, dataset.BitsStored, dataset.HighBit = 16, 12, 11
            dataset.PixelRepresentation = 0
            shape = (tiles * ROWS, tiles * COLUMNS)
            cells = np.random.default_rng(number).integers(0, 4096, shape, np.uint16)
            dataset.PixelData = cells.tobytes()
            dataset["PixelData"].VR = "OW"
            vendor(dataset, point, index)
            # what must go: a text in a private element, beside those that stay
            dataset.private_block(0x0051, "DOE PRIVATE", create=True).add_new(8, "LO", "Doe^Jane")
            path = folder / f"{number:03d}.dcm"
            dataset.save_as(path, enforce_file_format=True)
            files.append(path)
    return files


def original(folder, out):
    """What dcm2niix makes of the originals."""
    command = [dcm2niix.bin, "-g", "i", "-b", "y", "-z", "n", "-f", "volume", "-o", out, folder]
    subprocess.run(command, check=True, capture_output=True)
    return out / "volume.nii"


def table(path):
    return np.loadtxt(path, ndmin=2)


@pytest.mark.parametrize("vendor", [siemens, ge, philips])
def test_diffusion_and_slice_timing_are_equal_before_and_after(tmp_path, vendor):
    for name in ("in", "cleaned", "before", "after"):
        (tmp_path / name).mkdir()
    files = series(tmp_path / "in", vendor)
    cleaned = []
    for path in files:
        dataset = clean(pydicom.dcmread(path), KEY, Settings("research", 3650)).dataset
        cleaned.append(tmp_path / "cleaned" / path.name)
        dataset.save_as(cleaned[-1], enforce_file_format=True)
        assert b"Doe" not in cleaned[-1].read_bytes()
    before = original(tmp_path / "in", tmp_path / "before")
    made = write_nifti(cleaned, len(GRADIENTS) * SLICES * ROWS * COLUMNS, tmp_path / "after")
    names = {product.file.name: product.file for product in made}
    assert set(names) == {f"volume_1{s}" for s in (".nii.gz", ".json", ".bval", ".bvec")}

    values = table(names["volume_1.bval"])
    assert values.tolist() == [[float(value) for value, _ in GRADIENTS]]
    assert np.array_equal(values, table(before.with_suffix(".bval")))
    vectors = table(names["volume_1.bvec"])
    assert np.array_equal(vectors, table(before.with_suffix(".bvec")))
    assert np.allclose(np.linalg.norm(vectors, axis=0), [0, 1, 1, 1], atol=1e-3)

    one, two = nibabel.nifti1.load(before), nibabel.nifti1.load(names["volume_1.nii.gz"])
    assert one.shape == two.shape == (COLUMNS, ROWS, SLICES, len(GRADIENTS))
    assert np.array_equal(one.affine, two.affine)
    assert np.array_equal(np.asarray(one.dataobj), np.asarray(two.dataobj))
    technical = json.loads(names["volume_1.json"].read_text())
    source = json.loads(before.with_suffix(".json").read_text())
    same = ("SliceTiming", "RepetitionTime", "EchoTime", "PhilipsScaleSlope", "PhilipsRescaleSlope")
    assert {k: technical.get(k) for k in same} == {k: source.get(k) for k in same}
    if vendor is ge:
        # dcm2niix takes GE's slice timing from the protocol block (0025,xx1B), which is a text that
        # can hold anything and goes; the timer of each slice stays
        assert "SliceTiming" not in source
        for path, kept in zip(files, cleaned, strict=True):
            timers = [
                pydicom.dcmread(one).private_block(0x0021, "GEMS_RELA_01")[0x5E].value
                for one in (path, kept)
            ]
            assert timers[0] == timers[1] is not None
    if vendor is siemens:
        assert np.allclose(sorted(technical["SliceTiming"]), np.sort(TIMES_MS) / 1000)
    if vendor is philips:
        assert technical["PhilipsScaleSlope"] == 0.25
