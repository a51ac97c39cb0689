import gzip
import json

import nibabel
import numpy as np
import pytest

from unburn import nifti, sidecars
from unburn.errors import ItemError
from unburn.nifti import Volume, slice_axis
from unburn.presets import RESEARCH

SHAPE = (7, 6, 5)
TEXTS = {
    "db_name": b"DOE_JANE",
    "descrip": b"Doe^Jane 19570312",
    "aux_file": b"doe.dcm",
    "intent_name": b"Jane",
}
LAS = np.diag([-2.0, 2, 3, 1])  # as dcm2niix writes an axial series: text stands upside down


def values(dtype, shape, seed=0):
    info = np.iinfo(dtype)
    return np.random.default_rng(seed).integers(info.min, info.max, shape, dtype, endpoint=True)


def make(path, stored, affine=LAS, kind=nibabel.Nifti1Image, order="<", extension=True, **header):
    """Write a volume with texts, an extension, slope and intercept; RGB where there are three."""
    if stored.shape[-1] == 3 and stored.dtype == np.uint8 and stored.ndim > 3:
        stored = stored.copy().view([(c, "u1") for c in "RGB"])[..., 0]
    image = kind(stored, affine, dtype=stored.dtype if stored.dtype.names is None else None)
    image.header.set_data_dtype(stored.dtype)
    if extension:
        image.header.extensions.append(nibabel.nifti1.Nifti1Extension("comment", b"DOE^JANE 4711"))
    fields = {"xyzt_units": 10, "cal_max": 7} | TEXTS
    if stored.dtype.names is None:
        fields |= {"scl_slope": 0.5, "scl_inter": -3}
    for name, value in (fields | header).items():
        if name in image.header:
            image.header[name] = value
    swapped = image.header.as_byteswapped(order)
    offset = len(swapped.binaryblock) + 4
    tail = b"".join(
        np.array([e.get_sizeondisk(), e.get_code()], f"{order}i4").tobytes()
        + e.content.ljust(e.get_sizeondisk() - 8, b"\0")
        for e in image.header.extensions
    )
    swapped["vox_offset"] = offset + len(tail)
    body = swapped.binaryblock + (b"\1\0\0\0" if tail else bytes(4)) + tail
    cells = stored.astype(stored.dtype.newbyteorder(order)).tobytes(order="F")
    whole = body + cells
    path.write_bytes(gzip.compress(whole) if path.suffix == ".gz" else whole)
    return path


def read(path):
    with Volume(path) as volume:
        return np.stack([volume[k] for k in range(len(volume))])


def rewrite(path, out, change=None):
    with Volume(path) as volume:
        frames = None if change is None else (change(volume[k]) for k in range(len(volume)))
        removed = nifti.write(volume, frames, out)
    return removed


KINDS = {
    "int16": (values(np.int16, SHAPE), {}),
    "uint8": (values(np.uint8, SHAPE), {}),
    "uint16": (values(np.uint16, SHAPE), {}),
    "int32": (values(np.int32, SHAPE), {}),
    "big endian": (values(np.int16, SHAPE), {"order": ">"}),
    "4-D": (values(np.int16, (*SHAPE, 4)), {}),
    "5-D": (values(np.int8, (*SHAPE, 2, 3)), {}),
    "colour": (values(np.uint8, (*SHAPE, 3)), {}),
    "NIfTI-2": (values(np.uint16, SHAPE), {"kind": nibabel.Nifti2Image}),
    "NIfTI-2 big endian": (
        values(np.int16, (*SHAPE, 2)),
        {"kind": nibabel.Nifti2Image, "order": ">"},
    ),
    "whole floats": (values(np.int16, SHAPE).astype(np.float32), {}),
    "whole doubles": (values(np.int32, SHAPE).astype(np.float64), {"order": ">"}),
    "labels of 64 bits": (values(np.uint8, SHAPE).astype(np.int64), {}),
    "sagittal": (
        values(np.int16, SHAPE),
        {"affine": np.array([[0, 0, 3, 0], [-1, 0, 0, 0], [0, 1, 0, 0], [0, 0, 0, 1]])},
    ),
}


@pytest.mark.parametrize("suffix", [".nii", ".nii.gz"])
@pytest.mark.parametrize("kind", KINDS)
def test_a_volume_keeps_voxels_and_geometry_and_loses_every_text(tmp_path, kind, suffix):
    stored, form = KINDS[kind]
    path = make(tmp_path / f"a{suffix}", stored, **form)
    assert rewrite(path, tmp_path / f"b{suffix}") > sum(map(len, TEXTS.values()))
    before, after = nibabel.load(path), nibabel.load(tmp_path / f"b{suffix}")
    assert type(before) is type(after)
    assert np.array_equal(np.asanyarray(before.dataobj), np.asanyarray(after.dataobj))
    raw = (tmp_path / f"b{suffix}").read_bytes()
    whole = gzip.decompress(raw) if suffix == ".nii.gz" else raw
    head, voxels = nifti.parts(tmp_path / f"b{suffix}")
    assert head + voxels == whole and len(voxels) == stored.nbytes
    assert b"oe" not in head and b"JANE" not in head.upper()
    assert not after.header.extensions
    changed = {
        name
        for name in before.header
        if before.header[name].tobytes() != after.header[name].tobytes()
    }
    # nibabel writes numbers for a placement of which it says that there is none
    placement = set(nifti.UNDER_CODE["qform_code"]) if not before.header["qform_code"] else set()
    assert changed - placement == set(TEXTS) - ({"db_name"} if "NIfTI-2" in kind else set())
    assert after.header.endianness == before.header.endianness
    for form_of in ("get_qform", "get_sform"):
        one, two = (getattr(image, form_of)(coded=True) for image in (before, after))
        assert one[1] == two[1] and np.array_equal(one[0], two[0])
    assert rewrite(tmp_path / f"b{suffix}", tmp_path / f"c{suffix}") == 0
    assert (tmp_path / f"c{suffix}").read_bytes() == raw  # no clock, no name


@pytest.mark.parametrize("kind", [nibabel.Nifti1Image, nibabel.Nifti2Image])
def test_numbers_that_mean_nothing_carry_no_text(tmp_path, kind):
    stored = values(np.int16, SHAPE)
    path = make(tmp_path / "a.nii", stored, kind=kind, extension=False)
    with Volume(path) as volume:
        record = np.frombuffer(volume.block, volume.header.dtype).copy()
    record["intent_code"] = record["qform_code"] = record["sform_code"] = 0
    record["dim"][0, 4:] = np.frombuffer(b"DOE JANE" * 4, record["dim"].dtype)[:4]
    record["pixdim"][0, 4] = 2.5  # the repetition time
    record["pixdim"][0, 5:] = np.frombuffer(b"DOE JANE" * 4, record["pixdim"].dtype)[:3]
    for name in (name for names in nifti.UNDER_CODE.values() for name in names):
        field = record[name].reshape(-1)
        field[:] = np.frombuffer(b"DOE JANE" * 4, field.dtype)[: len(field)]
    if "eol_check" in record.dtype.names:
        record["eol_check"] = np.frombuffer(b"JANE", "i1")
    hidden = record.tobytes()
    path.write_bytes(hidden + path.read_bytes()[len(hidden) :])
    assert rewrite(path, tmp_path / "b.nii") >= 8
    raw = (tmp_path / "b.nii").read_bytes()[: len(hidden)]
    assert b"DOE" in hidden and b"DOE" not in raw and b"JANE" not in raw
    after = nibabel.load(tmp_path / "b.nii")
    assert after.header["pixdim"][4] == 2.5 and after.shape == SHAPE
    assert np.array_equal(after.dataobj, stored * 0.5 - 3)


@pytest.mark.parametrize("kind", KINDS)
def test_painted_frames_change_nothing_beside_them(tmp_path, kind):
    stored, form = KINDS[kind]
    path = make(tmp_path / "a.nii", stored, **form)

    def paint(frame):
        out = frame.copy()
        out[1:3, 2:4] = 9
        return out

    rewrite(path, tmp_path / "b.nii", paint)
    before, after = read(path), read(tmp_path / "b.nii")
    wide = stored.dtype.itemsize == 8 or stored.dtype.kind == "f"
    assert before.dtype == after.dtype == (np.int32 if wide else stored.dtype)
    mask = np.zeros(before.shape[1:3], bool)
    mask[1:3, 2:4] = True
    assert np.array_equal(before[:, ~mask], after[:, ~mask]) and (after[:, mask] == 9).all()
    rewrite(path, tmp_path / "c.nii", lambda frame: frame)
    rewrite(path, tmp_path / "d.nii")
    assert (tmp_path / "c.nii").read_bytes() == (tmp_path / "d.nii").read_bytes()


# Where the letter F, written as a scanner shows it, stands in stored axes of the given affine.
LETTER = np.array([[1, 1, 1], [1, 0, 0], [1, 1, 0], [1, 0, 0], [1, 0, 0]], np.uint8) * 200


@pytest.mark.parametrize(
    "affine, axis",
    [
        (np.diag([-1.0, -1, 3, 1]), 2),  # LPS, as DICOM stores
        (np.diag([-1.0, 1, 3, 1]), 2),  # as dcm2niix stores
        (np.diag([1.0, 1, 3, 1]), 2),  # RAS
        (np.array([[0, 1.0, 0, 0], [1, 0, 0, 0], [0, 0, 3, 0], [0, 0, 0, 1]]), 2),  # axes swapped
        (np.diag([1.0, 3, 1, 1]), 1),  # coronal slices along the second axis
        (np.diag([3.0, 1, 1, 1]), 0),  # sagittal slices along the first axis
    ],
)
def test_frames_are_shown_upright_whatever_the_storage(tmp_path, affine, axis):
    volume = np.zeros((8, 8, 8), np.uint8)
    path = make(tmp_path / "a.nii", volume, affine, extension=False)
    with Volume(path) as source:
        assert source.axis == axis
        shown = np.zeros((8, 8), np.uint8)
        shown[1:6, 2:5] = LETTER
        plane = source.unshow(shown)
        assert np.array_equal(source.show(plane), shown)
    # in RAS, radiologists see the left of the patient on the right: columns run to -x or -y
    stored = np.insert(np.zeros((7, 8, 8), np.uint8), 3, plane, axis=0)
    stored = np.moveaxis(stored, 0, axis)
    ras = nibabel.as_closest_canonical(nibabel.Nifti1Image(stored, affine))
    plane = np.asarray(ras.dataobj).max(axis=axis)  # axes along +x +y, +x +z or +y +z
    assert np.array_equal(plane.T[::-1, ::-1], shown)


def test_the_slice_axis_is_where_slices_are_thick_single_or_named():
    even = np.ones(3)
    assert slice_axis((9, 9, 9), even, 0) == 2
    assert slice_axis((9, 9, 9), even, 1 << 4) == 0
    assert slice_axis((9, 9, 9), np.array([1, 5, 1]), 3 << 4) == 1
    assert slice_axis((9, 1, 9), np.array([1, 1, 5]), 0) == 1
    assert slice_axis((9, 9, 9), np.array([np.nan, 5, 1]), 0) == 2


def test_a_pair_becomes_one_file(tmp_path):
    stored = values(np.int16, SHAPE)
    whole = make(tmp_path / "w.nii", stored, extension=False).read_bytes()
    block = bytearray(whole[:348])
    block[108:112] = np.float32(0).tobytes()
    block[344:348] = b"ni1\0"
    (tmp_path / "a.hdr").write_bytes(block)
    (tmp_path / "a.img").write_bytes(whole[352:])
    rewrite(tmp_path / "a.hdr", tmp_path / "b.nii")
    after = nibabel.load(tmp_path / "b.nii")
    assert np.array_equal(after.dataobj.get_unscaled(), stored)
    assert nifti.suffix_of(tmp_path / "a.hdr") == ".nii"
    (tmp_path / "a.img").rename(tmp_path / "elsewhere")
    assert code(tmp_path / "a.hdr") == "pixels_missing"
    (tmp_path / "a.img").symlink_to(tmp_path / "elsewhere")
    assert code(tmp_path / "a.hdr") == "link_outside"


def test_a_volume_without_an_affine_or_with_a_broken_one_is_read(tmp_path):
    stored = values(np.int16, SHAPE)
    path = make(tmp_path / "a.nii", stored, qform_code=0, sform_code=0)
    assert read(path).shape == (5, 6, 7)
    path = make(tmp_path / "b.nii", stored, qform_code=1, sform_code=0, quatern_b=np.nan)
    assert read(path).shape == (5, 6, 7)


def code(path):
    with pytest.raises(ItemError) as error:
        read(path)
    return error.value.code


def test_faults_have_their_codes(tmp_path):
    stored = values(np.int16, SHAPE)
    path = tmp_path / "a.nii"

    def broken(**header):
        return code(make(path, stored, **header))

    for odd in (0.5, np.nan, np.inf, -0.0, 1e9):
        assert (
            code(make(path, np.where(stored > 9, odd, stored).astype(np.float32))) == "float_pixels"
        )
    assert code(make(path, stored.astype(np.int64) << 40)) == "float_pixels"
    assert code(make(path, stored.astype(np.complex64))) == "nifti_type"
    assert broken(bitpix=8) == "bad_geometry"
    assert broken(dim=[3, 7, -6, 5, 1, 1, 1, 1]) == "bad_geometry"
    assert broken(dim=[9, 7, 6, 5, 1, 1, 1, 1]) == "bad_geometry"
    assert broken(dim=[3, 7, 6, 6, 1, 1, 1, 1]) == "bad_geometry"  # more than there is
    whole = make(path, stored).read_bytes()
    path.write_bytes(whole[:-1])
    assert code(path) == "bad_geometry"
    path.write_bytes(whole[:300])
    assert code(path) == "broken"
    assert code(tmp_path / "missing.nii") == "unreadable"


def test_a_compressed_volume_that_is_cut_or_garbled_is_undecodable(tmp_path):
    stored = values(np.int16, (40, 30, 20))
    whole = make(tmp_path / "a.nii.gz", stored).read_bytes()
    for damaged in (whole[:-2000], whole[:2000] + bytes(50) + whole[2050:]):
        (tmp_path / "b.nii.gz").write_bytes(damaged)
        assert code(tmp_path / "b.nii.gz") == "undecodable"
        with pytest.raises(ItemError, match="undecodable"):
            rewrite(tmp_path / "b.nii.gz", tmp_path / "c.nii.gz")


def test_a_volume_that_promises_too_much_is_refused_before_it_is_inflated(tmp_path, monkeypatch):
    path = make(tmp_path / "a.nii.gz", np.zeros((300, 300, 300), np.uint8))

    def promise(*dim):
        head = bytearray(gzip.decompress(path.read_bytes()))
        head[40:56] = np.array([len(dim), *dim, *[1] * 7][:8], "<i2").tobytes()
        (tmp_path / "b.nii.gz").write_bytes(gzip.compress(head[:600]))
        return code(tmp_path / "b.nii.gz")

    assert promise(30_000, 30_000, 30_000) == "bad_geometry"  # more than gzip can hold in it
    monkeypatch.setattr(nifti, "DEFLATE_RATIO", 1 << 40)
    assert promise(30_000, 30_000, 2) == "too_large"
    assert promise(2000, 2000, 2000, 2000) == "too_large"
    assert promise(1000, 1000, 3000) == "too_large"


def test_a_mask_lies_on_its_volume(tmp_path):
    stored = values(np.int16, (*SHAPE, 2))
    path = make(tmp_path / "a.nii", stored)
    with Volume(path) as volume:
        masks = [np.zeros((volume.rows, volume.columns), np.uint8) for _ in range(len(volume))]
        masks[8][1, 2] = 1  # the fourth slice of the second point of time
        nifti.write_mask(volume, masks, tmp_path / "m.nii.gz")
        where = volume.unshow(masks[8])
    mask, image = nibabel.load(tmp_path / "m.nii.gz"), nibabel.load(path)
    assert mask.shape == image.shape and np.array_equal(mask.affine, image.affine)
    found = np.asarray(mask.dataobj)
    assert mask.get_data_dtype() == np.uint8 and found.sum() == 1
    assert np.array_equal(found[:, :, 3, 1], where)


@pytest.mark.parametrize("ending", [".nii", ".nii.gz", ".NII.GZ"])
def test_header_texts_and_names_of_files_can_name_the_patient(tmp_path, ending):
    folder = tmp_path / "sub-zorblatt" / "anat"
    folder.mkdir(parents=True)
    made = make(tmp_path / "x.nii.gz", values(np.int16, SHAPE), descrip=b"QUENTIN HEAD 19570312")
    cells = made.read_bytes()
    named = folder / f"sub-zorblatt_krumm{ending}"
    named.write_bytes(cells if ending.lower().endswith("gz") else gzip.decompress(cells))
    for path in (named, named.with_name("sub-zorblatt_krumm.json")):
        assert {"zorblatt", "krumm", "quentin", "19570312"} <= nifti.told(path).words
        assert "head" not in nifti.told(path).words
    content = {"ReceiveCoilName": "ZORBLATT", "ScanOptions": "Quentin", "SequenceName": "tfl3d"}
    cleaned = sidecars.clean(json.dumps(content).encode(), ".json", RESEARCH, nifti.told(named))
    assert json.loads(cleaned) == {"SequenceName": "tfl3d"}


def test_what_a_sidecar_says_of_the_patient_is_known(tmp_path):
    path = make(tmp_path / "a.nii.gz", values(np.int16, SHAPE))
    assert len(nifti.named(path)) == 0
    content = {"PatientName": "Doe^Jane", "PatientBirthDate": "1957-03-12", "EchoTime": 1}
    content["BodyPart"] = "KNEE"
    (tmp_path / "a.json").write_text(json.dumps(content))
    found = nifti.named(path)
    assert found.PatientName == "Doe^Jane" and found.PatientBirthDate == "19570312"
    assert found.BodyPartExamined == "KNEE"
    (tmp_path / "a.json").write_text(
        json.dumps({"global": {"const": content}, "PatientID": "4711"})
    )
    found = nifti.named(path)
    assert found.PatientName == "Doe^Jane" and found.PatientID == "4711"
    (tmp_path / "a.json").rename(tmp_path / "a.JSON")
    assert nifti.named(path).PatientID == "4711"
    for unreadable in ("[1", "[" * 100_000):
        (tmp_path / "a.json").write_text(unreadable)
        assert len(nifti.named(path)) == 0


@pytest.mark.parametrize(
    "name, stem",
    [("a/b.nii.gz", "a/b"), ("b.v2.nii", "b.v2"), ("b.JSON", "b"), ("b.bvec", "b"), ("b.x", "b.x")],
)
def test_a_stem_has_no_suffix(name, stem):
    assert nifti.stem_of(name) == stem


def test_volumes_are_told_by_their_content(tmp_path):
    path = make(tmp_path / "scan", values(np.int16, SHAPE))
    assert nifti.is_nifti(path)
    (tmp_path / "scan.gz").write_bytes(gzip.compress(path.read_bytes()))
    assert nifti.is_nifti(tmp_path / "scan.gz")
    (tmp_path / "other.nii").write_bytes(bytes(400))
    (tmp_path / "cut.nii.gz").write_bytes(gzip.compress(path.read_bytes())[:20])
    assert not nifti.is_nifti(tmp_path / "other.nii") and not nifti.is_nifti(
        tmp_path / "cut.nii.gz"
    )
