import struct

import numpy as np
import pytest
from pydicom.dataelem import DataElement, RawDataElement
from pydicom.dataset import Dataset
from pydicom.tag import Tag

from unburn.elements import (
    are_short,
    data_set,
    digits_of,
    is_legible,
    is_sound,
    made,
    numbers,
    text_of,
    texts,
)


def raw(tag, vr, value):
    return RawDataElement(Tag(tag), vr, len(value), value, 0, False, True)


@pytest.mark.parametrize(
    ("vr", "value", "found"),
    [
        ("CS", b"ORIGINAL\\PRIMARY ", ["ORIGINAL", "PRIMARY"]),
        ("DS", b"1.50\\ 2 ", ["1.50", "2"]),
        ("UI", b"1.2.3\0", ["1.2.3"]),
        ("LT", b"one\\two ", ["one\\two"]),  # PS3.5 6.2: a backslash separates no long text
        ("LO", b"   ", []),
        ("LO", b"", []),
    ],
)
def test_texts_of_bytes(vr, value, found):
    assert texts(Dataset(), raw(0x00081030, vr, value), vr) == found


def test_texts_that_are_not_ascii_are_decoded_by_the_character_set():
    dataset = Dataset()
    dataset.SpecificCharacterSet = "ISO_IR 192"
    element = raw(0x00081030, "LO", "Schädel\\Knie".encode())
    dataset[element.tag] = element
    assert texts(dataset, element, "LO") == ["Schädel", "Knie"]


def test_numbers_are_read_as_they_were_written():
    dataset = Dataset()
    dataset.SliceThickness = "1.50"
    assert texts(dataset, dataset["SliceThickness"], "DS") == ["1.50"]


@pytest.mark.parametrize(
    ("vr", "texts_", "value"),
    [
        ("CS", ["A", "BC"], b"A\\BC"),
        ("UI", ["1.2.3"], b"1.2.3\0"),
        ("LO", ["odd"], b"odd "),
        ("DA", [], b""),
    ],
)
def test_made_elements_are_bytes_of_even_length(vr, texts_, value):
    element = made(0x00080008, vr, texts_)
    assert isinstance(element, RawDataElement)
    assert (element.value, element.length) == (value, len(value))


def test_made_elements_that_are_not_ascii_are_left_to_the_character_set():
    element = made(0x00081030, "LO", ["Schädel"])
    assert isinstance(element, DataElement) and element.value == "Schädel"


@pytest.mark.parametrize(
    ("vr", "value", "most", "sound"),
    [
        ("US", b"\0\2", 1, True),
        ("US", b"\0\2\0\2", 1, False),  # two values where one may be
        ("FD", struct.pack("<d", 0.5), 1, True),
        ("FD", b"\0" * 6, 1, False),
        ("FD", b"DOE^JANE", 1, False),
        ("US", b"PERIWINKLE\0\0", 9, False),
        ("FD", b"?@ABCDE@", 1, True),  # a double whose bytes are all printable
        ("OW", b"\0\1\2", 1, True),
    ],
)
def test_binary_numbers_are_of_their_size_and_no_text(vr, value, most, sound):
    assert is_sound(raw(0x00280010, vr, value), vr, most) is sound


@pytest.mark.parametrize(
    ("vr", "data", "found"),
    [
        *(("UL", b"\1\0\0\0", [1]), ("UL", b"47-110", []), ("FD", b"Vandermolen^Zy", [])),
        *(("UV", b"\1\0\0\0\0\0\x20\0", [2**53 + 1]), ("US", b"\1\0\2\0", [1, 2])),
        ("AT", b"\1\0\2\0", [0x00020001, 0x00010002]),
    ],
)
def test_numbers_of_bytes_are_of_their_size_and_exact(vr, data, found):
    assert numbers(data, vr) == found
    assert [digits_of(number) for number in numbers(data, vr)] == [str(one) for one in found]


def test_text_of_reads_what_is_there_and_is_empty_otherwise():
    dataset = Dataset()
    dataset.PatientID, dataset.PatientName = " 4711 ", "Doe^Jane"
    assert text_of(dataset, "PatientID") == "4711" and text_of(dataset, "PatientName") == "Doe^Jane"
    assert text_of(dataset, "StudyID") == ""


def test_a_made_data_set_reads_like_any_other():
    result = data_set({Tag(0x00080060): made(0x00080060, "CS", ["MR"])}, like=Dataset())
    assert result.Modality == "MR" and result.original_encoding == (None, None)
    result.pixel_array_options(raw=True)
    other = data_set({}, like=Dataset())
    assert vars(other)["_pixel_array_opts"] == vars(Dataset())["_pixel_array_opts"]
    assert vars(other)["_pixel_id"] is not vars(result)["_pixel_id"]


@pytest.mark.parametrize(
    "data",
    [b"Mueller Hans", b"M\xfcller Hans", b"S\xe4uerbr\xfcch", "Mueller Hans".encode("utf-16-le"),
     "M\u00fcller Hans".encode("utf-16-be"), b"Mueller Hans\0\0", b"\xc1ngel Maria"],
)  # fmt: skip
@pytest.mark.parametrize("touched", [False, True])
def test_text_in_place_of_binary_numbers_is_no_number(data, touched):
    red = 0x00281201  # Red Palette Color Lookup Table Data
    element = DataElement(red, "OW", data) if touched else raw(red, "OW", data)
    assert not is_sound(element, "OW", float("inf"))


@pytest.mark.parametrize("order", "<>")
@pytest.mark.parametrize(("vr", "form"), [("FD", "d"), ("FL", "f"), ("UL", "I")])
def test_text_in_place_of_numbers_is_none_in_either_byte_order(vr, form, order):
    text = b"MUELLER^JOHANN\0\0"
    numbers = list(struct.unpack(f"{order}{16 // struct.calcsize(form)}{form}", text))
    assert not is_sound(DataElement(0x00720074, vr, numbers), vr, float("inf"))


def test_numbers_are_no_text():
    rng = np.random.default_rng(0)
    tables = [np.arange(256, dtype="<u2"), np.arange(0, 65536, 256, dtype="<u2"),
              rng.integers(0, 65536, 256).astype("<u2"), np.linspace(0, 1, 64)]  # fmt: skip
    values = [table.tobytes() for table in tables]
    for order in "<>":
        doubles = np.append(rng.normal(0, 1000, 5000), rng.integers(-5000, 5000, 6000) / 10)
        doubles = doubles.astype(f"{order}f8")
        values += [row.tobytes() for many in (1, 2) for row in doubles.reshape(-1, many)]
    values += [rng.integers(0, 4096, 2).astype("<u2").tobytes() for _ in range(500)]
    assert sum(map(is_legible, values)) == 0


@pytest.mark.parametrize(
    ("value", "vr", "short"),
    [
        *((struct.pack("<d", 99999.5), "FD", True), (struct.pack("<d", -100000), "FD", False)),
        *((struct.pack("<2I", 1, 5551234), "UL", False), (struct.pack("<i", -99999), "SL", True)),
        *((float("nan"), "FL", True), (float("inf"), "FD", False), ([1.0, 2e9], "FL", False)),
        *((b"", "UL", True), (None, "FD", True)),
    ],
)
def test_numbers_of_six_digits_are_not_short(value, vr, short):
    assert are_short(value, vr) is short
