import json
from dataclasses import replace

import h5py
import numpy as np
import pydicom
import pytest
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import (
    CTImageStorage,
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    JPEG2000Lossless,
    JPEGLSLossless,
    RLELossless,
    RTPlanStorage,
)

from unburn import keys, metadata, reassemble, tables
from unburn.errors import ItemError
from unburn.patches import Content, Patch, Writer
from unburn.pixels import StoredFrames
from unburn.scrubbing import scrub_stream

KEY = keys.project_key(bytes(32), "test")
SETTINGS = metadata.Settings(preset="research", date_shift_days=365)
SHARD_COLUMNS = (
    *("item", "path", "bytes", "mtime_ns", "series", "kind", "modality", "sop_class"),
    *("transfer_syntax", "frames", "rows", "columns", "samples", "bits_allocated", "lossy"),
    *("pixels", "read_all", "volumetric", "shared_uid"),
)


def image(path, stored, syntax=ExplicitVRLittleEndian, sop="1.2.3.4"):
    """A CT-like object with stored uint16 (frames, rows, columns)."""
    dataset = Dataset()
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = syntax
    dataset.SOPClassUID, dataset.SOPInstanceUID = CTImageStorage, sop
    dataset.StudyInstanceUID, dataset.SeriesInstanceUID = "1.2.3", "1.2.3.1"
    dataset.PatientName, dataset.PatientID, dataset.Modality = "Doe^Jane", "4711-0815", "CT"
    frames, dataset.Rows, dataset.Columns = stored.shape
    if frames > 1:
        dataset.NumberOfFrames = frames
    dataset.SamplesPerPixel, dataset.PhotometricInterpretation = 1, "MONOCHROME2"
    dataset.BitsAllocated, dataset.BitsStored, dataset.HighBit = 16, 16, 15
    dataset.PixelRepresentation = 0
    order = "<" if syntax.is_little_endian else ">"
    dataset.PixelData = stored.astype(f"{order}u2").tobytes()
    dataset["PixelData"].VR = "OW"
    pydicom.dcmwrite(path, dataset, enforce_file_format=True)
    return path


def shard_row(number, path, stored, **more):
    state = path.stat()
    frames, rows, columns = stored.shape
    row = dict.fromkeys(SHARD_COLUMNS, "0") | {
        **{"item": number, "path": path, "bytes": state.st_size, "mtime_ns": state.st_mtime_ns},
        **{"series": "s00001", "kind": "image", "modality": "CT", "pixels": 1},
        **{"frames": frames, "rows": rows, "columns": columns},
    }
    return {key: str(value) for key, value in (row | more).items()}


def square(item, frame, top, left, value, side=8):
    content = Content(
        pixels=np.full((side, side, 1), value, np.uint16),
        mask=np.ones((side, side), bool),
        hidden=np.ones((side, side), bool),
        limits=(0, 65535),
    )
    return Patch(item, frame, top, left, side, side, content)


class Shard:
    """The artefacts of one shard, made by hand."""

    def __init__(self, folder, rows, masks=None, fills=(), painted=(), failed=None, looked=None):
        self.folder = folder
        tables.write(folder / "shard.tsv", rows, SHARD_COLUMNS)
        looked = looked or [
            (int(row["item"]), k) for row in rows for k in range(int(row["frames"]))
        ]
        kind = [("item", "i4"), ("frame", "i4"), ("suspicion", "f4"), ("regions", "i4")]
        with h5py.File(folder / "regions.h5", "w") as file:
            file["examined"] = np.array([(i, k, 0.0, 0) for i, k in looked], kind)
        with h5py.File(folder / "masks.h5", "w") as file:
            file.attrs["failed"] = json.dumps(failed or {})
            for item, mask in (masks or {}).items():
                file[f"items/{item}"] = mask
        for name, engine, content in (("fills", "flat", fills), ("painted", "classic", painted)):
            with Writer(folder / f"{name}.h5") as writer:
                for patch in content:
                    writer.add(replace(patch, content=replace(patch.content, engine=engine)))

    def run(self, threads=1, name="out"):
        out = self.folder / name
        reassemble.reassemble(
            *(self.folder / f for f in ("shard.tsv", "regions.h5")),
            reassemble.Inputs(*(self.folder / f for f in ("masks.h5", "fills.h5", "painted.h5"))),
            SETTINGS,
            KEY,
            threads,
            *(out / f for f in ("candidates", "candidates.tsv", "uids.tsv")),
        )
        return out, tables.read(out / "candidates.tsv").to_dict("records")


@pytest.fixture
def stored():
    return np.random.default_rng(1).integers(0, 65535, (2, 20, 24), np.uint16)


def masked(stored):
    mask = np.zeros(stored.shape, np.uint8)
    mask[0, 2:10, 3:11] = mask[0, 12:20, 16:24] = 1
    return mask


def test_paint_writes_the_mask_only_and_refuses_a_gap(stored):
    mask = masked(stored)[0] > 0
    one, two = square(1, 0, 2, 3, 7), square(1, 0, 12, 16, 9)
    out = reassemble.paint(stored[0], mask, [one, two])
    assert (out[~mask] == stored[0][~mask]).all() and set(out[mask]) == {7, 9}
    with pytest.raises(ItemError, match="not_painted"):
        reassemble.paint(stored[0], mask, [one])


def test_differing_counts_pixels_outside_the_mask():
    before = np.zeros((4, 5, 3), np.uint8)
    after, mask = before.copy(), np.zeros((4, 5), bool)
    after[0, 0] = 1, 2, 3
    after[1, 1, 2] = 1
    mask[1, 1] = True
    assert reassemble.differing(before, after, None) == 2
    assert reassemble.differing(before, after, mask) == 1
    assert reassemble.differing(before, after.astype(np.int16), mask) == 20


@pytest.mark.parametrize("syntax", [ExplicitVRLittleEndian, ExplicitVRBigEndian])
def test_touched_item_keeps_every_pixel_outside_the_mask(tmp_path, stored, syntax):
    path = image(tmp_path / "a.dcm", stored, syntax)
    shard = Shard(
        tmp_path,
        [shard_row(1, path, stored)],
        {1: masked(stored)},
        fills=[square(1, 0, 2, 3, 7)],
        painted=[square(1, 0, 12, 16, 9)],
    )
    out, (row,) = shard.run()
    mask = masked(stored) > 0
    with StoredFrames(out / "candidates" / row["file"]) as after:
        frames = np.stack([after[0], after[1]])
    assert (frames[~mask] == stored[~mask]).all() and set(frames[mask]) == {7, 9}
    counts = ("masked_frames", "masked_pixels", "flat_pixels", "painted_pixels", "pixels_total")
    assert [row[name] for name in counts] == ["1", "128", "64", "64", "960"]
    assert (row["status"], row["outside_differing"], row["engine"]) == ("candidate", "0", "classic")
    assert float(row["texture_ratio"]) >= 0 and row["seam_step"]


def test_untouched_item_keeps_its_pixel_data_and_loses_its_identity(tmp_path, stored):
    path = image(tmp_path / "doe.dcm", stored)
    out, (row,) = Shard(tmp_path, [shard_row(1, path, stored)]).run()
    raw = (out / "candidates" / "1.dcm").read_bytes()
    cleaned = pydicom.dcmread(out / "candidates" / "1.dcm")
    assert cleaned.PixelData == pydicom.dcmread(path).PixelData
    assert b"Doe" not in raw and b"4711-0815" not in raw and raw[:128] == bytes(128)
    assert row["output"].startswith("dicom/") and row["output"].endswith(".dcm")
    assert "1.2.3" not in row["output"] and row["output"].count("/") == 4
    assert row["engine"] == "" and row["masked_pixels"] == "0" and row["scrubbed"] == "0"
    uids = tables.read(out / "uids.tsv")
    assert dict(zip(uids.id_old, uids.id_new, strict=True))["1.2.3.4"] == row["sop_out"]


@pytest.mark.parametrize(
    "syntax",
    [
        *(ImplicitVRLittleEndian, ExplicitVRBigEndian, DeflatedExplicitVRLittleEndian),
        *(RLELossless, JPEGLSLossless, JPEG2000Lossless),
    ],
)
def test_an_untouched_item_keeps_its_pixel_data_in_every_transfer_syntax(tmp_path, syntax):
    stored = np.random.default_rng(1).integers(0, 65535, (2, 40, 48), np.uint16)
    plain = ExplicitVRLittleEndian if syntax.is_encapsulated else syntax
    path = image(tmp_path / "a.dcm", stored, plain)
    if syntax.is_encapsulated:
        dataset = pydicom.dcmread(path)
        dataset.compress(syntax, generate_instance_uid=False)
        scrub_stream(dataset)  # the encoder's own comment
        dataset.save_as(path, enforce_file_format=True)
    out, (row,) = Shard(tmp_path, [shard_row(1, path, stored)]).run()
    cleaned = pydicom.dcmread(out / "candidates" / "1.dcm")
    assert (row["status"], row["scrubbed"]) == ("candidate", "0")
    assert cleaned.file_meta.TransferSyntaxUID == syntax
    assert cleaned.PixelData == pydicom.dcmread(path).PixelData
    with StoredFrames(out / "candidates" / "1.dcm") as after:
        assert np.array_equal(np.stack([after[0], after[1]]), stored)


def test_items_that_failed_before_or_were_not_searched_are_held(tmp_path, stored):
    rows = [
        shard_row(k, image(tmp_path / f"{k}.dcm", stored, sop=f"1.2.3.{k}"), stored)
        for k in (1, 2, 3)
    ]
    looked = [(1, 0), (1, 1), (2, 0), (3, 0), (3, 1)]
    shard = Shard(tmp_path, rows, failed={1: "undecodable"}, looked=looked)
    out, found = shard.run()
    codes = [(row["status"], row["reason_code"]) for row in found]
    assert codes == [("held_back", "undecodable"), ("held_back", "not_examined"), ("candidate", "")]
    assert [p.name for p in (out / "candidates").iterdir()] == ["3.dcm"]


def test_gap_in_paint_holds_the_item_and_not_the_next(tmp_path, stored):
    rows = [
        shard_row(k, image(tmp_path / f"{k}.dcm", stored, sop=f"1.2.3.{k}"), stored) for k in (1, 2)
    ]
    shard = Shard(tmp_path, rows, {1: masked(stored)}, fills=[square(1, 0, 2, 3, 7)])
    _, found = shard.run()
    assert [row["reason_code"] for row in found] == ["not_painted", ""]


def test_patch_beyond_the_mask_is_counted(tmp_path, stored):
    mask = np.zeros(stored.shape, np.uint8)
    mask[1, 2:10, 3:10] = 1
    path = image(tmp_path / "a.dcm", stored)
    shard = Shard(tmp_path, [shard_row(1, path, stored)], {1: mask}, fills=[square(1, 1, 2, 3, 0)])
    _, (row,) = shard.run()
    assert int(row["outside_differing"]) == (stored[1, 2:10, 10] != 0).sum() == 8


def test_changed_or_broken_input_is_held(tmp_path, stored):
    path = image(tmp_path / "a.dcm", stored)
    rows = [shard_row(1, path, stored, mtime_ns=1)]
    other = tmp_path / "b.dcm"
    other.write_bytes(path.read_bytes()[:-40])
    rows.append(shard_row(2, other, stored))
    _, found = Shard(tmp_path, rows).run()
    assert [row["status"] for row in found] == ["held_back", "held_back"]
    assert found[0]["reason_code"] == "changed_input" and found[1]["reason_code"]


def test_the_log_says_by_its_keyword_which_attribute_is_malformed(tmp_path, stored, caplog):
    path = image(tmp_path / "a.dcm", stored)
    half = b"\xfe\xff\0\xe0"  # of the head of an item, as Anatomic Region Sequence
    path.write_bytes(path.read_bytes() + b"\x08\0\x18\x22UN\0\0\4\0\0\0" + half)
    _, (row,) = Shard(tmp_path, [shard_row(1, path, stored)]).run()
    assert row["reason_code"] == "metadata_failed"
    assert "item 1: metadata_failed (AnatomicRegionSequence)" in caplog.text


def test_segmentation_keeps_its_pixels_and_names_what_it_refers_to(tmp_path, stored):
    path = image(tmp_path / "a.dcm", stored)
    dataset = pydicom.dcmread(path)
    item = Dataset()
    item.ReferencedSOPClassUID, item.ReferencedSOPInstanceUID = CTImageStorage, "1.2.3.99"
    study = Dataset()  # as in (3006,0012) RT Referenced Study Sequence: no object of its own
    study.ReferencedSOPClassUID, study.ReferencedSOPInstanceUID = "1.2.840.10008.3.1.2.3.1", "1.2.3"
    plan = Dataset()  # as in (300C,0002) Referenced RT Plan Sequence: never released
    plan.ReferencedSOPClassUID, plan.ReferencedSOPInstanceUID = RTPlanStorage, "1.2.3.98"
    dataset.SourceImageSequence = [item, study, plan]
    dataset.save_as(path)
    rows = [shard_row(1, path, stored, kind="segmentation", pixels=0)]
    out, (row,) = Shard(tmp_path, rows, looked=[(9, 0)]).run()
    assert row["references"] == "1.2.3.99" and row["status"] == "candidate"
    cleaned = pydicom.dcmread(out / "candidates" / "1.dcm")
    assert cleaned.PixelData == dataset.PixelData
    new = tables.read(out / "uids.tsv").set_index("id_old").id_new["1.2.3.99"]
    assert cleaned.SourceImageSequence[0].ReferencedSOPInstanceUID == new


@pytest.mark.parametrize("kind", ["key_object", "presentation_state", "rtstruct"])
def test_a_picture_in_an_object_that_has_none_is_removed(tmp_path, stored, kind):
    path = image(tmp_path / "a.dcm", stored)
    rows = [shard_row(1, path, stored, kind=kind, pixels=0)]
    out, (row,) = Shard(tmp_path, rows, looked=[(9, 0)]).run()
    assert row["status"] == "candidate"
    assert "PixelData" not in pydicom.dcmread(out / "candidates" / "1.dcm")


def test_average_leaves_out_what_is_not_finite():
    assert reassemble.average([1.0, float("nan"), 2.0]) == "1.5"
    assert reassemble.average([float("nan")]) == ""


def test_objects_that_share_a_uid_get_one_of_their_own(tmp_path, stored):
    paths = [image(tmp_path / f"{k}.dcm", stored + k) for k in range(2)]
    rows = [shard_row(k, path, stored, shared_uid=1) for k, path in enumerate(paths, 1)]
    out, found = Shard(tmp_path, rows).run()
    assert len({row["sop_out"] for row in found} | {keys.uid(KEY, "1.2.3.4")}) == 3
    assert len({row["output"] for row in found}) == 2
    for row in found:
        cleaned = pydicom.dcmread(out / "candidates" / row["file"])
        assert cleaned.file_meta.MediaStorageSOPInstanceUID == cleaned.SOPInstanceUID
        assert cleaned.SOPInstanceUID == row["sop_out"] and row["shared_uid"] == "1"
    assert "1.2.3.4" not in list(tables.read(out / "uids.tsv").id_old)
    # another order of the files, and nothing else beside them: the same UID
    again = Shard(tmp_path, [shard_row(7, paths[1], stored, shared_uid=1)]).run(name="again")[1]
    assert again[0]["sop_out"] == found[1]["sop_out"]


def test_an_object_without_a_uid_gets_one(tmp_path, stored):
    path = image(tmp_path / "a.dcm", stored)
    dataset = pydicom.dcmread(path)
    del dataset.SOPInstanceUID, dataset.file_meta.MediaStorageSOPInstanceUID
    dataset.save_as(path, enforce_file_format=False)
    shard = Shard(tmp_path, [shard_row(1, path, stored)])
    (row,), (again,) = shard.run()[1], shard.run(name="again")[1]
    assert row["status"] == "candidate" and row["sop_out"] == again["sop_out"] != ""
