import gzip
import json
import logging
import os
import shutil
import zipfile
from dataclasses import replace
from pathlib import Path

import nibabel
import numpy as np
import pytest
from pydicom import dcmwrite, uid
from pydicom.dataset import Dataset, FileMetaDataset

from unburn import copies, keys, patients, synthetic, tables
from unburn import plan as module
from unburn.errors import UserError
from unburn.files import sha256
from unburn.headers import read_header
from unburn.ledger import unchanged
from unburn.plan import Item, Settings, State, deal, foreign, main, number, plan
from unburn.reasons import REASONS

SETTINGS = Settings(shard_gib=2.0, max_shards=2000)


def write(path, sop="1.2.3", series="1.2", sop_class=uid.CTImageStorage, **more):
    """A DICOM file with 4 x 6 pixels of 16 bits; None leaves an attribute out."""
    dataset = Dataset()
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = uid.ExplicitVRLittleEndian
    dataset.preamble = bytes(128)
    dataset.Modality, dataset.PatientID = "CT", "CANARY"
    dataset.SOPClassUID, dataset.SOPInstanceUID = sop_class, sop
    dataset.StudyInstanceUID, dataset.SeriesInstanceUID = "1.1", series
    dataset.Rows, dataset.Columns, dataset.SamplesPerPixel = 4, 6, 1
    dataset.PhotometricInterpretation = "MONOCHROME2"
    dataset.BitsAllocated = dataset.BitsStored = 16
    dataset.HighBit, dataset.PixelRepresentation = 15, 0
    dataset.PixelData = np.arange(24, dtype="<u2").tobytes()
    for keyword, value in more.items():
        if value is None:
            delattr(dataset, keyword)
        else:
            setattr(dataset, keyword, value)
    path.parent.mkdir(parents=True, exist_ok=True)
    dataset.save_as(path, enforce_file_format=False)
    return path


def volume(path, dtype=np.int16):
    """A NIfTI volume of five slices of 4 x 6, or a pair of header and voxels."""
    kind = nibabel.Nifti1Pair if path.suffix == ".hdr" else nibabel.Nifti1Image
    path.parent.mkdir(parents=True, exist_ok=True)
    kind(np.zeros((6, 4, 5), dtype), np.diag([-1.0, -1, 1, 1])).to_filename(path)
    return path


def with_syntax(content, syntax):
    """A file's bytes with another (0002,0010) Transfer Syntax UID, of even length."""
    before = b"UI\x14\x001.2.840.10008.1.2.1\0"
    return content.replace(before, b"UI" + len(syntax).to_bytes(2, "little") + syntax)


@pytest.fixture
def folder(tmp_path):
    """A submission's folder beside the place of the work folder."""
    (tmp_path / "in").mkdir()
    return tmp_path / "in"


def key(folder):
    """The run's master key."""
    return folder.parent / "unburn.key"


def run(folder, settings=SETTINGS):
    """Plan a folder; (inventory, shard tables by name, summary)."""
    work = folder.parent / "work" / "lab"
    summary = plan(
        folder, work / "inventory.tsv", work / "shards", settings, 1, "sheet:2", key(folder)
    )
    found = {path.stem: tables.read(path) for path in sorted((work / "shards").iterdir())}
    return tables.read(work / "inventory.tsv"), found, summary


def outcomes(folder):
    inventory, _, _ = run(folder)
    names = [os.path.relpath(path, folder.resolve()) for path in inventory.path]
    return dict(zip(names, inventory.reason_code, strict=True))


def test_a_withdrawn_patient_is_left_out_and_nothing_of_the_others_changes(folder):
    keys.new(key(folder))
    for name, patient in (("DOE/1", "4711"), ("DOE/2", "4711"), ("ROE/1", "0815")):
        (folder / name).parent.mkdir(exist_ok=True)
        write(folder / name, f"{patient}.{name[-1]}", patient, PatientID=patient)
    write(folder / "DOE" / "sr", "7", "7", uid.BasicTextSRStorage, PatientID="4711")
    (folder / "DOE" / "notes.txt").write_text("Jane Doe")
    (folder / "notes.txt").write_text("for both")
    before, _, _ = run(folder, Settings(1e-7, 2000))
    assert list(before.patient != "") == [True, True, False, True, True, False]
    master, work = keys.load(key(folder)), folder.parent / "work"
    for label, name in (("lab", before.patient[0]), ("other", before.patient[4])):
        patients.bury(work, label, [patients.digest(master, label, name)], keys.key_id(master))
    (work / "lab" / "plan_state.json").unlink()  # as where work/lab was deleted: all is new
    shutil.rmtree(work / "lab" / "shards")
    after, shards, summary = run(folder, Settings(1e-7, 2000))
    assert summary["reason_code"] == {"not_an_image": 1, "withdrawn": 4} and len(shards) == 1
    left = after[after.reason_code != "withdrawn"]
    assert [Path(path).relative_to(folder.resolve()).as_posix() for path in left.path] == [
        "ROE/1",
        "notes.txt",
    ]
    gone = after[after.reason_code == "withdrawn"]
    assert set(gone.status) == {"ignored"}
    for column in ("path", "sha256", "series", "patient", "modality"):
        assert set(gone[column]) == {""}, column
    kept = "".join(file.read_text() for file in (work / "lab").rglob("*") if file.is_file())
    assert "DOE" not in kept and "4711" not in kept
    again, _, _ = run(folder, Settings(1e-7, 2000))
    assert again.equals(after)


def test_a_withdrawn_volume_is_left_out_wherever_it_lies(folder):
    keys.new(key(folder))
    master, work = keys.load(key(folder)), folder.parent / "work"
    digest = sha256(volume(folder / "sub-01" / "t1.nii"))
    digests = [patients.content_digest(master, "lab", digest)]
    patients.bury(work, "lab", digests, keys.key_id(master))
    shutil.move(folder / "sub-01", folder / "sub-07")
    (folder / "sub-07" / "t1.json").write_text("{}")
    volume(folder / "sub-07" / "t2.nii", np.float32)
    inventory, _, _ = run(folder)
    assert list(inventory.reason_code) == ["withdrawn", "withdrawn", ""]


def test_plan_describes_an_image(folder):
    path = write(folder / "a.dcm", NumberOfFrames=1)
    inventory, shards, _ = run(folder)
    (row,) = inventory.to_dict("records")
    assert row["item"] == "1" and row["status"] == "planned" and row["sha256"] == ""
    assert (row["kind"], row["modality"], row["series"]) == ("image", "CT", "s00001")
    (row,) = shards["00000"].to_dict("records")
    assert row["path"] == str(path.resolve())
    assert row["mtime_ns"] == str(path.stat().st_mtime_ns)
    described = "frames rows columns samples bits_allocated lossy pixels read_all volumetric"
    assert [int(row[name]) for name in described.split()] == [1, 4, 6, 1, 16, 0, 1, 0, 0]
    assert row["transfer_syntax"] == uid.ExplicitVRLittleEndian


def test_a_device_is_its_maker_and_model_however_they_are_written(folder):
    devices = [("ACME", "Wave 3"), ("Acme ", "wave 3"), ("Acme", "Wave 5"), ("", "")]
    for k, (maker, model) in enumerate(devices):
        write(folder / f"{k}.dcm", sop=str(k), Manufacturer=maker, ManufacturerModelName=model)
    _, shards, _ = run(folder)
    one, same, other, none = shards["00000"].device
    assert one == same and len({one, other, none, ""}) == 4


def test_every_kind_of_file_has_its_outcome(folder):
    write(folder / "image", sop="1")
    write(folder / "sr", sop="2", sop_class=uid.BasicTextSRStorage)
    write(folder / "private", sop="3", sop_class="1.3.12.2.9")
    write(folder / "none", sop="4", SOPClassUID=None)
    write(folder / "no pixels", sop="5", PixelData=None)
    write(folder / "geometry", sop="6", Rows=40)
    write(folder / "large", sop="10", Rows=65000, Columns=65000)
    meta = write(folder / "meta alone", sop="11").read_bytes()
    (folder / "meta alone").write_bytes(meta[: meta.index(b"\x08\0\x16\0")])
    write(folder / "sub/DICOMDIR", sop="7", sop_class=uid.MediaStorageDirectoryStorage)
    write(folder / "dose without pixels", sop="8", sop_class=uid.RTDoseStorage, PixelData=None)
    for name, syntax in (
        ("video", b"1.2.840.10008.1.2.4.103\0"),
        ("odd", b"1.2.840.10008.1.2.4.94"),
    ):
        path = write(folder / name, sop=name)
        path.write_bytes(with_syntax(path.read_bytes(), syntax))
    whole = write(folder / "cut", sop="9").read_bytes()
    (folder / "cut").write_bytes(whole[:132] + b"\xff" * 40)
    (folder / "notes.txt").write_text("nothing to see here, move along")
    (folder / "renamed.dcm").write_text("nothing to see here, move along")
    (folder / "empty").touch()
    volume(folder / "brain.nii.gz")
    volume(folder / "float.nii", np.float32)
    volume(folder / "pictures.nii", np.complex64)
    volume(folder / "pair.hdr")
    (folder / "analyze.hdr").write_bytes(b"\x5c\x01\0\0" + bytes(344))
    (folder / "analyze.img").write_bytes(bytes(500))
    with zipfile.ZipFile(folder / "all.zip", "w") as archive:
        archive.writestr("a.dcm", whole)
    (folder / "more.gz").write_bytes(gzip.compress(whole))
    os.mkfifo(folder / "pipe")
    assert outcomes(folder) == {
        "all.zip": "archive",
        "analyze.hdr": "nifti_type",
        "analyze.img": "nifti_voxels",
        "brain.nii.gz": "",
        "cut": "broken",
        "dose without pixels": "",
        "empty": "empty_file",
        "float.nii": "",
        "pictures.nii": "nifti_type",
        "geometry": "bad_geometry",
        "image": "",
        "large": "too_large",
        "meta alone": "broken",
        "more.gz": "archive",
        "no pixels": "pixels_missing",
        "none": "no_sop_class",
        "notes.txt": "not_an_image",
        "pair.hdr": "",
        "pair.img": "nifti_voxels",
        "pipe": "not_an_image",
        "private": "private_sop_class",
        "renamed.dcm": "broken",
        "sr": "structured_report",
        "sub/DICOMDIR": "dicomdir",
        "odd": "unsupported_syntax",
        "video": "video",
    }


def test_plan_describes_a_volume_and_what_lies_beside_it(folder):
    volume(folder / "data/sub-01/anat/t1.nii.gz")
    volume(folder / "data/sub-01/func/rest.nii.gz")
    volume(folder / "data/sub-02/anat/t1.nii.gz")
    volume(folder / "other/x.hdr")
    for name in ("data/sub-01/anat/t1.json", "data/sub-01/anat/t1.bval", "data/sub-09.json"):
        (folder / name).write_text('{"Modality": "MR"}')
    inventory, shards, _ = run(folder)
    codes = dict(zip((Path(p).name for p in inventory.path), inventory.reason_code, strict=True))
    assert codes["sub-09.json"] == "not_an_image" and codes["x.img"] == "nifti_voxels"
    rows = {
        os.path.relpath(row["path"], folder.resolve()): row
        for row in shards["00000"].to_dict("records")
    }
    t1, sidecar = rows["data/sub-01/anat/t1.nii.gz"], rows["data/sub-01/anat/t1.json"]
    described = "frames rows columns samples bits_allocated lossy pixels volumetric"
    assert [int(t1[name]) for name in described.split()] == [5, 4, 6, 1, 16, 0, 1, 1]
    assert (t1["kind"], t1["modality"]) == ("nifti_volume", "MR")
    assert sidecar["kind"] == rows["data/sub-01/anat/t1.bval"]["kind"] == "nifti_sidecar"
    same = ("volume", "subject", "series", "modality")
    assert [sidecar[name] for name in same] == [t1[name] for name in same]
    assert (sidecar["pixels"], sidecar["frames"], sidecar["volumetric"]) == ("0", "0", "0")
    assert t1["subject"] == rows["data/sub-01/func/rest.nii.gz"]["subject"] != ""
    assert t1["subject"] != rows["data/sub-02/anat/t1.nii.gz"]["subject"]
    assert rows["other/x.hdr"]["subject"] == ""
    pair = [folder / f"other/x.{ending}" for ending in ("hdr", "img")]
    assert rows["other/x.hdr"]["bytes"] == str(sum(path.stat().st_size for path in pair))
    assert len({row["volume"] for row in rows.values()}) == 4
    assert unchanged(rows["other/x.hdr"])
    os.utime(pair[1], ns=(1, 1 << 62))
    assert not unchanged(rows["other/x.hdr"])


def test_frames_that_a_compressed_file_does_not_hold_are_not_planned_for(folder):
    # one header with 2 000 000 000 frames made the scratch space look too small for all files
    dataset = read_header(write(folder / "a.dcm"))
    dataset.compress(uid.RLELossless, generate_instance_uid=False)
    dataset.NumberOfFrames = 2_000_000_000
    dataset.save_as(folder / "a.dcm", enforce_file_format=True)
    write(folder / "b.dcm", sop="2")
    assert outcomes(folder) == {"a.dcm": "bad_geometry", "b.dcm": ""}
    assert run(folder)[2]["frames"] == 1


def test_a_copy_that_cannot_be_read_again_is_held_back(folder, monkeypatch):
    # a traceback would show its path in the log
    def gone(path):
        raise FileNotFoundError(path)

    for name in ("a.dcm", "b.dcm"):
        write(folder / name)
    monkeypatch.setattr(copies, "sha256", gone)
    assert outcomes(folder) == {"a.dcm": "unreadable", "b.dcm": "unreadable"}


def test_a_folder_below_one_that_cannot_be_entered_is_a_mistake_without_its_name(
    folder, monkeypatch
):
    def refused(path, **_):
        raise PermissionError(13, "Permission denied", str(path))

    work = folder.parent / "work" / "lab"
    monkeypatch.setattr(os, "stat", refused)
    monkeypatch.setattr(Path, "stat", refused)
    with pytest.raises(UserError) as error:
        module.check_folder(folder, work, "sheet:2")
    assert str(folder) not in str(error.value)


@pytest.mark.parametrize("implicit, little", [(True, True), (False, True), (False, False)])
def test_dicom_without_preamble_is_taken(folder, implicit, little):
    syntax = uid.ExplicitVRLittleEndian if little else uid.ExplicitVRBigEndian
    dataset = read_header(write(folder / "a"))
    del dataset.file_meta
    with open(folder / "a", "wb") as file:
        dcmwrite(file, dataset, implicit_vr=implicit, little_endian=little, force_encoding=True)
    inventory, shards, _ = run(folder)
    assert list(inventory.status) == ["planned"]
    expected = uid.ImplicitVRLittleEndian if implicit else syntax
    assert list(shards["00000"].transfer_syntax) == [expected]


def test_foreign_does_not_take_text_or_pictures_for_dicom():
    png = b"\x89PNG\r\n\x1a\n" + bytes(344)
    for head in (b"", b"\x08\x00", png, b"ID,NAME\n" * 44, bytes(352)):
        assert foreign(head, len(head)) in ("not_an_image", "empty_file")


def test_copies_are_ignored_and_other_objects_of_the_same_uid_are_kept_apart(folder):
    write(folder / "b.dcm", sop="1")
    shutil.copy(folder / "b.dcm", folder / "a.dcm")
    write(folder / "c.dcm", sop="2")
    write(folder / "d.dcm", sop="2", Rows=2, Columns=12)
    shutil.copy(folder / "d.dcm", folder / "e.dcm")
    assert outcomes(folder) == {
        "a.dcm": "",
        "b.dcm": "duplicate",
        "c.dcm": "",
        "d.dcm": "",
        "e.dcm": "duplicate",
    }
    _, shards, summary = run(folder)
    assert list(shards["00000"].shared_uid) == ["0", "1", "1"] and summary["shared_uids"] == 2


def test_what_ends_in_plan_has_its_sha256(folder):
    (folder / "notes.txt").write_text("abc")
    inventory, _, _ = run(folder)
    assert inventory.sha256[0].startswith("ba7816bf8f01cfea")


def test_links_are_read_once_and_never_out_of_the_folder(folder):
    outside = write(folder.parent / "outside" / "x.dcm", sop="9").parent
    write(folder / "store/a", sop="1")
    (folder / "a.dcm").symlink_to(folder / "store/a")
    (folder / "loop").symlink_to(folder)
    (folder / "out").symlink_to(outside)
    (folder / "out.dcm").symlink_to(outside / "x.dcm")
    (folder / "dangling").symlink_to(folder / "gone")
    assert outcomes(folder) == {
        "dangling": "link_outside",
        "out": "link_outside",
        "out.dcm": "link_outside",
        "store/a": "",
    }


def test_a_name_that_no_table_holds_is_held_back_and_the_tables_stay_whole(folder):
    write(folder / "a\tb\nc.dcm", sop="1")
    write(folder / os.fsdecode(b"d\xff.dcm"), sop="2")
    inventory, shards, _ = run(folder)
    assert list(inventory.reason_code) == ["file_name", "file_name"] and not shards


def test_what_cannot_be_opened_is_held_back(folder, monkeypatch):
    write(folder / "a.dcm")

    def refuse(*_, **__):
        raise PermissionError

    monkeypatch.setattr(module, "open", refuse, raising=False)
    assert outcomes(folder) == {"a.dcm": "unreadable"}


def test_a_folder_that_cannot_be_entered_is_named_once(folder, monkeypatch):
    write(folder / "a.dcm")
    write(folder / "closed/b.dcm")
    scandir = os.scandir

    def refuse(path):
        if str(path).endswith("closed"):
            raise PermissionError(13, "no", str(path))
        return scandir(path)

    monkeypatch.setattr(os, "scandir", refuse)
    assert outcomes(folder) == {"a.dcm": "", "closed": "unreadable"}


def test_stacks_of_slices_and_multi_frame_volumes_are_volumetric(folder):
    flat, upright = [1, 0, 0, 0, 1, 0], [1, 0, 0, 0, 0, -1]
    for k in range(3):
        place = {"ImagePositionPatient": [0, 0, k]}
        write(folder / f"a{k}", f"1.{k}", "1", ImageOrientationPatient=flat, **place)
        write(folder / f"b{k}", f"2.{k}", "2", ImageOrientationPatient=flat)
    write(
        folder / "a8", "1.8", "1", ImageOrientationPatient=upright, ImagePositionPatient=[0, 0, 0]
    )
    write(folder / "c", "3", "3", uid.EnhancedMRImageStorage, NumberOfFrames=2, PixelData=bytes(96))
    write(folder / "d", "4", "4", uid.NuclearMedicineImageStorage)
    _, shards, _ = run(folder)
    found = shards["00000"]
    volumetric = [Path(p).name for p in found.path[found.volumetric == "1"]]
    assert sorted(volumetric) == ["a0", "a1", "a2", "c"]


def test_numbers_and_shards_stay_when_files_are_added(folder):
    settings = Settings(shard_gib=1e-6, max_shards=2000)  # two files fill a shard
    for k in range(4):
        write(folder / f"m{k}.dcm", f"1.{k}", f"5.{k}")
    before, shards_before, _ = run(folder, settings)
    times = {p: p.stat().st_mtime_ns for p in (folder.parent / "work/lab/shards").iterdir()}
    shutil.rmtree(folder.parent / "work/lab/shards")  # as Snakemake does before a job
    write(folder / "a.dcm", "1.8", "5.8")
    (folder / "z.txt").write_text("note")
    after, shards_after, _ = run(folder, settings)
    old = after[after.path.isin(before.path)].reset_index(drop=True)
    assert old.equals(before)
    assert list(after.path[len(before) :].map(lambda path: Path(path).name)) == ["a.dcm", "z.txt"]
    changed = [s for s in shards_after if not shards_after[s].equals(shards_before.get(s))]
    assert len(changed) == 1 and changed[0] not in shards_before and len(shards_before) >= 2
    for path, time in times.items():
        assert (path.stat().st_mtime_ns == time) == (path.stem not in changed)


def test_a_new_series_opens_a_shard_though_the_last_has_room(folder):
    write(folder / "a", "1.1", "5.1")
    for k in range(4):
        write(folder / f"b{k}", f"2.{k}", f"6.{k}")
        _, shards, _ = run(folder, Settings(shard_gib=2.0, max_shards=3))
        assert len(shards["00000"]) == 2 and len(shards) == min(k + 1, 3)
    assert len(shards["00002"]) == 2  # no more than max_shards: the last takes what is new


def test_a_series_that_gets_files_keeps_its_shard(folder):
    settings = Settings(shard_gib=1e-7, max_shards=2000)
    for k in range(3):
        write(folder / f"m{k}.dcm", f"1.{k}", f"5.{k}")
    run(folder, settings)
    write(folder / "more.dcm", "1.9", "5.0")
    _, shards, _ = run(folder, settings)
    assert [len(table) for table in shards.values()] == [2, 1, 1]


def test_shards_hold_about_what_they_should_and_are_not_too_many():
    random = np.random.default_rng(0)
    sizes = random.integers(1, 400, 1000) * 2**20
    items = [Item(f"{k}", bytes=int(n), series_key=f"{k}") for k, n in enumerate(sizes)]
    for settings in (SETTINGS, Settings(2.0, 40), Settings(2.0, 1)):
        state = State()
        dealt = deal(number(items, state), state, settings)
        filled = {}
        for item in dealt:
            filled[item.shard] = filled.get(item.shard, 0) + item.bytes
        assert len(filled) <= settings.max_shards
        assert sorted(filled) == [f"{k:05d}" for k in range(len(filled))]
        if settings is SETTINGS:
            assert max(filled.values()) <= 2 * 2**30
            assert np.mean(list(filled.values())) >= 1.5 * 2**30


def test_whole_series_stay_together(folder):
    for k in range(6):
        write(folder / f"{k}.dcm", f"1.{k}", f"5.{k % 2}")
    _, shards, _ = run(folder, Settings(shard_gib=1e-7, max_shards=2000))
    assert [set(table.series) for table in shards.values()] == [{"s00001"}, {"s00002"}]


def test_the_same_folder_gives_the_same_tables(folder):
    for k in range(40):
        write(folder / f"{k}.dcm", f"1.{k}", f"5.{k % 9}")
    work = folder.parent / "work/lab"
    names = ["inventory.tsv", "plan.json", "shards/00000.tsv"]
    made = []
    for _ in range(2):
        run(folder)
        made.append([(work / name).read_bytes() for name in names])
        shutil.rmtree(work)
    assert made[0] == made[1]


def test_the_summary_counts_and_estimates(folder):
    write(folder / "a.dcm", "1")
    (folder / "note").write_text("text")
    _, _, summary = run(folder)
    written = json.loads((folder.parent / "work/lab/plan.json").read_text())
    assert written == summary
    assert summary["status"] == {"ignored": 1, "planned": 1}
    assert summary["reason_code"] == {"not_an_image": 1} and summary["kind"] == {"image": 1}
    assert (summary["files"], summary["frames"], summary["shards"]) == (2, 1, 1)
    size = (folder / "a.dcm").stat().st_size
    assert size < summary["scratch_bytes"] < 3 * size


def test_scratch_grows_with_what_is_decoded():
    item = Item("a", bytes=1000, frames=10, rows=512, columns=512, samples=1, bits_allocated=16)
    searched = replace(item, pixels=True)
    assert item.decoded_bytes == 10 * 512 * 512 * 2
    assert searched.scratch_bytes > item.scratch_bytes > 1000
    assert replace(searched, samples=3).scratch_bytes > searched.scratch_bytes


def test_the_work_folder_is_closed_to_others(folder):
    write(folder / "a.dcm")
    run(folder)
    work = folder.parent / "work/lab"
    assert work.stat().st_mode & 0o777 == (work / "shards").stat().st_mode & 0o777 == 0o700


def test_too_little_space_is_said_before_work_starts(folder, monkeypatch):
    write(folder / "a.dcm")
    monkeypatch.setattr(module, "CLEARLY_LESS", 1000)
    usage = shutil.disk_usage(folder)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage._replace(free=10))
    with pytest.raises(UserError, match=r"of scratch space needed, 0\.0 GiB free\n.*make room"):
        run(folder)
    assert not (folder.parent / "work/lab/inventory.tsv").exists()


def test_mistakes_of_the_folder_are_explained_without_its_name(tmp_path):
    name = tmp_path / "doe_jane"

    def message(path):
        with pytest.raises(UserError) as error:
            run(path)
        assert "doe_jane" not in str(error.value)
        return str(error.value)

    assert "does not exist" in message(name)
    name.mkdir()
    assert "the folder is empty" in message(name)
    (name / "file").touch()
    assert "names a file" in message(name / "file")
    with pytest.raises(UserError, match="lie in each other"):
        plan(
            name, name / "work/lab/i.tsv", name / "work/lab/s", SETTINGS, 1, "sheet:2", name / "key"
        )
    with pytest.raises(UserError, match="lie in each other"):
        plan(name, tmp_path / "lab/i.tsv", tmp_path / "lab/s", SETTINGS, 1, "sheet:2", name / "key")


def test_main_writes_a_log_without_names(folder, caplog):
    write(folder / "doe_jane.dcm")
    sheet = folder.parent / "sheet.tsv"
    sheet.write_text(f"submission\tpath\nlab\t{folder}\n")
    work = folder.parent / "work/lab"
    with caplog.at_level(logging.INFO):
        main(
            [
                *("--sheet", str(sheet), "--submission", "lab", "--threads", "1"),
                *("--inventory", f"{work}/inventory.tsv", "--shards", f"{work}/shards"),
                *("--settings", '{"shard_gib": 2, "max_shards": 9}', "--key", str(key(folder))),
            ]
        )
    assert "1 files, 1 series in 1 shards" in caplog.text
    assert "doe_jane" not in caplog.text and "CANARY" not in caplog.text


def test_every_reason_of_plan_has_a_sentence():
    codes = {"archive", "link_outside", "file_name", "float_pixels", "nifti_type", "unreadable"}
    assert codes <= set(REASONS)


@pytest.mark.parametrize("last", ["inventory.tsv", "plan_state.json"])
def test_a_plan_that_breaks_off_is_made_again_as_if_nothing_had_been(folder, monkeypatch, last):
    for k in range(6):
        write(folder / f"{k}.dcm", f"1.{k}", str(k // 2))
    work = folder.parent / "work" / "lab"
    whole = Path.replace

    def killed(path, target):
        if target.name == last:
            raise OSError(5, "no")
        return whole(path, target)

    monkeypatch.setattr(Path, "replace", killed)
    with pytest.raises(OSError, match="no"):
        run(folder)
    assert not (work / last).exists()
    monkeypatch.undo()
    inventory, shards, _ = run(folder)
    shutil.rmtree(work)
    again, undisturbed, _ = run(folder)
    assert inventory.equals(again)
    assert {name: list(rows["item"]) for name, rows in shards.items()} == {
        name: list(rows["item"]) for name, rows in undisturbed.items()
    }


def test_many_files_in_one_folder_are_planned_in_a_bounded_number_of_shards(folder):
    synthetic.write(synthetic.Shape(40, 5, 64, empty=True, flat=True), folder / "all")
    inventory, shards, summary = run(folder, Settings(1e-6, 7))
    assert summary["status"] == {"planned": 200} and summary["series"] == 40
    assert len(inventory) == len(set(inventory.path)) == 200
    assert 4 <= len(shards) <= 7
    assert sum(map(len, shards.values())) == 200
