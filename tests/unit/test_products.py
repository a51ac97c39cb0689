import json
import warnings

import h5py
import highdicom
import nibabel
import numpy as np
import pydicom
import pytest
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian

from unburn.errors import ItemError
from unburn.metadata import quiet
from unburn.products import Touched, write_masks, write_nifti, write_nifti_masks

KEY = bytes(range(32))
SERIES = "2.25.300"
US_MULTIFRAME = "1.2.840.10008.5.1.4.1.1.3.1"
CT = "1.2.840.10008.5.1.4.1.1.2"
CR = "1.2.840.10008.5.1.4.1.1.1"


def made(path, pixels, sop_class, number=1, modality="OT", **attributes):
    """Write a cleaned object; pixels (rows, columns[, 3]) or with frames in front."""
    dataset = Dataset()
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    dataset.SOPClassUID, dataset.SOPInstanceUID = sop_class, f"2.25.{1000 + number}"
    dataset.StudyInstanceUID, dataset.SeriesInstanceUID = "2.25.200", SERIES
    dataset.PatientID = dataset.PatientName = "pseudonym"
    dataset.Modality, dataset.InstanceNumber, dataset.SeriesNumber = modality, number, 1
    samples = 3 if pixels.shape[-1] == 3 else 1
    size = pixels.shape[:-1] if samples == 3 else pixels.shape
    dataset.Rows, dataset.Columns = size[-2:]
    if len(size) == 3:
        dataset.NumberOfFrames = size[0]
    dataset.SamplesPerPixel = samples
    dataset.PhotometricInterpretation = "RGB" if samples == 3 else "MONOCHROME2"
    if samples == 3:
        dataset.PlanarConfiguration = 0
    bits = pixels.dtype.itemsize * 8
    dataset.BitsAllocated = dataset.BitsStored = bits
    dataset.HighBit, dataset.PixelRepresentation = bits - 1, 0
    for keyword, value in attributes.items():
        setattr(dataset, keyword, value)
    dataset.PixelData = pixels.tobytes()
    dataset.save_as(path, enforce_file_format=True)
    return path


def slices(folder, count=5, rows=32, columns=40):
    """A volume of single-frame CT slices 2 mm apart."""
    files = []
    for k in range(count):
        pixels = np.arange(rows * columns, dtype=np.uint16).reshape(rows, columns) + k
        files.append(
            made(
                folder / f"{k}.dcm",
                pixels,
                CT,
                number=k + 1,
                modality="CT",
                FrameOfReferenceUID="2.25.7",
                ImagePositionPatient=[0, 0, 2.0 * k],
                ImageOrientationPatient=[1, 0, 0, 0, 1, 0],
                PixelSpacing=[0.5, 0.5],
                SliceThickness=2,
                RescaleSlope=1,
                RescaleIntercept=0,
                StudyDate="20200304",
                StudyTime="101112",
            )
        )
    return files


def masked(path, **items):
    with h5py.File(path, "w") as file:
        for name, mask in items.items():
            file[f"items/{name[1:]}"] = mask.astype(np.uint8)
    return path


def box(frames, rows, columns, painted):
    mask = np.zeros((frames, rows, columns), np.uint8)
    for k in painted:
        mask[k, 2 + k : 6 + k, 3:11] = 1
    return mask


def test_mask_of_cine_holds_painted_frames_only(tmp_path):
    cine = made(
        tmp_path / "a.dcm",
        np.zeros((6, 21, 31, 3), np.uint8),
        US_MULTIFRAME,
        modality="US",
        PatientIdentityRemoved="YES",
    )
    mask = box(6, 21, 31, painted=(1, 4))
    (product,) = write_masks(
        [Touched(cine, masked(tmp_path / "m.h5", i1=mask), "1")], tmp_path, KEY
    )
    seg = highdicom.seg.segread(product.file)
    assert product.frames == seg.NumberOfFrames == 2
    assert np.array_equal(seg.pixel_array, mask[[1, 4]])
    sources = [
        group.DerivationImageSequence[0].SourceImageSequence[0]
        for group in seg.PerFrameFunctionalGroupsSequence
    ]
    assert [source.ReferencedFrameNumber for source in sources] == [2, 5]
    assert {source.ReferencedSOPClassUID for source in sources} == {US_MULTIFRAME}
    assert seg.PatientIdentityRemoved == "YES"
    assert seg.PatientID == "pseudonym"


def test_mask_of_volume_keeps_its_place_in_the_patient(tmp_path):
    files = slices(tmp_path)
    masks = {f"i{k}": box(1, 32, 40, (0,)) for k in (1, 3)}
    path = masked(tmp_path / "m.h5", **masks)
    touched = [Touched(files[k], path, str(k)) for k in (1, 3)]
    (product,) = write_masks(touched, tmp_path, KEY)
    seg = highdicom.seg.segread(product.file)
    uids = [f"2.25.{1001 + k}" for k in (1, 3)]
    planes = seg.get_pixels_by_source_instance(uids, segment_numbers=[1])[..., 0]
    assert np.array_equal(planes, np.concatenate([masks["i1"], masks["i3"]]))
    assert seg.FrameOfReferenceUID == "2.25.7"
    assert seg.ContentDate == "20200304"


def test_mask_of_each_picture_size_is_a_file(tmp_path):
    small = made(tmp_path / "a.dcm", np.zeros((20, 24), np.uint16), CR, 1, "CR")
    large = made(tmp_path / "b.dcm", np.zeros((30, 24), np.uint16), CR, 2, "CR")
    path = masked(tmp_path / "m.h5", i1=box(1, 20, 24, (0,)), i2=box(1, 30, 24, (0,)))
    made_masks = write_masks([Touched(small, path, "1"), Touched(large, path, "2")], tmp_path, KEY)
    shapes = [highdicom.seg.segread(product.file).pixel_array.shape for product in made_masks]
    assert shapes == [(20, 24), (30, 24)]
    assert len({product.sop_instance_uid for product in made_masks}) == 2


def test_mask_is_the_same_bytes_again(tmp_path):
    files = slices(tmp_path, count=2)
    path = masked(tmp_path / "m.h5", i0=box(1, 32, 40, (0,)))
    for name in ("first", "second"):
        (tmp_path / name).mkdir()
        write_masks([Touched(files[0], path, "0")], tmp_path / name, KEY)
    first, second = (tmp_path / name / "mask_1.dcm" for name in ("first", "second"))
    assert first.read_bytes() == second.read_bytes()
    other = pydicom.dcmread(first)
    write_masks([Touched(files[0], path, "0")], tmp_path / "second", bytes(32))
    assert pydicom.dcmread(second).SOPInstanceUID != other.SOPInstanceUID


@pytest.mark.parametrize(
    ("sop_class", "attributes"),
    [
        (CT, {}),  # a CT without any geometry
        (CR, {"PatientSex": "unknown", "StudyDate": "", "SpecificCharacterSet": "ISO_IR 192"}),
        (CT, {"modality": "not a code", "PatientSex": "not a code"}),
        ("1.2.840.10008.5.1.4.1.1.7", {"PatientBirthDate": ""}),
        ("1.2.840.10008.5.1.4.1.1.77.1.1", {"FrameOfReferenceUID": "2.25.9"}),
    ],
)
def test_mask_is_written_for_headers_that_lack_something(tmp_path, caplog, sop_class, attributes):
    with quiet():
        file = made(tmp_path / "a.dcm", np.zeros((20, 24), np.uint8), sop_class, **attributes)
    mask = box(1, 20, 24, (0,))
    with warnings.catch_warnings(record=True) as heard:  # pydicom's quote the header
        warnings.simplefilter("always")
        (product,) = write_masks(
            [Touched(file, masked(tmp_path / "m.h5", i1=mask), "1")], tmp_path, KEY
        )
    assert not heard and not caplog.text
    assert np.array_equal(highdicom.seg.segread(product.file).pixel_array, mask[0])


def test_mask_that_cannot_be_made_holds_the_item_back(tmp_path):
    file = made(tmp_path / "a.dcm", np.zeros((20, 24), np.uint8), CR)
    header = pydicom.dcmread(file)
    del header.StudyInstanceUID
    header.save_as(file)
    path = masked(tmp_path / "m.h5", i1=box(1, 20, 24, (0,)))
    with pytest.raises(ItemError) as error:
        write_masks([Touched(file, path, "1")], tmp_path, KEY)
    assert error.value.code == "mask_not_written"


def test_nifti_holds_every_slice_and_is_the_same_bytes_again(tmp_path):
    files = slices(tmp_path)
    contents = []
    for name in ("first", "second"):
        (tmp_path / name).mkdir()
        volume, sidecar = write_nifti(files, 5 * 32 * 40, tmp_path / name)
        contents.append((volume.file.read_bytes(), sidecar.file.read_bytes()))
    image = nibabel.load(volume.file)
    assert image.shape == (40, 32, 5)
    assert image.header.get_zooms() == (0.5, 0.5, 2.0)
    assert volume.frames == 5
    assert image.header["descrip"].item() == b""  # else: the time of day
    assert np.array_equal(image.dataobj[..., 4][:, ::-1].T, np.arange(1280).reshape(32, 40) + 4)
    assert contents[0] == contents[1]
    assert str(tmp_path).encode() not in contents[0][1]


def test_a_sidecar_says_what_the_cleaned_headers_say_of_the_patient_and_the_time(tmp_path):
    files = slices(tmp_path)
    for file in files:
        dataset = pydicom.dcmread(file)
        dataset.PatientSex, dataset.PatientAge, dataset.AcquisitionTime = "F", "041Y", "101112.5"
        dataset.StudyDate = dataset.AcquisitionDate = "20040119"
        dataset.save_as(file)
    _, sidecar = write_nifti(files, 5 * 32 * 40, tmp_path)
    found = json.loads(sidecar.file.read_text())
    assert found["PatientSex"] == "F" and found["PatientAge"] == 41
    assert found["AcquisitionTime"].startswith("10:11:12.5")
    assert "2004" not in sidecar.file.read_text() and "PatientID" not in found


def test_a_series_of_painted_and_other_slices_is_one_volume(tmp_path):
    files = slices(tmp_path)
    for number, file in enumerate(files):
        dataset = pydicom.dcmread(file)
        dataset.ImageType = ["ORIGINAL" if number in (1, 3) else "DERIVED", "PRIMARY", "M", "ND"]
        dataset.save_as(file)
    before = [file.read_bytes() for file in files]
    volume, _ = write_nifti(files, 5 * 32 * 40, tmp_path)
    assert nibabel.nifti1.load(volume.file).shape == (40, 32, 5)
    assert [file.read_bytes() for file in files] == before


@pytest.mark.parametrize("slope", ["1", "0.37"])
def test_painted_voxels_of_a_converted_series_lie_where_their_pixels_went(tmp_path, slope):
    """The mask of a voxel is that of its value: slices and rows are turned alike."""
    files = slices(tmp_path)
    painted = {}
    for k, file in enumerate(files):
        dataset = pydicom.dcmread(file)
        dataset.RescaleSlope, dataset.RescaleIntercept = slope, "-1024"
        dataset.ImageType = ["DERIVED" if k in (1, 3) else "ORIGINAL", "PRIMARY", "AXIAL"]
        dataset.save_as(file)
        if k in (1, 3):
            painted[file] = np.zeros((1, 32, 40), np.uint8)
            painted[file][0, 3 : 5 + k, 7:20] = 1
    stored = masked(
        tmp_path / "m.h5", **{f"i{n}": planes for n, planes in enumerate(painted.values())}
    )
    touched = [Touched(file, stored, str(n)) for n, file in enumerate(painted)]
    contents = []
    for name in ("first", "second"):
        out = tmp_path / name
        out.mkdir()
        volume = write_nifti(files, 5 * 32 * 40, out)[0].file
        (mask,) = write_nifti_masks(files, touched, [volume], out)
        contents.append(mask.file.read_bytes())
    assert contents[0] == contents[1] and mask.file.name == "mask_1.nii.gz" and mask.frames == 5
    image, where = nibabel.load(volume), nibabel.load(mask.file)
    assert image.shape == where.shape and np.array_equal(image.affine, where.affine)
    assert where.get_data_dtype() == np.uint8 and where.header["descrip"].item() == b""
    values = np.rint((np.asanyarray(image.dataobj) + 1024) / float(slope)).astype(int)
    marked = np.asarray(where.dataobj) == 1
    expected = set()
    for file, planes in painted.items():
        pixels = pydicom.dcmread(file).pixel_array
        expected |= {(int(file.stem), int(v)) for v in pixels[planes[0] > 0]}
    found = {(int(z), int(values[x, y, z])) for x, y, z in np.argwhere(marked)}
    assert found == expected


def test_masks_that_do_not_fit_their_volume_are_not_written(tmp_path, caplog):
    files = slices(tmp_path)
    volume = write_nifti(files, 5 * 32 * 40, tmp_path)[0].file
    assert write_nifti_masks(files[:4], [], [volume], tmp_path) == []
    assert "by the DICOM SEG alone" in caplog.text
    assert not (tmp_path / "mask_1.nii.gz").exists()


def test_nifti_with_missing_voxels_is_not_written(tmp_path):
    assert write_nifti(slices(tmp_path), 6 * 32 * 40, tmp_path) == []


def test_nifti_of_broken_files_is_not_written(tmp_path):
    (tmp_path / "x.dcm").write_bytes(b"no image")
    assert write_nifti([tmp_path / "x.dcm"], 100, tmp_path) == []
