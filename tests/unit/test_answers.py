import copy
import json

import numpy as np
import pydicom
import pytest

from unburn import answer_key, answer_kinds, answers
from unburn.answers import Files, Judge, Released
from unburn.presets import PRESETS, RESEARCH

PET = next(kind for kind in answer_kinds.KINDS if kind.name == "PET")
SC = next(kind for kind in answer_kinds.KINDS if kind.name == "SC")


@pytest.fixture(scope="module")
def key(tmp_path_factory):
    """An answer key of three PET slices and a secondary capture."""
    folder = tmp_path_factory.mktemp("answers") / "key"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(answer_key, "KINDS", (PET, SC))
        answer_key.write(4, folder)
    return folder


def released(key, change, folder):
    """The key's objects as a release: ``change`` alters each dataset."""
    folder.mkdir()
    files = {}
    for path in sorted((key / "objects").iterdir()):
        dataset = pydicom.dcmread(path)
        change(dataset)
        files[path.name] = folder / path.name
        dataset.save_as(files[path.name])
    return files


def met(key, files, uids, patients, options=RESEARCH):
    rows = list(answers.judge(key, options, Released(files, {}, uids, patients)))
    return {
        action: [row["met"] for row in rows if row["action"] == action]
        for action in answer_key.ACTIONS
    }


def test_a_copy_of_the_originals_keeps_all_and_hides_nothing(key, tmp_path):
    found = met(key, released(key, lambda dataset: None, tmp_path / "out"), {}, {})
    for action in (answer_key.TAG_RETAINED, answer_key.NOT_NULL, answer_key.RETAINED):
        assert all(found[action]) and found[action]
    assert all(found[answer_key.PIXELS_RETAINED])
    for action in (
        answer_key.REMOVED, answer_key.SHIFTED, answer_key.CHANGED, answer_key.CONSISTENT,
        answer_key.SAME_PATIENT, answer_key.HIDDEN,
    ):  # fmt: skip
        assert found[action] and not any(found[action])


def test_an_empty_object_keeps_nothing_and_hides_all(key, tmp_path):
    def empty(dataset):
        for element in list(dataset):
            if element.tag not in (0x00080016, 0x00080018):
                del dataset[element.tag]
        dataset.preamble, dataset.file_meta.SourceApplicationEntityTitle = bytes(128), ""

    facts = [f for f in answers.read_facts(key) if f["meaning"] not in ("burned in", "picture")]
    judge = Judge(RESEARCH, key, Released({}, {}, {}, {}))
    for name, path in released(key, empty, tmp_path / "out").items():
        files = Files(key / "objects" / name, path)
        for fact in (fact for fact in facts if fact["file"] == name):
            action = answer_key.asked(fact["meaning"], RESEARCH)
            kept = fact["path"] in ("SOPClassUID", "SOPInstanceUID")
            assert kept or judge.met(fact, action, files) == (action == answer_key.REMOVED)


def test_dates_of_a_patient_move_by_one_number_of_days(key, tmp_path):
    def shift(dataset):
        for path in (*answer_key.DATES, "AcquisitionDateTime", "EndAcquisitionDateTime"):
            *way, last = path.split(".")
            place = dataset[way[0]][0] if way else dataset
            day = np.datetime64("-".join((place[last].value[:4], place[last].value[4:6],
                                          place[last].value[6:8]))) - 100  # fmt: skip
            place[last].value = f"{day.astype(object):%Y%m%d}{place[last].value[8:]}"

    def shift_all_but_one(dataset):
        shift(dataset)
        dataset.ContentDate = "20010203"

    right = met(key, released(key, shift, tmp_path / "right"), {}, {})[answer_key.SHIFTED]
    wrong = met(key, released(key, shift_all_but_one, tmp_path / "wrong"), {}, {})
    assert right and sum(right) == len(right) - 4  # a DT of eight digits stands in each as it was
    assert sum(wrong[answer_key.SHIFTED]) == sum(right) - 4


def test_uids_and_patients_are_judged_by_the_mappings(key, tmp_path):
    new = {}

    def rename(dataset):
        dataset.PatientID = f"P{dataset.PatientID[:3]}{dataset.IssuerOfPatientID}"
        patients.setdefault(old_id[0], set()).add(dataset.PatientID)
        for keyword in ("StudyInstanceUID", "SeriesInstanceUID", "SOPInstanceUID",
                        "FrameOfReferenceUID"):  # fmt: skip
            old = str(dataset[keyword].value)
            new[old] = f"2.25.{len(new) + 10}" if old not in new else new[old]
            dataset[keyword].value = new[old]
        for item in dataset.RelatedSeriesSequence:
            item.StudyInstanceUID = new[item.StudyInstanceUID]
            item.SeriesInstanceUID = new[item.SeriesInstanceUID]

    patients, old_id = {}, [""]

    def remember(dataset):
        old_id[0] = dataset.PatientID
        rename(dataset)

    files = released(key, remember, tmp_path / "out")
    found = met(key, files, new, patients)
    for action in (answer_key.CHANGED, answer_key.CONSISTENT, answer_key.SAME_PATIENT):
        assert found[action] and all(found[action])
    other = {old: f"{value}9" for old, value in new.items()}
    assert not any(met(key, files, other, patients)[answer_key.CONSISTENT])
    merged = {old: {"someone"} for old in patients}
    assert not any(met(key, files, new, merged)[answer_key.SAME_PATIENT])


def test_text_is_hidden_when_its_ink_has_other_values(key, tmp_path):
    def blank(dataset):
        if dataset.Modality == "OT":
            dataset.PixelData = bytes(len(dataset.PixelData))

    found = met(key, released(key, blank, tmp_path / "out"), {}, {})
    assert found[answer_key.HIDDEN] == [1, 1, 1]
    assert all(found[answer_key.PIXELS_RETAINED])


def test_objects_that_were_not_released_count_as_neither(key):
    found = met(key, {}, {}, {})
    assert all(value == "" for values in found.values() for value in values)


def test_uptake_values_follow_the_decay_over_midnight(key):
    path = key / "objects" / "000.dcm"
    dataset = pydicom.dcmread(path)
    elapsed = 65 * 60  # from 23:30 to 00:35
    left = 3.7e8 * 2 ** (-elapsed / 6586.2)
    expected = dataset.pixel_array * 2.75 * float(dataset.PatientWeight) * 1000 / left
    assert np.allclose(answers.suv(path), expected, rtol=1e-12)


def test_the_change_of_uptake_values_is_seen(key, tmp_path):
    def heavier(dataset):
        dataset.PatientWeight = float(dataset.PatientWeight) * 1.01

    run = tmp_path / "run"
    for preset in PRESETS:
        work = run / "work" / answer_key.label(preset)
        work.mkdir(parents=True)
        results = run / "results" / answer_key.label(preset)
        results.parent.mkdir(exist_ok=True)
        files = released(key, heavier, results)
        rows = ["input\tstatus\treason_code\toutput"]
        rows += [f"/a/{name}\treleased\t\t{name}" for name in files]
        (work / "ledger.tsv").write_text("\n".join(rows) + "\n")
        for name in ("uid", "patid"):
            (work / f"{name}_mapping.csv").write_text("id_old,id_new\n")
    assert answers.suv_change(key, run, "research") == pytest.approx(0.01)
    answers.main(["--key", str(key), "--run", str(run), "--out", str(tmp_path)])
    about = json.loads((tmp_path / "answers.json").read_text())
    assert set(about["suv"]) == set(PRESETS) and about["held"] == []


def test_a_word_stays_only_as_a_word():
    assert Judge.same("T2", "AX T2 5mm") and not Judge.same("T2", "AXT2x")
    assert Judge.same("3", "3.0") and not Judge.same("3", "30")


def test_days_are_counted_between_dates_that_say_as_much():
    assert answers.days_between("20200301", "20200229") == -1
    assert answers.days_between("20200301101500+0100", "20200229101500+0100") == -1
    assert answers.days_between("20200301101500", "20200229101600") is None
    assert answers.days_between("20200301", "2020") is None
    assert answers.days_between("20200301", "20201399") is None


def test_a_value_in_a_private_attribute_is_found_by_its_creator():
    dataset = pydicom.Dataset()
    answer_key.put(dataset, "RequestAttributesSequence.0.0033,ACME LAB 1,02", "Nordhaus")
    other = copy.deepcopy(dataset)
    del other.RequestAttributesSequence[0][0x00330010]
    path = "RequestAttributesSequence.0.0033,ACME LAB 1,02"
    assert answers.value_at(dataset, path) == "Nordhaus"
    assert answers.value_at(other, path) is None
