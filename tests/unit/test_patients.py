import pytest
from pydicom.dataset import Dataset

from unburn import keys, patients
from unburn.errors import ItemError, UserError

MASTER, OTHER = bytes(range(32)), bytes(reversed(range(32)))


def test_a_patient_is_issuer_and_id_and_nobody_is_merged_by_an_id_that_stands_for_none():
    dataset = Dataset()
    with pytest.raises(ItemError):
        patients.patient(dataset)
    dataset.SOPInstanceUID = "1.2"
    assert patients.patient(dataset) == ("", "study\0" + "1.2")
    dataset.PatientID, dataset.StudyInstanceUID = "0000", "3.4"
    assert patients.patient(dataset) == ("", "study\0" + "3.4")
    dataset.PatientID = "4711"
    first = patients.patient(dataset)
    dataset.IssuerOfPatientID = "clinic"
    assert first[0] == patients.patient(dataset)[0] == "4711" and first != patients.patient(dataset)


def test_a_tombstone_says_nothing_without_the_key_and_holds_for_one_submission(tmp_path):
    key, other_key = tmp_path / "unburn.key", tmp_path / "other.key"
    own, other = keys.new(key), keys.new(other_key)
    digest = patients.digest(MASTER, "lab", "name")
    others = {patients.digest(OTHER, "lab", "name"), patients.digest(MASTER, "lab-2", "name")}
    assert digest not in others and len(others) == 2
    assert patients.tombstones(tmp_path, "lab", tmp_path / "none") == frozenset()
    patients.bury(tmp_path, "lab", [digest], own)
    patients.bury(tmp_path, "lab", [digest, "b" * 32], own)
    patients.bury(tmp_path, "lab-2", others, other)
    assert patients.tombstones(tmp_path, "lab", key) == {digest, "b" * 32}
    assert patients.tombstones(tmp_path, "lab-2", other_key) == others
    with pytest.raises(UserError, match="submission lab: patients were withdrawn under another"):
        patients.tombstones(tmp_path, "lab", other_key)
    assert len((tmp_path / patients.TOMBSTONES).read_text().splitlines()) == 5


def test_what_names_nobody_goes_with_the_folder_around_it():
    paths = ["a/1", "a/note", "a/x/y/broken", "b/1", "b/2", "b/note", "b/x/2", "b/x/note", "note"]
    named = ["A", "", "", "A", "B", "", "A", "", ""]
    assert patients.belonging(paths, named, {"A"}) == [
        *(True, True, True, True, False, False, True, True, False)
    ]
    assert patients.belonging(["a/1", "note"], ["A", ""], {"A"}) == [True, True]
    assert patients.belonging(["note"], [""], {"A"}) == [False]
    assert patients.belonging(paths, named, set()) == [False] * 9
