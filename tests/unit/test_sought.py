import numpy as np
import pytest
from pydicom.dataelem import DataElement
from pydicom.dataset import Dataset

from unburn.nesting import Sequences
from unburn.sought import Sought


def sought(keeps_institutions=False, **values):
    dataset = Dataset()
    for keyword, value in values.items():
        setattr(dataset, keyword, value)
    return Sought(dataset, keeps_institutions, Sequences())


def test_names_are_words_and_listed_words_are_none():
    found = sought(PatientName="Head^Ottoline", OperatorsName="Brontë")
    assert found.names("coil of OTTOLINE", found.people)
    assert found.names("bronte 2", found.people) and not found.names("bronte", found.patients)
    assert not found.names("HEAD 32", found.people)


def test_a_longer_word_of_the_patient_s_name_is_found_inside_of_others():
    found = sought(PatientName="Quillfeather^Bo", OperatorsName="Zwiebelkorn")
    assert found.names("vQuillfeather1.2", found.people)
    assert not found.names("robot", found.people) and not found.names("xzwiebelkorn", found.people)


def test_places_of_work_are_sought_unless_they_may_stay():
    for keeps, told in ((False, True), (True, False)):
        found = sought(keeps, InstitutionName="Kirchheim")
        assert found.names("Kirchheim coil", found.anyone) == told


@pytest.mark.parametrize("written_as", ["qx77_4711", "QX 77 4711", "77-4711 b"])
def test_a_record_goes_from_text_whatever_parts_it(written_as):
    found = sought(PatientID="QX77-4711")
    assert found.is_record(written_as)
    assert "4711" not in found.without_records(f"AX {written_as} T2")
    assert not found.is_record("774712") and found.without_records("AX  T2") == "AX  T2"


@pytest.mark.parametrize(("vr", "told"), [("FD", True), ("UL", True), ("SL", True), ("US", False)])
def test_a_record_is_found_as_a_number_of_four_bytes_and_more(vr, told):
    found = sought(PatientID="40217")
    assert found.in_bytes_of(DataElement(0x00189073, vr, 40217), vr) == told
    assert not found.in_bytes_of(DataElement(0x00189073, vr, 40218), vr)


@pytest.mark.parametrize("written_as", [19570812, 12081957, 8121957])
def test_a_birth_date_is_found_as_a_number_in_every_order(written_as):
    found = sought(PatientBirthDate="19570812")
    assert found.in_bytes_of(DataElement(0x00189073, "FD", written_as), "FD")


def test_a_name_is_found_in_bytes_of_either_width():
    found = sought(PatientName="Quillfeather")
    for code in ("ascii", "utf-16-le", "utf-16-be"):
        data = b"\1\2" + "QUILLfeather".encode(code) + bytes(4)
        assert found.in_bytes_of(DataElement(0x00281201, "OW", data), "OW")
    noise = np.random.default_rng(1).integers(0, 256, 4096, np.uint8).tobytes()
    assert not found.in_bytes_of(DataElement(0x00281201, "OW", noise), "OW")


def test_numbers_are_short_or_a_quantity_and_no_record():
    found = sought(PatientID="40217")
    assert found.are_numbers(["1.5", "-600", "1e-3", ""])
    assert not found.are_numbers(["40217"]) and not found.are_numbers(["1.5", "HEAD"])
    assert found.are_numbers(["219570812"]) and not found.are_numbers(["219570812"], long=False)
