import csv
import re
import runpy

import pytest
from pydicom.datadict import tag_for_keyword

from unburn import presets, profile
from unburn.profile import DECODE, REMOVE, RESOURCES, TYPE_1, Rules, action, dummy_of


def tag(keyword):
    return int(tag_for_keyword(keyword))


def of(keyword, vr, preset="research", **chosen):
    return action(tag(keyword), vr, presets.options(preset, chosen))


@pytest.mark.parametrize(
    ("keyword", "vr", "research", "harbor", "public"),
    [
        ("StudyDate", "DA", "date", "date", "empty"),
        ("SeriesTime", "TM", "time", "dummy", "dummy"),
        ("PatientName", "PN", "empty", "empty", "empty"),
        ("PatientID", "LO", "dummy", "dummy", "dummy"),
        ("PatientSex", "CS", "code", "code", "empty"),
        ("PatientAge", "AS", "age", "age", REMOVE),
        ("StudyDescription", "LO", "words", "words", REMOVE),
        ("PatientComments", "LT", "words", "words", REMOVE),
        ("InstitutionName", "LO", "dummy", "dummy", "dummy"),
        ("SOPInstanceUID", "UI", "uid", "uid", "uid"),
        ("SOPClassUID", "UI", "class uid", "class uid", "class uid"),
        ("Rows", "US", "keep", "keep", "keep"),
        ("Manufacturer", "LO", "terms", "terms", "terms"),
        ("ReceiveCoilName", "SH", "terms", "terms", "terms"),
        ("SeriesNumber", "IS", "number", "number", "number"),
        ("WindowCenter", "DS", "quantity", "quantity", "quantity"),
        ("EvaluatorName", "PN", "empty", "empty", "empty"),  # in no table, by its VR
    ],
)
def test_the_table_is_looked_up_by_option(keyword, vr, research, harbor, public):
    found = [of(keyword, vr, preset) for preset in presets.PRESETS]
    assert found == [research, harbor, public]


@pytest.mark.parametrize(
    ("keyword", "vr", "option", "kept"),
    [
        ("InstitutionName", "LO", "institution", "whole"),
        ("DeviceSerialNumber", "LO", "device", "whole"),
        ("StationAETitle", "AE", "device", "words"),
        ("DeviceUID", "UI", "device", "kept uid"),
        ("SOPInstanceUID", "UI", "uids", "kept uid"),
        ("InstitutionCodeSequence", "SQ", "institution", "items"),
    ],
)
def test_an_option_alone_changes_its_attributes(keyword, vr, option, kept):
    assert of(keyword, vr, **{option: "kept"}) == kept != of(keyword, vr)


def test_dates_come_before_the_device_that_they_tell_of():
    assert of("DateOfLastCalibration", "DA", device="kept", dates="removed") == REMOVE
    assert of("DateOfLastCalibration", "DA", device="kept") == "date"


@pytest.mark.parametrize("number", [0x00091010, 0x50003000, 0x60003000, 0x00080000, 0x00287FFE])
def test_private_repeating_and_unknown_attributes_always_go(number):
    for options in presets.PRESETS.values():
        assert action(number, "LO", options) == REMOVE


@pytest.mark.parametrize(
    ("keyword", "stored", "found"),
    [
        ("Rows", "US", ("US", "keep")),
        ("Rows", None, ("US", "keep")),
        ("Rows", "UN", ("US", "keep")),
        ("Rows", "LO", ("", REMOVE)),
        ("StudyDescription", "UT", ("LO", "words")),
        ("SmallestImagePixelValue", None, ("", DECODE)),  # US or SS
        ("SourceImageSequence", "SQ", ("", DECODE)),
        ("PatientAddress", None, ("", REMOVE)),
        ("Rows", "", ("", DECODE)),
    ],
)
def test_what_happens_to_an_attribute_that_is_still_bytes(keyword, stored, found):
    assert Rules(presets.RESEARCH).stored[tag(keyword), stored] == found


def test_every_row_of_the_table_is_of_the_standard_and_has_a_code():
    with open(profile.TABLE, encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 621
    assert {row["basic"] for row in rows} == {
        "X", "D", "U", "Z", "X/D", "X/Z", "X/Z/D", "Z/D", "X/Z/U*"
    }  # fmt: skip
    assert set(rows[0]) == {
        *("tag", "name", "basic", "safe_private", "uids", "device", "institution", "patient"),
        *("full_dates", "modified_dates", "descriptors", "structured", "graphics"),
    }
    assert sum(not re.fullmatch("[0-9a-f]{8}", row["tag"]) for row in rows) == 4


def test_attributes_that_objects_need_are_those_of_the_standard_s_tables():
    script = RESOURCES / "ps3.3" / "make_list.py"
    made = runpy.run_path(str(script))["needed"](
        {
            "one": [
                {"keyword": "Modality", "type": "1"},
                {"keyword": "SegmentLabel", "type": "1C"},
                {"keyword": "StudyID", "type": "2"},  # may be empty
                {"keyword": "Rows", "type": "1"},  # no text
            ]
        }
    )
    assert made == ["Modality", "SegmentLabel"]
    words = TYPE_1.read_text().split()
    assert words == sorted(words) and {*made, "Manufacturer", "TextValue"} < {*words}
    assert profile.tags("BodyPartExamined StudyID Rows").isdisjoint(profile.NEEDED)
    assert {dummy_of(tag) for tag in profile.tags(" ".join(made))} == {"dummy"}
