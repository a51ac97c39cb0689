import struct

import numpy as np
import pytest
from pydicom.dataelem import DataElement, RawDataElement
from pydicom.dataset import Dataset
from pydicom.tag import Tag

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


@pytest.mark.parametrize("name", ["Philip^Ann", "Philip^Sam", "Siemen^Jo"])
def test_no_name_is_sought_inside_of_a_maker_s(name):
    found, family = sought(PatientName=name), name.partition("^")[0]
    for text in ("Philips Medical Systems", "PhilipsR5.7", "SIEMENS", "vSiemens2"):
        assert not found.names(text, found.people)
    assert found.names(f"x{family}x of Philips", found.people)


def test_a_longer_name_is_sought_beside_one_that_a_maker_s_holds():
    found = sought(PatientName="Philip^Philipson")
    assert found.names("xPhilipsonx", found.people)


@pytest.mark.parametrize("name", ["Muellerhaus", "M\u00fcllerhaus", "Mu\u0308llerhaus"])
@pytest.mark.parametrize("text", ["x%sx", "%s 2"])
def test_a_name_is_found_inside_of_a_text_however_its_umlauts_are_written(name, text):
    found = sought(PatientName=name)
    for word in ("Muellerhaus", "M\u00fcllerhaus", "Mu\u0308llerhaus"):
        assert found.names(text % word, found.people)


def test_an_accent_of_its_own_parts_no_word_of_other_letters():
    found = sought(PatientName="\u0419\u043e\u0440\u0434\u0430\u043d\u043e\u0432")
    assert found.names("x\u0418\u0306\u043e\u0440\u0434\u0430\u043d\u043e\u0432x", found.people)
    assert found.names("\u0418\u0306\u043e\u0440\u0434\u0430\u043d\u043e\u0432", found.people)


def test_words_of_a_name_behind_many_letters_are_looked_for_run_together():
    found = sought(PatientName="A B C D Quill Oskar")
    assert found.names("QuillOskar", found.people)
    found = sought(PatientName="Ana Bea Cia Dea Eva^Zwieb Oskar")
    assert found.names("OZwieb 2", found.people)


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


@pytest.mark.parametrize("vr", ["FD", "FL", "UL", "SL", "UV", "SV", "US", "AT"])
def test_a_record_is_found_as_a_number_of_any_binary_vr(vr):
    found = sought(PatientID="40217")
    assert found.in_bytes_of(DataElement(0x00189073, vr, 40217), vr)
    assert not found.in_bytes_of(DataElement(0x00189073, vr, 40218), vr)


@pytest.mark.parametrize(
    ("vr", "form", "number"),
    [
        *(("US", "<H", 40217), ("AT", "<I", 4021712), ("UV", "<Q", 90071992547409931)),
        *(("SV", "<q", -90071992547409931), ("OL", "<I", 4021712), ("OV", "<Q", 90071992547409931)),
        *(("OF", "<f", 4021712), ("OD", "<d", 4021712)),
    ],
)
def test_a_record_is_found_in_the_bytes_of_numbers_of_any_size(vr, form, number):
    found = sought(PatientID=str(abs(number)))
    for value, told in ((number, True), (number + 16, False)):
        data = struct.pack(form, value)
        raw = RawDataElement(Tag(0x00189073), vr, len(data), data, 0, False, True)
        assert found.in_bytes_of(raw, vr) == told


@pytest.mark.parametrize(
    ("vr", "form"), [("OF", "<f4"), ("OD", "<f8"), ("OL", "<u4"), ("OV", "<u8")]
)
def test_a_record_of_seven_digits_is_found_among_many_numbers(vr, form):
    found, many = sought(PatientID="4021712"), np.arange(20000).astype(form)
    assert not found.in_bytes_of(DataElement(0x00660016, vr, many.tobytes()), vr)
    many[12345] = 4021712
    assert found.in_bytes_of(DataElement(0x00660016, vr, many.tobytes()), vr)


def test_a_long_list_of_indices_holds_a_record_by_chance():
    found, points = sought(PatientID="40217"), np.arange(50000, dtype="<u4")
    for data, told in ((points.tobytes(), False), (points[40000:40500].tobytes(), True)):
        assert found.in_bytes_of(DataElement(0x00660040, "OL", data), "OL") == told


@pytest.mark.parametrize("written_as", [19570812, 12081957, 8121957, 19571208])
@pytest.mark.parametrize("stored_as", ["19570812", "1957.08.12", "1957-08-12"])
def test_a_birth_date_is_found_as_a_number_in_every_order(written_as, stored_as):
    dataset = Dataset()
    dataset[0x00100030] = RawDataElement(
        Tag(0x00100030), "DA", 10, stored_as.encode(), 0, False, True
    )
    found = Sought(dataset, False, Sequences())
    assert found.in_bytes_of(DataElement(0x00189073, "FD", written_as), "FD")
    assert not found.are_numbers([str(written_as)])


def test_a_name_is_found_in_bytes_of_either_width():
    found = sought(PatientName="Quillfeather")
    for code in ("ascii", "utf-16-le", "utf-16-be"):
        data = b"\1\2" + "QUILLfeather".encode(code) + bytes(4)
        assert found.in_bytes_of(DataElement(0x00281201, "OW", data), "OW")
    noise = np.random.default_rng(1).integers(0, 256, 4096, np.uint8).tobytes()
    assert not found.in_bytes_of(DataElement(0x00281201, "OW", noise), "OW")


@pytest.mark.parametrize(
    "written_as", ["1.9570812E7", "19570812e0", "1957081.2e1", "+1.2081957E+7"]
)
def test_a_record_is_found_in_a_number_with_an_exponent(written_as):
    found = sought(PatientBirthDate="19570812")
    assert not found.are_numbers([written_as])
    assert found.are_numbers(["1.9570813E7", "1e-7", "1e400"])
    assert not found.are_numbers(["1.9570813E7"], long=False)


def test_numbers_are_short_or_a_quantity_and_no_record():
    found = sought(PatientID="40217")
    assert found.are_numbers(["1.5", "-600", "1e-3", ""])
    assert not found.are_numbers(["40217"]) and not found.are_numbers(["1.5", "HEAD"])
    assert found.are_numbers(["219570812"]) and not found.are_numbers(["219570812"], long=False)
