import json
import os
import re
import shutil

import h5py
import pydicom
import pytest
from test_release import CANDIDATES, INVENTORY, SHARD, VERDICTS, Made, box

from unburn import (
    alone,
    evaluate,
    keys,
    mending,
    patients,
    release,
    report,
    settings,
    tables,
    withdraw,
)
from unburn.errors import UserError
from unburn.files import sha256
from unburn.ledger import records

PROVENANCE = {
    "unburn": {"version": "0", "commit": "c", "changed_since": False},
    "finished": "2026-01-02T03:04:05+00:00",
    "seed": 1,
    "key_id": "0",
    "settings": {
        "detect": {"tesseract": False, "threshold": 0.1},
        "inpaint": {"engine": "classic"},
        "gate": {
            **{"reader": "rapidocr", "read": "all", "sample": 0.05, "faces": "flag"},
            **{"suspicion": 0.05, "unit": "series"},
        },
        "metadata": {"preset": "research", "date_shift_days": 3650, "key": "keyed"},
    },
    "settings_changed": {},
    "weights": [],
    "readers": {"rapidocr": {"version": "1", "weights": []}, "tesseract": {"version": None}},
    "code": {},
    "python": "3",
    "platform": {"system": "Linux", "machine": "x", "libc": "g", "byte_order": "little"},
    "libraries": {},
}
ROE = {"patient_in": "MRN-0815", "patient_out": "other", "study_out": "study2"}


class Year(Made):
    """A run with one finished submission: Doe has items 1 to 4 and 7, Roe 5 and 6; 8 is a note."""

    def __init__(self, folder):
        super().__init__(folder)
        self.folder = folder
        for k in range(1, 5):
            self.image(mask=box() if k < 3 else None, verdict="hold" if k == 4 else "release")
        for k in (5, 6):
            output = f"dicom/other/study2/s00002out/2.25.{1000 + k}.dcm"
            self.image(series="s00002", mask=box(), output=output, **ROE)
        self.other("held_back", "structured_report")
        self.other("ignored", "not_an_image")
        who = ["doe"] * 4 + ["roe"] * 2 + ["doe", ""]
        for row, name in zip(self.inventory, who, strict=True):
            row["patient"] = name
            row["sha256"] = sha256(row["path"])
        keys.new(folder / "unburn.key")
        self.master = keys.load(folder / "unburn.key")
        (folder / ".snakemake").mkdir()
        (folder / "sheet.tsv").write_text("submission\tpath\nlab\tinputs\n")
        (folder / "config.yaml").write_text("sheet: sheet.tsv\nreport:\n  pictures: 0\n")

    def write(self):
        super().write()
        columns = (*INVENTORY, "patient")
        self.write_table(self.work / "inventory.tsv", self.inventory, columns)
        state = {
            "items": {f"Doe_Jane_{k}": k for k in range(1, 9)},
            "series": {"a": ["s00001", "00000"], "b": ["s00002", "00000"]},
            "shards": {"00000": ["", 0]},
            "next_item": 9,
            "next_series": 3,
        }
        (self.work / "plan_state.json").write_text(json.dumps(state))

    def finish(self):
        self.release(master=self.master)
        (self.results / "provenance.json").write_text(json.dumps(PROVENANCE))
        for name in ("metrics.json", "report.html"):
            (self.results / name).write_text("Doe of before")
        (self.work / "accounted").touch()
        for stage in ("release", "evaluate", "provenance", "report"):
            benchmark = self.folder / "benchmarks" / stage / "lab.tsv"
            benchmark.parent.mkdir(parents=True, exist_ok=True)
            benchmark.write_text("s\tmax_rss\tcpu_time\n1\t1\t1\n")
            os.utime(benchmark, ns=(1, 1))
        (self.work / "review.html").write_text("Doe of before")
        (self.work / "figures").mkdir(exist_ok=True)
        (self.work / "figures" / "old.svg").write_text("Doe of before")
        for path in self.shard.iterdir():
            os.utime(path, ns=(1, 1))

    def withdraw(self, *pseudonyms, items=(), listed=(), yes=True):
        said = []
        run = settings.load_file(self.folder / "config.yaml")
        withdraw.withdraw(run, "lab", pseudonyms, items, listed, yes, said.append)
        return "\n".join(said)

    def left(self):
        """All bytes below work/ and results/, and all paths."""
        files = [p for p in self.folder.glob("*/**/*") if p.is_file()]
        files = [p for p in files if "inputs" not in p.parts and p.name != alone.LOCK]
        return b"".join(str(p).encode() + p.read_bytes() for p in files)


@pytest.fixture
def lab(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    made = Year(tmp_path)
    made.finish()
    return made


def check_gone(lab, others):
    """Nothing of Doe is left, and of Roe all is as it was."""
    left = lab.left()
    for name in ("patient/", "MRN-4711", "2.25.1001", "2.25.1004", "1.2.3.4.1", "Doe of before"):
        # not as the beginning of a longer number, which those of masks can have by chance
        assert not re.search(re.escape(name.encode()) + rb"(?!\d)", left), name
    for k in (1, 2, 3, 4, 7):
        assert f"Doe_Jane_{k}\t".encode() not in left and f'Doe_Jane_{k}"'.encode() not in left
        assert sha256(lab.inputs / f"Doe_Jane_{k}").encode() not in left
    assert {name: (lab.results / name).read_bytes() for name in lab.released()} == others
    ledger = {row["item"]: row for row in records(lab.work / "ledger.tsv")}
    assert {k for k, row in ledger.items() if row["reason_code"] == "withdrawn"} == set("12347")
    assert ledger["5"]["status"] == "released" and ledger["8"]["reason_code"] == "not_an_image"
    assert records(lab.results / "held_back.tsv") == []
    with h5py.File(lab.shard / "masks.h5") as masks, h5py.File(lab.shard / "regions.h5") as regions:
        assert set(masks["items"]) == {"5", "6"} and masks.attrs["policy"] == "all"
        assert set(regions["examined"]["item"]) == set(regions["regions"]["item"]) == {5, 6}
    for table, columns in (("candidates", CANDIDATES), ("verdicts", VERDICTS)):
        rows = records(lab.shard / f"{table}.tsv")
        assert [row["item"] for row in rows] == ["5", "6"] and tuple(rows[0]) == columns
    assert tuple(records(lab.work / "shards" / "00000.tsv")[0]) == SHARD
    assert len(records(lab.shard / "uids.tsv")) == 2
    assert {path.stat().st_mtime_ns for path in lab.shard.iterdir() if path.is_file()} == {1}
    metrics = json.loads((lab.results / "metrics.json").read_text())
    assert metrics["release"]["released"] == 2
    assert metrics["release"]["ignored_by_reason"] == {"not_an_image": 1, "withdrawn": 5}
    order = [lab.work / "inventory.tsv", lab.work / "ledger.tsv"]
    for stage, name in (
        *(("release", "released.tsv"), ("evaluate", "metrics.json")),
        *(("provenance", "provenance.json"), ("report", "report.html")),
    ):
        order += [lab.results / name, lab.folder / "benchmarks" / stage / "lab.tsv"]
    times = [file.stat().st_mtime_ns for file in order]  # for Snakemake nothing is left to do
    assert times == sorted(times) and (lab.work / "accounted").is_file()
    assert not (lab.work / withdraw.JOURNAL).exists() and not alone.OWN_LOCK.exists()
    digest = patients.digest(lab.master, "lab", "doe")
    assert patients.tombstones(lab.work.parent, "lab", lab.folder / "unburn.key") == {digest}


def roes(lab):
    return {name: (lab.results / name).read_bytes() for name in lab.released() if "/other/" in name}


@pytest.mark.parametrize(
    "how",
    [
        {"pseudonyms": ["patient"]},
        {"items": ["7"]},
        {"listed": ["MRN-4711-88"]},
        {"listed": ["patient"]},
    ],
    ids=["pseudonym", "item", "id from a file", "pseudonym from a file"],
)
def test_a_patient_goes_and_all_else_stays(lab, how):
    others = roes(lab)
    said = lab.withdraw(*how.pop("pseudonyms", ()), **how)
    assert "1 patient, 5 files handed in" in said and "MRN" not in said and "Doe" not in said
    assert len(others) == 3  # two objects and their mask
    check_gone(lab, others)


def test_what_refers_to_the_patients_images_is_held_and_their_uids_go(lab):
    """A segmentation under another Patient ID, of an image that is no longer released."""
    (lab.inputs / "Doe_Jane_9").unlink(missing_ok=True)
    lab.image(
        series="s00003",
        kind="segmentation",
        references="1.2.3.4.1",
        output="dicom/other/study2/s00003out/2.25.1009.dcm",
        **ROE,
    )
    lab.inventory[-1] |= {"patient": "roe", "sha256": sha256(lab.inputs / "Doe_Jane_9")}
    path = lab.shard / "candidates" / "9.dcm"
    image = pydicom.dcmread(path)
    image.ReferencedImageSequence = [pydicom.Dataset()]
    image.ReferencedImageSequence[0].ReferencedSOPInstanceUID = "2.25.1001"
    image.save_as(path)
    lab.verdicts[-1]["sha256"] = sha256(path)
    lab.finish()
    assert "dicom/other/study2/s00003out/2.25.1009.dcm" in lab.released()
    assert "1.2.3.4.1,2.25.1001" in (lab.work / "uid_mapping.csv").read_text()
    lab.withdraw("patient")
    assert "dicom/other/study2/s00003out/2.25.1009.dcm" not in lab.released()
    ledger = {row["item"]: row for row in records(lab.work / "ledger.tsv")}
    assert ledger["9"]["reason_code"] == "reference_held" and ledger["5"]["status"] == "released"
    mapping = (lab.work / "uid_mapping.csv").read_text()
    assert "1.2.3.4.1," not in mapping and "1.2.3.4.5,2.25.1005" in mapping


def test_what_killed_runs_and_previews_left_of_pictures_goes_too(lab):
    pictures = [lab.work / name for name in ("products/s00001", "painted", "batches/00000")]
    pictures += [lab.work / "controls", lab.work / ".0123abcd.part" / "copies"]
    pictures += withdraw.preview.copies(lab.work.parent)
    for folder in pictures:
        folder.mkdir(parents=True)
        (folder / "picture").write_text("Doe of before")
    lab.withdraw("patient")
    assert b"Doe of before" not in lab.left()


def test_what_somebody_altered_of_others_stops_no_withdrawal_and_is_not_released(lab):
    for name, change in (("5.dcm", "edited"), ("6.dcm", None)):
        file = lab.shard / "candidates" / name
        file.write_text(change) if change else file.unlink()
    lab.withdraw("patient")
    ledger = {row["item"]: row["reason_code"] for row in records(lab.work / "ledger.tsv")}
    assert ledger["5"] == ledger["6"] == "gate_failed" and lab.released() == {}
    assert mending.damaged(lab.work, [], lab.results) == {"00000"}  # the next run makes it anew


def test_what_cannot_be_deleted_is_no_success(lab, monkeypatch):
    def closed(folder, ignore_errors=False):
        if not ignore_errors:
            raise PermissionError

    monkeypatch.setattr(shutil, "rmtree", closed)
    with pytest.raises(PermissionError):
        lab.withdraw("patient", "other")
    assert (lab.work / withdraw.JOURNAL).is_file()


def test_who_has_the_same_patient_id_and_another_issuer_is_told(lab):
    assert "stays" not in lab.withdraw("patient", yes=False)
    for row in lab.candidates[4:6]:
        row["patient_in"] = lab.candidates[0]["patient_in"]
    lab.finish()
    said = lab.withdraw("patient", yes=False)
    assert said.startswith("lab: other stays, with the same Patient ID and another issuer or none")
    assert "4711" not in said and "stays" not in lab.withdraw(listed=["MRN-4711-88"], yes=False)


def test_the_originals_are_not_needed(lab):
    shutil.rmtree(lab.inputs)
    lab.withdraw("patient")
    ledger = {row["item"]: row for row in records(lab.work / "ledger.tsv")}
    assert ledger["5"]["status"] == "released" and len(ledger["5"]["sha256"]) == 64
    assert (lab.results / "report.html").is_file() and (lab.work / "review.html").is_file()


def test_volumes_are_known_by_bytes_that_no_other_volume_has(tmp_path):
    paths = ["a.nii", "pair.hdr", "blank.nii", "other.nii", "a.json"]
    kinds = ["nifti_volume"] * 4 + ["nifti_sidecar"]
    for name, columns in (
        ("inventory", {"item": range(1, 6), "kind": kinds}),
        ("ledger", {"item": range(1, 6), "input": paths, "sha256": ["A", "H", "B", "B", "S"]}),
    ):
        rows = [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]
        tables.write(tmp_path / f"{name}.tsv", rows, tuple(columns))
    assert withdraw.volumes(tmp_path, {"1", "2", "3", "5"}) == ["A"]


def test_without_yes_nothing_is_done(lab):
    before = lab.left()
    said = lab.withdraw("patient", yes=False)
    assert "5 files handed in, 4 files released" in said and "say --yes" in said
    assert lab.left() == before and not alone.OWN_LOCK.exists()


STEPS = ("purge_h5", "purge_uids", "purge_plan", "remake")


@pytest.mark.parametrize("step", STEPS)
def test_a_withdrawal_that_breaks_off_looks_unfinished_and_is_taken_up(lab, step, monkeypatch):
    others = roes(lab)

    def killed(*_):
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(withdraw, step, killed)
        with pytest.raises(KeyboardInterrupt):
            lab.withdraw("patient")
    assert not (lab.results / "released.tsv").exists() and not (lab.work / "accounted").exists()
    assert not list((lab.results / "dicom" / "patient").rglob("*.dcm"))
    run = settings.load_file(lab.folder / "config.yaml")
    with pytest.raises(UserError, match="a patient is being withdrawn"):
        withdraw.submissions.check(run)
    said = lab.withdraw("other", yes=False)
    assert "going on with a withdrawal" in said and "only that was done" in said
    check_gone(lab, others)


def test_a_release_again_brings_nobody_back(lab):
    others = roes(lab)
    lab.withdraw("patient")
    items = release.read_items(lab.work / "inventory.tsv", lab.work)
    assert {one.reason_code for one in items.values() if one.status == "ignored"} == {
        "withdrawn",
        "not_an_image",
    }
    withdraw.remake(settings.load_file(lab.folder / "config.yaml"), "lab")
    check_gone(lab, others)
    with pytest.raises(UserError, match="no patient of the submission is known by it"):
        lab.withdraw("patient")


def test_the_last_patient_of_a_shard_takes_the_shard_along(lab):
    lab.withdraw("patient", "other")
    assert not lab.shard.exists() and lab.released() == {}
    assert json.loads((lab.work / "plan_state.json").read_text())["shards"] == {}


@pytest.mark.parametrize(
    "how, message",
    [
        (("MRN-4711-88",), "no patient of the submission is known by it"),
        (("nobody",), "patient, 1 of 1 that were named"),
        (("",), "patient, 1 of 1 that were named"),
        ((), "no patient was named"),
    ],
)
def test_who_is_not_known_is_told_and_not_repeated(lab, how, message):
    before = lab.left()
    with pytest.raises(UserError, match=message) as error:
        lab.withdraw(*how)
    assert lab.left() == before
    assert not any(name in str(error.value) for name in how if name)


@pytest.mark.parametrize("item", ["8", "99"])
def test_an_item_that_names_nobody_is_told(lab, item):
    with pytest.raises(UserError, match="no patient of the submission is known by it"):
        lab.withdraw(items=[item])


def test_a_run_under_way_and_an_unfinished_submission_are_refused(lab):
    lock = withdraw.takeover.LOCKS / "0.output.lock"
    lock.parent.mkdir(parents=True)
    lock.write_text("results/lab/released.tsv\n")
    with pytest.raises(UserError, match="a run is under way in this folder"):
        lab.withdraw("patient")
    assert lock.is_file() and not alone.OWN_LOCK.exists()
    lock.unlink()
    lock.parent.rmdir()
    lock.parent.parent.rmdir()  # paths of settings can be absolute: it could be run from anywhere
    with pytest.raises(UserError, match="this is not the folder of the run"):
        lab.withdraw("patient")
    lock.parent.mkdir(parents=True)
    (lab.work / "accounted").unlink()
    with pytest.raises(UserError, match="it is not finished"):
        lab.withdraw("patient")


@pytest.mark.parametrize("name", withdraw.OF_A_SHARD)
def test_a_run_that_broke_off_later_is_no_finished_one(lab, name):
    file = lab.shard / name
    shutil.rmtree(file) if file.is_dir() else file.unlink()
    before = lab.left()
    with pytest.raises(UserError, match="it is not finished"):
        lab.withdraw("patient")
    assert lab.left() == before


def test_a_later_plan_that_no_job_followed_is_not_finished(lab):
    table = lab.work / "shards" / "00000.tsv"
    rows = records(table)
    tables.write(table, rows[:-1], tuple(rows[0]))
    with pytest.raises(UserError, match="it is not finished"):
        lab.withdraw("patient")


def test_what_an_earlier_version_wrote_of_controls_is_told_before_anything_goes(lab):
    before = lab.released()
    (lab.work / "controls.json").write_text('{"held_back": [["CT", "digest"]]}')
    with pytest.raises(UserError, match="an earlier version of unburn, which gave no reasons"):
        lab.withdraw("patient")
    assert lab.released() == before and not (lab.work / withdraw.JOURNAL).exists()


@pytest.mark.parametrize(
    "table, column",
    [("inventory.tsv", "patient"), ("candidates.tsv", "shared_uid"), ("verdicts.tsv", "face")],
)
def test_a_table_of_an_earlier_version_is_told_before_anything_goes(lab, table, column):
    file = lab.work / table if table == "inventory.tsv" else lab.shard / table
    rows = records(file)
    tables.write(file, rows, [name for name in rows[0] if name != column])
    before = lab.left()
    with pytest.raises(UserError, match=f"{table}: an earlier version .* without {column}"):
        lab.withdraw("patient")
    assert lab.left() == before


def test_nobody_can_tell_what_is_whose_once_the_key_was_discarded(lab):
    for file in (lab.shard / "candidates.tsv", lab.shard / "uids.tsv"):
        file.unlink()
    with pytest.raises(UserError, match="it is not finished"):  # a shard is still to be done
        lab.withdraw("patient")
    with open(lab.folder / "config.yaml", "a") as config:
        config.write("metadata:\n  key: discard\n")
    with pytest.raises(UserError, match="its key was discarded"):
        lab.withdraw("patient")


def test_a_file_that_names_patients_is_read_or_told(tmp_path):
    (tmp_path / "who.txt").write_text("\ufeffMRN-1 \n\npseudonym\n", "utf-8")
    assert withdraw.listed_in(tmp_path / "who.txt") == ["MRN-1", "pseudonym"]
    with pytest.raises(UserError, match="--from: it is no file"):
        withdraw.listed_in(tmp_path / "none")


def test_truth_of_withdrawn_files_is_passed_over(lab, tmp_path):
    truth = tmp_path / "truth.tsv"
    rows = [f"Doe_Jane_{k}\t1\t3\t2\t12\t4" for k in (1, 5)]
    truth.write_text("\n".join(["file\tframe\tcolumn\trow\twidth\theight", *rows]) + "\n")
    assert len(evaluate.read_truth(truth, evaluate.read_items(lab.work))) == 2
    lab.withdraw("patient")
    (line,) = evaluate.read_truth(truth, evaluate.read_items(lab.work))
    assert line.item == "5" and report.REASONS["withdrawn"]
