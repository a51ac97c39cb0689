"""Safe private elements: fixtures as Siemens, GE and Philips write them, and what must not pass."""

import io

import pydicom
import pytest
from pydicom.dataelem import DataElement
from pydicom.dataset import Dataset
from pydicom.uid import (
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
)
from test_metadata import KEY, image, written

from unburn import private
from unburn.metadata import Settings, clean

RESEARCH = Settings("research", 3650)
TIMES = [0.0, 1032.5, 62.5, 1095.0]
# creator: (group, element, VR, value), all of them listed
VENDORS = {
    "siemens": {
        "SIEMENS MR HEADER": [
            (0x0019, 0x0A, "US", 4),
            (0x0019, 0x0C, "IS", "1000"),
            (0x0019, 0x0D, "CS", "DIRECTIONAL"),
            (0x0019, 0x0E, "FD", [-0.20, 0.51, -0.83]),
            (0x0019, 0x27, "FD", [40.0, -102.0, 166.0, 260.1, -423.3, 688.9]),
            (0x0019, 0x28, "FD", 14.3),
            (0x0019, 0x29, "FD", TIMES),
        ],
    },
    "ge": {
        "GEMS_ACQU_01": [
            (0x0019, 0xBB, "DS", "0.707107"),
            (0x0019, 0xBC, "DS", "-0.707107"),
            (0x0019, 0xBD, "DS", "0"),
        ],
        "GEMS_RELA_01": [(0x0021, 0x5E, "DS", "0.0625")],
        "GEMS_PARM_01": [
            (0x0043, 0x2C, "SS", 636),
            (0x0043, 0x39, "IS", ["1000000750", "0", "0", "0"]),
            (0x0043, 0x83, "DS", ["0.666667", "1"]),
        ],
    },
    "philips": {
        "Philips Imaging DD 001": [
            (0x2001, 0x03, "FL", 1000.0),
            (0x2001, 0x04, "CS", "I"),
            (0x2001, 0x0A, "IS", "12"),
        ],
        "Philips MR Imaging DD 001": [
            (0x2005, 0x0D, "FL", 0.0),
            (0x2005, 0x0E, "FL", 0.0078125),
            (0x2005, 0xB0, "FL", 0.5),
            (0x2005, 0xB1, "FL", -0.25),
            (0x2005, 0xB2, "FL", 0.75),
        ],
    },
}


def fill(dataset, vendor):
    for creator, rows in VENDORS[vendor].items():
        for group, number, vr, value in rows:
            block = dataset.private_block(group, creator, create=True)
            block.add_new(number, vr, value)
            block.add_new(0xFE, "LO", "CANARY NEIGHBOUR")  # listed nowhere
    return dataset


def stored(dataset, syntax):
    """The data set as read from a file of a transfer syntax."""
    dataset.file_meta.TransferSyntaxUID = syntax
    dataset.file_meta.MediaStorageSOPClassUID = dataset.SOPClassUID
    dataset.file_meta.MediaStorageSOPInstanceUID = dataset.SOPInstanceUID
    buffer = io.BytesIO()
    pydicom.dcmwrite(buffer, dataset, enforce_file_format=True)
    return pydicom.dcmread(io.BytesIO(buffer.getvalue()))


def cleaned(dataset, settings=RESEARCH):
    """The cleaned data set as a reader gets it, and its bytes."""
    data = written(clean(dataset, KEY, settings).dataset)
    return pydicom.dcmread(io.BytesIO(data)), data


def codes(dataset):
    return [item.CodeValue for item in dataset.DeidentificationMethodCodeSequence]


@pytest.mark.parametrize(
    "syntax", [ExplicitVRLittleEndian, ImplicitVRLittleEndian, ExplicitVRBigEndian]
)
@pytest.mark.parametrize("vendor", list(VENDORS))
def test_listed_elements_are_equal_before_and_after_and_their_neighbours_gone(vendor, syntax):
    result, data = cleaned(stored(fill(image(), vendor), syntax))
    for creator, rows in VENDORS[vendor].items():
        for group, number, _, value in rows:
            after = result.private_block(group, creator)[number].value
            if isinstance(value, list):
                assert [float(v) for v in after] == [float(v) for v in value]
            else:
                assert after == value or float(after) == float(value)
    assert b"CANARY" not in data and b"NEIGHBOUR" not in data
    assert "113111" in codes(result)


@pytest.mark.parametrize("vendor", list(VENDORS))
def test_they_stay_in_sequences_and_wherever_their_block_stands(vendor):
    item = Dataset()
    item.private_block(0x0019, "CANARY MAKER", create=True).add_new(1, "LO", "CANARY")
    item.private_block(0x2001, "CANARY MAKER", create=True).add_new(3, "FL", 47.0)
    fill(item, vendor)
    result, data = cleaned(image(SharedFunctionalGroupsSequence=[item]))
    inner = result.SharedFunctionalGroupsSequence[0]
    for creator, rows in VENDORS[vendor].items():
        for group, number, _, _ in rows:
            assert number in inner.private_block(group, creator)
    assert b"CANARY" not in data


def test_text_in_the_place_of_a_number_goes():
    dataset = image()
    block = dataset.private_block(0x0019, "SIEMENS MR HEADER", create=True)
    for number, vr, value in (
        (0x0C, "LO", "CANARY JANE"),
        (0x0D, "CS", "CANARY"),
        (0x16, "SH", "CANARY"),
        (0x27, "OB", b"CANARY"),
        (0x28, "UN", b"CANARY JANE DOE"),
        (0x29, "UT", "CANARY"),
    ):
        tag = block.get_tag(number)
        element = DataElement(tag, vr, value, validation_mode=pydicom.config.IGNORE)
        dataset.add(element)
    result, data = cleaned(dataset)
    assert b"CANARY" not in data and b"SIEMENS MR" not in data
    assert "113111" not in codes(result)


@pytest.mark.parametrize("preset", ["research", "safe_harbor"])
@pytest.mark.parametrize(
    ("creator", "group", "number", "vr", "value"),
    [
        ("SIEMENS MR HEADER", 0x0019, 0x0B, "DS", "48601234567"),
        ("SIEMENS MR HEADER", 0x0019, 0x0C, "IS", "570812"),
        ("SIEMENS MR HEADER", 0x0019, 0x29, "FD", [19570812.0, 601234567.0]),
        ("SIEMENS MR HEADER", 0x0019, 0x29, "FD", [0.0, float("nan")]),
        ("SIEMENS MR HEADER", 0x0019, 0x28, "FD", 47114.0),  # the Patient ID
        ("GEMS_PARM_01", 0x0043, 0x39, "IS", ["1000", "601234567", "0", "0"]),
        ("GEMS_PARM_01", 0x0043, 0x7C, "FL", 19570812.0),
        ("Philips Imaging DD 001", 0x2001, 0x18, "SL", 19570812),
    ],
)
def test_dates_and_telephones_in_the_place_of_numbers_go(preset, creator, group, number, vr, value):
    dataset = image(PatientID="47114")
    dataset.private_block(group, creator, create=True).add_new(number, vr, value)
    for read in (dataset, stored(dataset, ExplicitVRLittleEndian)):
        result, _ = cleaned(read, Settings(preset, 3650))
        assert not any(element.tag.is_private for element in result)


def test_numbers_of_six_digits_stay_where_the_quantity_has_them():
    dataset = image()
    block = dataset.private_block(0x0019, "SIEMENS MR HEADER", create=True)
    block.add_new(0x0B, "DS", "268110")  # ms of a volume
    result, _ = cleaned(dataset)
    assert result.private_block(0x0019, "SIEMENS MR HEADER")[0x0B].value == 268110


def test_another_creator_has_no_safe_elements():
    dataset = image()
    for creator in ("SIEMENS MR HEADER CANARY", "siemens mr header", "CANARY"):
        dataset.private_block(0x0019, creator, create=True).add_new(0x0C, "IS", "471147")
    _, data = cleaned(dataset)
    assert b"471147" not in data and b"CANARY" not in data and b"iemens" not in data


def test_an_element_without_a_creator_goes():
    dataset = image()
    dataset.add_new(0x0019100C, "IS", "471147")
    assert b"471147" not in cleaned(dataset)[1]


def test_headers_of_a_maker_as_a_whole_and_private_sequences_go():
    dataset, item = image(), Dataset()
    csa = dataset.private_block(0x0029, "SIEMENS CSA HEADER", create=True)
    csa.add_new(0x10, "OB", b"SV10CANARY")
    item.PatientName = "Canary^Jane"
    fill(item, "philips")
    dataset.private_block(0x2005, "Philips MR Imaging DD 005", create=True).add_new(
        0x0F, "SQ", [item]
    )
    result, data = cleaned(dataset)
    assert b"CANARY" not in data.upper() and b"SV10" not in data
    assert not any(element.tag.is_private for element in result)


def test_unknown_vr_is_read_as_the_table_says():
    dataset = image()
    block = dataset.private_block(0x0065, "Image Private Header", create=True)  # no dictionary
    block.add_new(0x09, "UN", b"\0\0\0\0\0\x40\x8f\x40")
    block.add_new(0x0A, "UN", b"CANARY")
    result, data = cleaned(stored(dataset, ExplicitVRLittleEndian))
    assert result.private_block(0x0065, "Image Private Header")[0x09].value == 1000.0
    assert b"CANARY" not in data


def test_private_times_move_with_the_dates_of_the_patient():
    dataset = image(AcquisitionDateTime="20040119101500.00+0100")
    block = dataset.private_block(0x0009, "GEMS_PETD_01", create=True)
    block.add_new(0x0D, "DT", "20040119101500.00")
    block.add_new(0x10, "LO", "CANARY HOSPITAL")
    result, data = cleaned(dataset)
    moved = result.private_block(0x0009, "GEMS_PETD_01")[0x0D].value
    assert str(moved)[:14] == result.AcquisitionDateTime[:14] != "20040119101500"
    assert b"CANARY" not in data
    cut, _ = cleaned(dataset, Settings("safe_harbor", 3650))
    assert not any(element.tag.is_private for element in cut)


@pytest.mark.parametrize(
    "settings", [Settings("public", 3650), Settings("research", 3650, safe_private="removed")]
)
def test_without_the_option_no_private_element_stays(settings):
    result, _ = cleaned(fill(image(), "siemens"), settings)
    assert not any(element.tag.is_private for element in result)
    assert "113111" not in codes(result)


def test_the_table_lists_numbers_dates_and_closed_terms_each_with_a_source():
    with open(private.TABLE, encoding="utf-8") as file:
        lines = [line.rstrip("\n").split("\t") for line in file]
    assert lines[0] == ["creator", "group", "element", "vr", "terms", "range", "what", "source"]
    for creator, group, number, vr, terms, _, what, source in lines[1:]:
        assert int(group, 16) % 2 == 1 and 0 <= int(number, 16) <= 0xFF
        assert vr in ("DS", "IS", "CS", "DT", "US", "SS", "UL", "SL", "FL", "FD")
        assert bool(terms) == (vr == "CS") and creator and what and source
    keys_ = [tuple(line[:3]) for line in lines[1:]]
    assert keys_ == sorted(set(keys_))
    assert len(private.table()) == len(keys_)
