import json
from functools import partial

import h5py
import nibabel
import numpy as np
import pytest
from pydicom import dcmread
from pydicom.data import get_testdata_file

from unburn import controls, ledger, nifti, plan, planting, recall, tables, takeover
from unburn.controls import Gate, Settings
from unburn.detect import EXAMINED
from unburn.sources import open_frames

SETTINGS = Settings(share=0.5, class_frames=50, min_recall=0.95, seed=1)


@pytest.mark.parametrize(
    ("total", "dealt"),
    [(0, (0, 0, 0)), (1, (1, 0, 0)), (3, (1, 1, 1)), (9, (4, 4, 1)), (30, (9, 5, 1))],
)
def test_frames_are_dealt_evenly_and_what_a_class_lacks_goes_to_others(total, dealt):
    classes = {("CT", "a"): 9, ("MR", "b"): 5, ("US", "c"): 1}
    found = controls.quotas(classes, total, most=9)
    assert tuple(found[device] for device in classes) == dealt


def test_no_class_gets_more_than_the_most():
    assert controls.quotas({("CT", "a"): 100}, 40, most=7) == {("CT", "a"): 7}


@pytest.fixture
def submission(tmp_path):
    """Twelve files of two devices, planned; text was found in the first of each."""
    images = tmp_path / "DOE JANE"
    for k in range(12):
        image = dcmread(get_testdata_file("CT_small.dcm"))
        image.SOPInstanceUID = image.file_meta.MediaStorageSOPInstanceUID = f"1.2.3.{k}"
        image.SeriesInstanceUID, image.InstanceNumber = f"1.2.{k // 6}", k
        image.ManufacturerModelName = f"Wave {k // 6}"
        images.mkdir(exist_ok=True)
        image.save_as(images / f"{k:02d}.dcm")
    work = tmp_path / "work" / "lab"
    key = tmp_path / "key"
    limits = plan.Settings(shard_gib=2, max_shards=2000)
    plan.plan(images, work / "inventory.tsv", work / "shards", limits, 1, "lab", key)
    looked(work, {1, 7})
    return work


def looked(work, found, suspicion=0.0):
    """Write what the stages before would: text in the items ``found``, no mask."""
    rows = tables.read(work / "shards" / "00000.tsv")
    (work / "00000").mkdir(exist_ok=True)
    with h5py.File(work / "00000" / "regions.h5", "w") as file:
        table = [(int(k), 0, suspicion, int(int(k) in found), False) for k in rows["item"]]
        file["examined"] = np.array(table, EXAMINED)
    with h5py.File(work / "00000" / "masks.h5", "w") as file:
        file.create_group("items")


def plant(work, folder, settings=SETTINGS):
    out = work / folder
    made = controls.plant(
        work / "shards", work, settings, 1, out / "shard.tsv", out / "copies", out / "truth.h5"
    )
    return made, tables.read(out / "shard.tsv").to_dict("records")


def test_controls_are_copies_of_text_free_frames_of_each_device(submission):
    made, rows = plant(submission, "controls")
    assert made == len(rows) == 6
    table = tables.read(submission / "shards" / "00000.tsv")
    assert len(set(table["device"])) == 2
    devices = [row["device"] for row in rows]
    assert [devices.count(device) for device in set(table["device"])] == [3, 3]
    assert len({row["series"] for row in rows}) == 6  # no pooling among them
    with h5py.File(submission / "controls" / "truth.h5") as truth:
        about = json.loads(truth["about"][()])
        assert [one["name"] for one in about["classes"]] == ["CT 1", "CT 2"]
        assert {one["calm_frames"] for one in about["classes"]} == {5}
        assert {one["model"] for one in about["devices"]} == {"Wave 0", "Wave 1"}
        for row in rows:
            with open_frames(submission / "controls" / "copies" / f"{row['item']}.dcm") as copy:
                original = dcmread(get_testdata_file("CT_small.dcm")).pixel_array
                changed = copy[0] != original
                owner = truth[f"owners/{row['item']}"][:]
            assert changed[owner > 0].mean() > 0.9 and changed.mean() < 0.5
            assert (row["frames"], row["volumetric"], row["pixels"]) == ("1", "0", "1")


def test_frames_with_a_mask_or_text_are_not_taken(submission):
    with h5py.File(submission / "00000" / "masks.h5", "a") as file:
        for item in range(2, 6):
            file["items"][str(item)] = np.ones((1, 128, 128), np.uint8)
    _, rows = plant(submission, "controls", Settings(1.0, 50, 0.95, 1))
    sources = {1, 7} | set(range(2, 6))
    assert len(rows) == 12 - len(sources)


def test_faintly_suspected_frames_are_taken_last():
    looked = np.array([(1, 0, 0.08, 0, False), (2, 0, 0.0, 0, False)], EXAMINED)
    looked = np.concatenate([looked, np.array([(3, 0, 0.0, 1, False)], EXAMINED)])
    assert [one.item for one in sorted(controls.calm(looked, 1))] == [2, 1]


def test_most_controls_stay_when_a_submission_grows(submission):
    few, more = (
        {
            (one.item, one.frame)
            for drawn in controls.Submission(submission / "shards", submission, 1)
            .chosen(Settings(share, 50, 0.95, 1))
            .values()
            for one in drawn
        }
        for share in (0.35, 0.5)
    )
    assert few < more


def test_the_same_frames_give_the_same_bytes(submission):
    plant(submission, "controls")
    plant(submission, "again")
    for one in (submission / "controls" / "copies").iterdir():
        assert one.read_bytes() == (submission / "again" / "copies" / one.name).read_bytes()


def test_a_submission_without_text_free_frames_has_no_controls(submission):
    looked(submission, set(range(1, 13)))
    made, rows = plant(submission, "controls")
    assert (made, rows) == (0, [])
    showed(submission / "controls", [])
    section, _ = controls.judge(
        submission / "controls", submission / "controls" / "truth.h5", 0.9, GATE, SETTINGS
    )
    assert section["reason"] == "no_text_free_frames"
    assert [row["text_free_frames"] for row in section["by_class"]] == [0, 0]


def test_a_file_that_cannot_be_read_any_more_makes_no_control(submission, caplog):
    rows = tables.read(submission / "shards" / "00000.tsv")
    for path in rows["path"][:6]:
        open(path, "w").close()
    made, _ = plant(submission, "controls")
    assert made == 3
    assert "DOE" not in caplog.text


# --- copies


def test_a_copy_of_a_frame_of_a_compressed_cine_holds_that_frame(tmp_path):
    file = get_testdata_file("examples_ybr_color.dcm")
    with open_frames(file) as source:
        wanted, photometric = source[7], source.photometric
        controls.copy_frame(file, 7, wanted, photometric, tmp_path / "copy.dcm")
    with open_frames(tmp_path / "copy.dcm") as copy:
        assert len(copy) == 1 and np.array_equal(copy[0], wanted)
        assert copy.photometric == photometric


@pytest.mark.parametrize("shape", [(70, 80, 4), (70, 4, 80), (4, 70, 80), (70, 80, 4, 3)])
def test_a_plane_of_a_volume_becomes_a_volume_of_one(tmp_path, shape):
    values = np.random.default_rng(1).integers(-500, 900, shape).astype(np.int16)
    zooms = [5.0 if size == 4 else 1.0 for size in shape[:3]]
    image = nibabel.Nifti1Image(values, np.diag([*zooms, 1.0]))
    nibabel.save(image, tmp_path / "volume.nii.gz")
    with nifti.Volume(tmp_path / "volume.nii.gz") as source:
        planted = planting.plant(source[2], source, np.random.default_rng(2))
        nifti.write_plane(source, planted.stored, tmp_path / "plane.nii")
    with nifti.Volume(tmp_path / "plane.nii") as plane:
        assert len(plane) == 1 and np.array_equal(plane[0], planted.stored)


# --- judging

GATE = Gate(read="suspicious", suspicion=0.05)


def showed(shard, masked, suspected=(), released=(), failed=()):
    """Write what the stages would of controls: masks over all of the items ``masked``."""
    rows = tables.read(shard / "shard.tsv")
    items = [int(k) for k in rows["item"]]
    with h5py.File(shard / "regions.h5", "w") as file:
        table = [(k, 0, 0.5 * (k in suspected), 0, False) for k in items]
        file["examined"] = np.array(table, EXAMINED)
    with h5py.File(shard / "masks.h5", "w") as file:
        group = file.create_group("items")
        for item in masked:
            group[str(item)] = np.ones((1, 128, 128), np.uint8)
    status = [("held_back" if k in failed else "candidate") for k in items]
    lines = [{"item": k, "status": one} for k, one in zip(items, status, strict=True)]
    tables.write(shard / "candidates.tsv", lines, ("item", "status"))
    lines = [{"item": k, "verdict": "release" if k in released else "hold"} for k in items]
    tables.write(shard / "verdicts.tsv", lines, ("item", "verdict"))


def test_lines_count_as_found_by_their_ink_and_missed_ones_by_the_gate(submission):
    plant(submission, "controls")
    rows = tables.read(submission / "controls" / "shard.tsv")
    device = {int(k): d for k, d in zip(rows["item"], rows["device"], strict=True)}
    first = [k for k in device if device[k] == device[1]]
    showed(submission / "controls", first, suspected={4}, released={*first, 5}, failed={6})
    shard = submission / "controls"
    section, devices = controls.judge(shard, shard / "truth.h5", 0.9, GATE, SETTINGS)
    good, bad = sorted(section["by_class"], key=lambda row: -row["found"])
    assert good["found"] == good["lines"] > 0 and not good["held_back"]
    assert bad["found"] == 0 < bad["lines"] and bad["held_back"]
    assert section["failed_frames"] == 1 and section["frames"] == 6
    gate = section["gate"]
    assert gate["missed"] == bad["lines"] == gate["held"] + gate["left"]
    assert gate["held"] > 0 < gate["left"] and gate["held_if_read"] == 0
    recall.write(submission / ledger.SHOWED, section, devices)
    assert ledger.held_back(submission / ledger.SHOWED) == {("CT", device[5]): "controls_missed"}


def test_a_device_none_of_whose_copies_could_be_cleaned_is_held_back(submission):
    plant(submission, "controls")
    rows = tables.read(submission / "controls" / "shard.tsv")
    device = {int(k): d for k, d in zip(rows["item"], rows["device"], strict=True)}
    failed = [k for k in device if device[k] == device[1]]
    showed(submission / "controls", [k for k in device if k not in failed], failed=failed)
    shard = submission / "controls"
    section, devices = controls.judge(shard, shard / "truth.h5", 0.9, GATE, SETTINGS)
    recall.write(submission / ledger.SHOWED, section, devices)
    assert ledger.held_back(submission / ledger.SHOWED) == {("CT", device[1]): "controls_failed"}
    assert section["failed_frames"] == len(failed)


# --- all of it


@pytest.fixture
def start(submission, tmp_path):
    """What a job of controls does, and the file it writes."""
    settings = {"controls": vars(SETTINGS), "gate": {"read": "all", "suspicion": 0.05}}
    given = controls.stages.Given(settings, *(tmp_path,) * 2, [], tmp_path, "lab")
    out = submission / ledger.SHOWED
    return partial(controls.run, submission / "shards", given, 0.9, 1, out), out


def test_what_is_in_between_goes_also_where_a_stage_fails(start, monkeypatch):
    run, out = start
    before = sorted(out.parent.iterdir())

    def fail(folder, given, threads):
        assert (folder / "shard.tsv").is_file() and (folder / "copies").is_dir()
        assert folder.stat().st_mode & 0o077 == 0
        assert takeover.LEFT_OVER.fullmatch(folder.name)  # a killed job's goes at the next start
        raise RuntimeError

    monkeypatch.setattr(controls.stages, "run", fail)
    with pytest.raises(RuntimeError):
        run()
    assert sorted(out.parent.iterdir()) == before


def test_a_job_of_a_former_start_takes_nothing_away_from_a_later_one(start, monkeypatch):
    run, out = start
    former = []

    def killed(folder, given, threads):
        former.append(folder)
        raise RuntimeError

    def overtaken(folder, given, threads):
        """While the later one is at work, the former comes to its end."""
        with monkeypatch.context() as patched:
            patched.setattr(controls.stages, "run", killed)
            with pytest.raises(RuntimeError):
                run()
        assert former and not former[0].exists()
        showed(folder, [])

    monkeypatch.setattr(controls.stages, "run", overtaken)
    made, _ = run()
    assert made == 6 and out.is_file()
