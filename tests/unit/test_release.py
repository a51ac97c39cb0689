import csv
import json
import os

import h5py
import highdicom
import numpy as np
import pytest
from test_products import CR, CT, made

from unburn import evaluate, keys, ledger, mending, policy, release, tables
from unburn.errors import UserError
from unburn.files import sha256
from unburn.ledger import records
from unburn.mask import KNOWN
from unburn.products import Product
from unburn.release import LEDGER_COLUMNS, RELEASED_COLUMNS, Settings

MASTER = bytes(range(32))
SERIES_UNIT = Settings(unit="series")

INVENTORY = (
    *("item", "path", "bytes", "mtime_ns", "sha256", "status", "reason_code", "kind"),
    *("modality", "sop_class", "series", "shard"),
)
SHARD = ("item", "path", "series", "kind", "modality", "frames", "pixels", "volumetric", "device")
CANDIDATES = (
    *("item", "file", "status", "reason_code", "output", "sha256_in", "modality", "kind"),
    *(
        "series",
        "patient_in",
        "issuer_in",
        "patient_out",
        "study_out",
        "series_out",
        "sop_in",
        "sop_out",
    ),
    *("frame_of_reference_out", "frames", "masked_frames", "masked_pixels", "pixels_total"),
    *("flat_pixels", "painted_pixels", "engine", "outside_differing", "texture_ratio"),
    *("seam_step", "scrubbed", "references", "shared_uid"),
)
VERDICTS = (
    *("item", "verdict", "reason_code", "overridable", "face"),
    *("frames", "frames_suspicious", "frames_read", "frames_failed", "sha256"),
)
EXAMINED = [("item", "i4"), ("frame", "i4"), ("suspicion", "f4"), ("regions", "i4")]
REGIONS = [
    *[("item", "i4"), ("frame", "i4"), ("quad", "f4", (4, 2)), ("score", "f4")],
    *[("height", "f4"), ("source", "S12"), ("kind", "S12")],
]


class Made:
    """A submission as the stages before leave it: add items, then write the tables."""

    def __init__(self, folder):
        self.inputs, self.work = folder / "inputs", folder / "work" / "lab"
        self.results = folder / "results" / "lab"
        self.shard = self.work / "00000"
        (self.shard / "candidates").mkdir(parents=True)
        self.inputs.mkdir()
        self.inventory, self.rows, self.candidates, self.verdicts = [], [], [], []
        self.masks, self.known = {}, []
        self.policy, self.kept, self.fell_back, self.facts = "all", [], [], []

    def other(self, status, code, kind="", series=""):
        """A file that no shard holds."""
        number = self.input()
        self.inventory.append(self.listed(number, status, code) | {"kind": kind, "series": series})
        return number

    def input(self):
        number = str(len(self.inventory) + 1)
        (self.inputs / f"Doe_Jane_{number}").write_bytes(b"input " + number.encode())
        return number

    def listed(self, number, status, code):
        path = str(self.inputs / f"Doe_Jane_{number}")
        return {"item": number, "path": path, "status": status, "reason_code": code, "shard": "0"}

    def image(
        self, series="s00001", verdict="release", volumetric=0, kind="image", mask=None, **more
    ):
        """A planned item with a candidate of 20 x 24 pixels."""
        number = self.input()
        path = self.shard / "candidates" / f"{number}.dcm"
        geometry = {
            "FrameOfReferenceUID": "2.25.7",
            "ImagePositionPatient": [0, 0, 2.0 * int(number)],
            "ImageOrientationPatient": [1, 0, 0, 0, 1, 0],
            "PixelSpacing": [1, 1],
            "SliceThickness": 2,
        }
        pixels = np.full((20, 24), int(number), np.uint16)
        made(path, pixels, CT if volumetric else CR, int(number), "CT", **geometry)
        if mask is not None:
            self.masks[number] = mask
        self.inventory.append(
            self.listed(number, "planned", "") | {"kind": kind, "modality": "CT", "series": series}
        )
        self.rows.append(
            {
                "item": number,
                "path": str(self.inputs / f"Doe_Jane_{number}"),
                "series": series,
                "kind": kind,
                "modality": "CT",
                "frames": 1,
                "pixels": int(kind == "image"),
                "volumetric": volumetric,
            }
        )
        code = {"release": "", "hold": "residual_text"}.get(verdict, "")
        if verdict:
            self.verdicts.append(
                {
                    "item": number,
                    "verdict": verdict,
                    "reason_code": code,
                    "frames": 1,
                    "frames_suspicious": int(mask is not None),
                    "frames_read": 1,
                    "frames_failed": int(verdict == "hold"),
                    "sha256": sha256(path),
                }
            )
        self.candidates.append(
            {
                "item": number,
                "file": f"{number}.dcm",
                "status": "candidate",
                "output": f"dicom/patient/study/{series}out/2.25.{1000 + int(number)}.dcm",
                "sha256_in": sha256(self.inputs / f"Doe_Jane_{number}"),
                "modality": "CT",
                "kind": kind,
                "series": series,
                "patient_in": "MRN-4711-88",
                "issuer_in": "Spital",
                "patient_out": "patient",
                "study_out": "study",
                "series_out": f"{series}out",
                "sop_in": f"1.2.3.4.{number}",
                "sop_out": f"2.25.{1000 + int(number)}",
                "frames": 1,
                "masked_frames": int(mask is not None),
                "masked_pixels": 0 if mask is None else int(mask.sum()),
                "pixels_total": 480,
                "engine": "" if mask is None else "flat",
                "references": "",
            }
            | more
        )
        return number

    def write(self):
        (self.work / "shards").mkdir(exist_ok=True)
        self.write_table(self.work / "inventory.tsv", self.inventory, INVENTORY)
        self.write_table(self.work / "shards" / "00000.tsv", self.rows, SHARD)
        self.write_table(self.shard / "candidates.tsv", self.candidates, CANDIDATES)
        self.write_table(self.shard / "verdicts.tsv", self.verdicts, VERDICTS)
        uids = [{"id_old": row["sop_in"], "id_new": row["sop_out"]} for row in self.candidates]
        self.write_table(self.shard / "uids.tsv", uids, ("id_old", "id_new"))
        masked = [int(number) for number in self.masks]
        examined = [(int(row["item"]), 0, 0.0, int(row["item"]) in masked) for row in self.rows]
        regions = [(item, 0, np.zeros((4, 2)), 0.9, 4.0, b"crnn", b"text") for item in masked]
        with h5py.File(self.shard / "regions.h5", "w") as file:
            file["examined"] = np.array(examined, EXAMINED)
            file["regions"] = np.array(regions, REGIONS)
        with h5py.File(self.shard / "masks.h5", "w") as file:
            file.attrs["policy"] = self.policy
            file["kept"] = np.array(self.kept, policy.KEPT)
            file["known"] = np.array(self.known, KNOWN)
            file["fell_back"] = np.array(self.fell_back, int)
            file["facts"] = np.array(self.facts, policy.FACT)
            for number, mask in self.masks.items():
                file[f"items/{number}"] = mask[None].astype(np.uint8)

    @staticmethod
    def write_table(path, rows, columns):
        tables.write(path, ({name: row.get(name, "") for name in columns} for row in rows), columns)

    def release(self, settings=SERIES_UNIT, master=MASTER, threads=1, discard=False):
        self.write()
        inventory = self.work / "inventory.tsv"
        items = release.release(
            inventory, self.work, self.results, master, "lab", settings, threads, discard
        )
        return {name: one.reason_code or one.status for name, one in items.items()}

    def released(self):
        return {row["output"]: row for row in records(self.results / "released.tsv")}


@pytest.fixture
def lab(tmp_path):
    return Made(tmp_path)


def box(rows=4, columns=12):
    mask = np.zeros((20, 24), np.uint8)
    mask[2 : 2 + rows, 3 : 3 + columns] = 1
    return mask


def test_release_accounts_for_every_file_once(lab):
    lab.image()
    lab.image(verdict="hold")
    lab.other("held_back", "broken")
    lab.other("ignored", "dicomdir")
    lab.release()
    ledger = records(lab.work / "ledger.tsv")
    assert list(ledger[0]) == list(LEDGER_COLUMNS)
    assert [(row["status"], row["reason_code"]) for row in ledger] == [
        ("released", ""),
        ("held_back", "residual_text"),
        ("held_back", "broken"),
        ("ignored", "dicomdir"),
    ]
    assert [row["sha256"] for row in ledger] == [sha256(row["input"]) for row in ledger]
    assert ledger[0]["sop_instance_uid_in"] == "1.2.3.4.1"
    assert ledger[0]["sop_instance_uid_out"] == "2.25.1001"
    assert ledger[1]["output"] == ledger[1]["sop_instance_uid_out"] == ""
    held = records(lab.results / "held_back.tsv")
    assert [row["item"] for row in held] == ["2", "3"]
    assert all(row["reason"].endswith(".") for row in held)


def test_release_lists_exactly_the_files_that_are_there(lab):
    lab.image(mask=box())
    lab.image(series="s00002")
    lab.release()
    lab.release()  # over what is there
    released = lab.released()
    files = {
        path.relative_to(lab.results).as_posix(): path
        for path in lab.results.rglob("*")
        if path.is_file() and path.suffix != ".tsv"
    }
    assert set(files) == set(released)
    assert all(row["sha256"] == sha256(files[name]) for name, row in released.items())
    row = released["dicom/patient/study/s00001out/2.25.1001.dcm"]
    assert list(row) == list(RELEASED_COLUMNS)
    assert (row["masked_pixels"], row["synthetic_fraction"]) == ("48", "0.100000")
    assert (row["engine"], row["series_complete"], row["kind"]) == ("flat", "1", "image")
    digest = sha256(lab.inputs / "Doe_Jane_1")
    key = keys.project_key(MASTER, "lab")
    assert row["input_hmac"] == keys.keyed(key, "input", digest).hex()


def test_release_writes_the_mask_of_painted_pixels(lab):
    lab.image(mask=box())
    lab.release()
    (name,) = (name for name in lab.released() if name.startswith("masks/"))
    assert name == "masks/patient/study/s00001out.dcm"
    assert np.array_equal(highdicom.seg.segread(lab.results / name).pixel_array, box())


def test_release_makes_a_volume_of_a_complete_series_only(lab):
    for _ in range(3):
        lab.image(volumetric=1)
    for _ in range(3):
        lab.image(series="s00002")
    lab.release()
    volumes = [name for name in lab.released() if name.startswith("nifti/")]
    assert volumes == ["nifti/patient/study/s00001out.json", "nifti/patient/study/s00001out.nii.gz"]


def test_release_lists_the_plan_s_modality_and_not_the_header_s(lab, monkeypatch):
    def volume(files, voxels, folder):
        for name in ("volume_1.nii.gz", "volume_1.json"):
            (folder / name).write_text('{"Modality": "DOE"}')
        return [Product(folder / name, "", 1) for name in ("volume_1.nii.gz", "volume_1.json")]

    monkeypatch.setattr(release, "write_nifti", volume)
    for _ in range(2):
        lab.image(volumetric=1)
    lab.release()
    assert {row["modality"] for row in lab.released().values()} == {"CT"}


def test_release_holds_a_volume_whole(lab):
    lab.image(volumetric=1)
    lab.image(volumetric=1, verdict="hold")
    lab.image(volumetric=1, series="s00002")
    codes = lab.release()
    assert codes == {"1": "series_held", "2": "residual_text", "3": "released"}


def test_release_holds_single_slices_where_the_unit_is_the_item(lab):
    lab.image(volumetric=1)
    lab.image(volumetric=1, verdict="hold")
    assert lab.release(Settings(unit="item")) == {"1": "released", "2": "residual_text"}
    (row,) = lab.released().values()
    assert row["series_complete"] == "0"


def test_release_holds_a_volume_of_which_a_file_could_not_be_planned(lab):
    lab.image(volumetric=1)
    lab.other("held_back", "conflicting_instance", kind="image", series="s00001")
    assert lab.release()["1"] == "series_held"


def test_a_reference_to_a_uid_of_several_objects_names_none_of_them(lab):
    for _ in range(2):
        lab.image(sop_in="1.2.3.4", shared_uid=1)
    lab.image(series="s00002", kind="presentation_state", references="1.2.3.4")
    assert list(lab.release().values()) == ["released", "released", "reference_held"]


def test_release_holds_what_refers_to_images_that_stay(lab):
    lab.image(volumetric=1)
    lab.image(volumetric=1, verdict="hold")
    lab.image(series="s00002")
    for references in ("1.2.3.4.3", "1.2.3.4.3;1.2.3.4.1", "1.2.3.99", "1.2.3.4.5"):
        lab.image(series="s00003", kind="presentation_state", references=references)
    codes = lab.release()
    assert codes["4"] == "released"
    assert codes["5"] == "reference_held"  # its image is held with its volume
    assert codes["6"] == "reference_held"  # its image is not in the submission
    assert codes["7"] == "reference_held"  # refers to an object that is held for its reference


def test_release_is_closed_without_verdict_candidate_or_file(lab):
    lab.image(verdict=None)
    lab.image(status="held_back", reason_code="undecodable")
    gone = lab.image()
    (lab.shard / "candidates" / f"{gone}.dcm").unlink()
    lab.image()
    lab.candidates.pop()
    assert lab.release() == {
        "1": "gate_failed",
        "2": "undecodable",
        "3": "not_written",
        "4": "not_written",
    }


def test_release_holds_painted_objects_whose_mask_fails(lab):
    lab.image(mask=box())
    lab.image()
    lab.masks.clear()
    assert lab.release() == {"1": "mask_not_written", "2": "released"}


def test_release_holds_both_of_two_objects_with_one_place(lab):
    lab.image()
    lab.image(output="dicom/patient/study/s00001out/2.25.1001.dcm")
    assert set(lab.release().values()) == {"conflicting_instance"}


def test_release_removes_shards_whose_files_were_all_taken_out_of_the_submission(lab):
    lab.image()
    for name in ("00007/candidates", "products", "batches"):
        (lab.work / name).mkdir(parents=True)
    lab.release()
    left = {folder.name for folder in lab.work.iterdir() if folder.is_dir()}
    assert "00007" not in left and {"00000", "batches", "shards"} <= left


def test_release_removes_what_a_former_run_released(lab):
    lab.image()
    lab.release()
    stale = lab.results / "dicom" / "old" / "study" / "x.dcm"
    stale.parent.mkdir(parents=True)
    stale.write_bytes(b"old")
    lab.verdicts[0].update(verdict="hold", reason_code="residual_text")
    lab.release()
    assert not (lab.results / "dicom").exists()
    assert lab.released() == {}


def test_release_refuses_another_key_and_names_the_remedy(lab):
    lab.image()
    lab.release()
    with pytest.raises(UserError, match="key_file"):
        lab.release(master=bytes(32))


def test_release_stops_before_an_original_identifier_is_handed_out(lab):
    lab.image(output="dicom/patient/MRN-4711-88/s/x.dcm")
    with pytest.raises(UserError, match="original identifier"):
        lab.release()
    assert not (lab.results / "released.tsv").exists()
    assert not (lab.results / "dicom").exists()


def test_release_goes_on_with_results_of_a_former_one_among_its_files(lab):
    pseudonym = "k3jd7xqpm2vbnw5a"
    output = f"dicom/{pseudonym}/study/s/2.25.1001.dcm"
    first = lab.image(patient_out=pseudonym, output=output)
    again = lab.image(series="s00002", patient_in=pseudonym, sop_in="2.25.1001")
    assert lab.release() == {first: "released", again: "released"}


def test_release_refuses_a_place_outside_dicom(lab):
    lab.image(output="dicom/../../x.dcm")
    with pytest.raises(ValueError, match="outside dicom"):
        lab.release()


def test_release_keeps_original_identifiers_in_private_files(lab):
    lab.image()
    lab.image(verdict="hold")
    lab.release()
    with open(lab.work / "uid_mapping.csv") as file:
        assert list(csv.reader(file))[:2] == [["id_old", "id_new"], ["1.2.3.4.1", "2.25.1001"]]
    assert (lab.work / "patid_mapping.csv").read_text().split() == [
        "id_old,id_new,issuer_old",
        "MRN-4711-88,patient,Spital",
    ]
    for name in ("uid_mapping.csv", "patid_mapping.csv", "ledger.tsv"):
        assert (lab.work / name).stat().st_mode & 0o077 == 0
    for table in lab.results.glob("*.tsv"):
        assert "Doe" not in table.read_text()
        assert "4711" not in table.read_text()
        assert sha256(lab.inputs / "Doe_Jane_1") not in table.read_text()


def test_a_release_under_a_discarded_key_keeps_no_link_between_old_and_new(lab):
    lab.image()
    lab.image(verdict="hold")
    lab.release()
    assert (lab.work / "key_id").is_file()
    lab.release(master=bytes(reversed(range(32))), discard=True)
    (lab.work / "drawn.key").touch()  # with --notemp
    for name in ("batches/00000", "painted/00000", "controls/copies"):
        (lab.work / name).mkdir(parents=True)
        (lab.work / name / "of crops").write_text(lab.candidates[0]["sop_out"])
    ledger.forget(lab.work)
    (first, second) = records(lab.work / "ledger.tsv")
    assert first["status"] == "released" and second["reason_code"] == "residual_text"
    for name in ("output", "sop_instance_uid_in", "sop_instance_uid_out"):
        assert first[name] == ""
    rows = lab.released().values()
    new = {row[name] for row in rows for name in ("sop_instance_uid", "sha256")} - {""}
    old = {row["sop_in"] for row in lab.candidates}
    assert new and old
    for file in lab.work.rglob("*"):
        text = file.read_bytes().decode("latin-1") if file.is_file() else ""
        assert not any(uid in text for uid in new), file.name
    for name in ("uid_mapping.csv", "patid_mapping.csv", "key_id", "drawn.key"):
        assert not (lab.work / name).exists()


def test_times_of_released_files_do_not_tell_the_order_of_the_inputs(lab):
    for _ in range(4):
        lab.image()
    lab.release()
    files = [lab.results / output for output in lab.released()]
    assert len(files) == 4 and len({file.stat().st_mtime_ns for file in files}) == 1
    assert max(file.stat().st_mtime_ns for file in files) <= (
        (lab.results / "released.tsv").stat().st_mtime_ns
    )


def test_a_release_again_leaves_files_as_they_are_and_adds_what_is_new(lab):
    for _ in range(3):
        lab.image(volumetric=1, mask=box())
    lab.release()
    before = {name: (lab.results / name).stat() for name in lab.released()}
    one, other, *_ = sorted(name for name in before if name.startswith("dicom/"))
    copy = (lab.results / one).read_bytes()
    (lab.results / one).unlink()
    (lab.results / one).write_bytes(copy)  # no longer the candidate itself, with the same bytes
    os.utime(lab.results / one, ns=(before[one].st_mtime_ns, before[one].st_mtime_ns))
    (lab.results / other).unlink()
    (lab.results / other).write_bytes(b"edited by somebody")
    lab.image(series="s00002")
    lab.release()
    after = {name: (lab.results / name).stat() for name in lab.released()}
    assert len(after) == len(before) + 1 and set(before) < set(after)
    kept = set(before) - {other}
    assert {n: after[n].st_mtime_ns for n in kept} == {n: before[n].st_mtime_ns for n in kept}
    assert after[other].st_mtime_ns > before[other].st_mtime_ns
    assert all(sha256(lab.results / name) == row["sha256"] for name, row in lab.released().items())


def test_what_was_forgotten_is_told_and_not_guessed(lab):
    lab.image()
    lab.release(discard=True)
    ledger.forget(lab.work)
    with pytest.raises(UserError, match=r"was deleted \(metadata.key: discard\)") as error:
        evaluate.read_items(lab.work)
    assert "--forcerun plan_submission" in str(error.value)


def test_conservation_fails_for_a_lost_or_unknown_item(lab):
    lab.image()
    lab.write()
    items = release.read_items(lab.work / "inventory.tsv", lab.work)
    release.check_conservation(items, ["1"])
    with pytest.raises(ValueError, match="every item"):
        release.check_conservation(items, ["1", "2"])
    with pytest.raises(ValueError, match="every item"):
        release.check_conservation(items, ["1", "1"])
    with pytest.raises(ValueError, match="item 1"):
        release.check_conservation({"1": items["1"].held("no such code")}, ["1"])


def test_main_reads_its_options(lab, tmp_path):
    lab.image()
    lab.write()
    keys.new(tmp_path / "unburn.key")
    options = {
        "submission": "lab",
        "inventory": lab.work / "inventory.tsv",
        "work": lab.work,
        "results": lab.results,
        "key": tmp_path / "unburn.key",
        "key-mode": "keyed",
        "project": "lab",
        "settings": json.dumps({"unit": "series", "reader": "rapidocr"}),
        "threads": 1,
    }
    release.main([text for name, value in options.items() for text in (f"--{name}", str(value))])
    assert len(lab.released()) == 1
    assert not (lab.work / "products").exists()


def test_devices_on_whose_controls_too_few_lines_were_found_are_held_back(lab):
    for device, kind in (("a", "image"), ("b", "image"), ("a", "rtstruct")):
        lab.image(series=f"s{len(lab.rows):05d}", kind=kind)
        lab.rows[-1]["device"] = device
    lab.write()
    items = release.read_items(lab.work / "inventory.tsv", lab.work)
    missing = {("CT", "a"): "controls_missed", ("MR", "b"): "controls_failed"}
    held = release.hold_devices(items, missing)
    assert [one.reason_code for one in held.values()] == ["controls_missed", "", ""]
    assert all(one.status == "released" for one in release.hold_devices(items, {}).values())


def test_a_file_that_changed_after_it_was_checked_is_not_released(lab):
    number = lab.image()
    candidate = lab.shard / "candidates" / f"{number}.dcm"
    candidate.write_bytes(candidate.read_bytes() + b"DOE JANE")
    with pytest.raises(UserError, match=f"item {number}: its cleaned file changed after") as error:
        lab.release()
    assert "hint: start the run again" in str(error.value)
    assert mending.damaged(lab.work, [], lab.results) == {lab.shard.name}  # what makes it anew
    assert not (lab.results / "released.tsv").exists()


def test_markers_are_a_column_of_closed_words(lab):
    lab.image()
    lab.image(mask=box())
    lab.image()
    lab.facts = [(1, "PA"), (1, "L;PA"), (2, "ERECT")]
    lab.release()
    markers = {name: row["markers"] for name, row in lab.released().items()}
    images = {name: words for name, words in markers.items() if name.startswith("dicom/")}
    assert sorted(images.values()) == ["", "ERECT", "L;PA"]
    assert {words for name, words in markers.items() if name not in images} == {""}
    assert RELEASED_COLUMNS[-1] == "markers"


def test_a_marker_outside_the_closed_list_is_never_handed_out(lab):
    lab.image()
    lab.facts = [(1, "DOE")]
    with pytest.raises(ValueError, match="outside the closed list"):
        lab.release()
    assert not (lab.results / "released.tsv").exists()


def test_a_pipe_among_the_files_is_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    empty = {"kind": "", "modality": "", "series": "", "volumetric": False, "candidate": {}}
    item = release.Item("1", str(tmp_path / "pipe"), "", "ignored", "", folder=tmp_path, **empty)
    assert release.hash_unhashed({"1": item}, 1)["1"].sha256 == ""
