"""What each option keeps and drops, at the top and two levels down, for every row of the table."""

from dataclasses import replace

import pytest
from pydicom.datadict import dictionary_VR
from pydicom.dataelem import DataElement
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence as Items
from pydicom.valuerep import DA
from test_metadata import KEY, UNLISTED_SEQUENCES, canaries, canary, element, image, level, written

from unburn import dates, marks, names, presets, profile
from unburn.metadata import DUMMIES, Settings, clean

CODED = "T-D1100"
PEOPLE = [tag for _, tag, vr in canaries() if vr == "PN"]
ZONE = 0x00080201


def settings(preset="research", **chosen):
    return Settings(preset, 3650, **chosen)


def full():
    """An object with a value in every row, at the top and two levels down in unlisted sequences.

    It names no person, as no text stays whole that holds a name or a word of an address, and its
    coded values are terms, as no others stay.
    """
    dataset, inner = image(), Dataset()
    for each in level(skip=(0x00080016, ZONE, *PEOPLE)):
        dataset.add(each)
    inner.add(element(UNLISTED_SEQUENCES[0], "SQ", Items([level(skip=(ZONE, *PEOPLE))])))
    dataset.add(element(0x52009230, "SQ", Items([inner])))
    del dataset.PatientName
    for item in levels(dataset).values():
        item.TimezoneOffsetFromUTC = "+0130"
        for tag in names.ADDRESSES | names.INSTITUTIONS:
            item[tag].value = "Wexford"
        for coded in (each for each in item if each.VR == "CS" and each.tag != 0x00280004):
            coded.value = "YES"
    return dataset


def levels(dataset):
    """The top level and the one two levels down."""
    inner = dataset[0x52009230].value[0][UNLISTED_SEQUENCES[0]].value[0]
    return {"top": dataset, "two down": inner}


def value(dataset, tag):
    """A value as text; None when the attribute is not there."""
    return str(dataset[tag].value) if tag in dataset else None


def rows(column, code="K"):
    """Tags of the rows with a code in a column, and their VRs; sequences are looked at apart."""
    for _, tag, vr in canaries():
        stays = column == "modified_dates" and tag in profile.PUBLIC_DATES
        if profile.table()[tag][column] == code and vr not in ("SQ", "OB") and not stays:
            yield tag, vr


def is_time(tag):
    """Whether the options of dates decide about an attribute, which they do before any other."""
    return bool(profile.table()[tag]["modified_dates"])


@pytest.fixture(scope="module")
def original():
    return full()


KEPT = [
    ("dates", "kept", "full_dates", 160),
    ("uids", "kept", "uids", 45),
    ("device", "kept", "device", 25),
    ("institution", "kept", "institution", 7),
    ("characteristics", "kept", "patient", 7),
]


@pytest.mark.parametrize(("option", "chosen", "column", "least"), KEPT)
def test_an_option_retains_what_its_column_says_at_all_levels(
    option, chosen, column, least, original
):
    result = clean(original, KEY, settings(**{option: chosen})).dataset
    before, after = levels(original), levels(result)
    kept = [row for row in rows(column) if option == "dates" or not is_time(row[0])]
    lost = {
        (name, profile.table()[tag]["name"])
        for tag, vr in kept
        for name in before
        # ages are limited, and text that is typed (Ethnic Group) is cleaned like any
        if vr != "AS" and tag != 0x00102160 and value(after[name], tag) != value(before[name], tag)
    }
    assert len(kept) >= least
    assert lost == set()


@pytest.mark.parametrize("option", [name for name, *_ in KEPT])
def test_without_the_option_nothing_of_its_column_is_left(option, original):
    result = clean(original, KEY, settings(**{option: presets.CHOICES[option][-1]})).dataset
    column = next(column for name, _, column, _ in KEPT if name == option)
    before, after = levels(original), levels(result)
    left = {
        (name, profile.table()[tag]["name"])
        for tag, _ in rows(column)
        for name in before
        if option == "dates" or not is_time(tag)
        if tag in after[name] and value(after[name], tag) == value(before[name], tag)
    }
    assert left == set()


@pytest.mark.parametrize("name", ["top", "two down"])
def test_shifted_dates_move_by_one_number_of_days_and_times_stay(name, original):
    result = clean(original, KEY, settings()).dataset
    before, after = levels(original)[name], levels(result)[name]
    moves = set()
    for tag, vr in rows("modified_dates", "C"):
        if vr == "TM":
            assert value(after, tag) == value(before, tag)
        elif vr in ("DA", "DT") and value(before, tag)[:8] not in dates.PLACEHOLDERS:
            moves.add((DA(value(before, tag)[:8]) - DA(value(after, tag)[:8])).days)
            assert value(after, tag)[8:] == value(before, tag)[8:]
    (days,) = moves
    assert 1 <= days <= 3650


def test_dates_of_the_year_option_are_the_first_day_of_it_and_no_time_is_left(original):
    result = clean(original, KEY, settings("safe_harbor")).dataset
    for name, item in levels(result).items():
        for tag, vr in rows("modified_dates", "C"):
            year = (value(levels(original)[name], tag) or "")[:4]
            if vr == "DA":
                assert value(item, tag) == f"{year}0101"
            elif vr == "DT":
                assert value(item, tag) == year
            else:
                assert value(item, tag) in (None, "", "000000")


def test_a_birth_date_goes_under_every_option():
    for chosen in presets.CHOICES["dates"]:
        result = clean(image(PatientBirthDate="19570312"), KEY, settings(dates=chosen)).dataset
        assert result.PatientBirthDate == ""


def test_kept_institutions_and_devices_hold_no_name_of_a_person():
    dataset = image(
        InstitutionName="Infirmary of Jane Doe", StationName="DOE-01", DeviceSerialNumber="4711471"
    )
    result = clean(dataset, KEY, settings(institution="kept", device="kept")).dataset
    data = written(result).lower()
    assert b"doe" not in data and b"jane" not in data
    assert result.DeviceSerialNumber == "4711471"


def test_titles_of_applications_are_cleaned_with_the_device_option():
    result = clean(image(StationAETitle="CANARYCT"), KEY, settings(device="kept")).dataset
    assert "CANARY" not in str(result.get("StationAETitle"))


def test_sequences_that_an_option_cleans_keep_their_codes():
    code = Dataset()
    code.CodeValue, code.CodingSchemeDesignator, code.CodeMeaning = CODED, "SRT", "Skull"
    code.AccessionNumber = "CANARY47"
    dataset = image(InstitutionCodeSequence=[code], ReasonForVisitCodeSequence=[code])
    kept = clean(dataset, KEY, settings(institution="kept")).dataset
    for keyword in ("InstitutionCodeSequence", "ReasonForVisitCodeSequence"):
        (item,) = kept[keyword].value
        assert item.CodeValue == CODED and item.AccessionNumber == ""
    strict = clean(dataset, KEY, settings("public")).dataset
    assert "InstitutionCodeSequence" not in strict and "ReasonForVisitCodeSequence" not in strict


def test_public_keeps_no_characteristics_that_the_table_does_not_name():
    dataset = image(PatientBodyMassIndex="31", PatientSex="F", PatientAge="040Y", PatientSize="1.7")
    result = clean(dataset, KEY, settings("public")).dataset
    assert result.PatientSex == ""
    for keyword in ("PatientBodyMassIndex", "PatientAge", "PatientSize"):
        assert keyword not in result


def content():
    measured = Dataset()
    measured.ValueType = "NUM"
    return [measured]


def codes(dataset):
    return [item.CodeValue for item in dataset.DeidentificationMethodCodeSequence]


def test_codes_say_what_was_done_and_no_more():
    line = Dataset()
    line.GraphicType = "POLYLINE"
    drawn = Dataset()
    drawn.GraphicObjectSequence = [line]
    plain = clean(image(), KEY, settings()).dataset
    assert codes(plain) == ["113100", "113105", "113107", "113108"]
    shown = clean(image(GraphicAnnotationSequence=[drawn]), KEY, settings()).dataset
    assert "113103" in codes(shown) and "113104" not in codes(shown)
    told = clean(image(ContentSequence=content()), KEY, settings()).dataset
    assert "113104" in codes(told) and "113103" not in codes(told)
    public = clean(
        image(ContentSequence=content(), GraphicAnnotationSequence=[drawn]), KEY, settings("public")
    ).dataset
    assert codes(public) == ["113100"]
    assert "ContentSequence" not in public and "GraphicAnnotationSequence" not in public


@pytest.mark.parametrize(
    ("chosen", "expected", "temporal"),
    [
        ({"dates": "kept"}, "113106", "UNMODIFIED"),
        ({"dates": "year"}, "113107", "MODIFIED"),
        ({"dates": "removed"}, None, "REMOVED"),
        ({"device": "kept"}, "113109", "MODIFIED"),
        ({"uids": "kept"}, "113110", "MODIFIED"),
        ({"institution": "kept"}, "113112", "MODIFIED"),
    ],
)
def test_each_option_has_its_code_and_its_word_on_dates(chosen, expected, temporal):
    result = clean(image(), KEY, settings(**chosen)).dataset
    assert result.LongitudinalTemporalInformationModified == temporal
    if expected:
        assert expected in codes(result)
    else:
        assert not {"113106", "113107"} & set(codes(result))
    (name, value_), = chosen.items()  # fmt: skip
    assert f"option {name} {value_}" in list(result.DeidentificationMethod)


def test_visual_features_are_never_claimed():
    assert "113102" not in marks.METHOD_CODES
    assert set(marks.METHOD_CODES) >= set(marks.IN_FORCE.values()) | set(marks.MET.values())


def test_every_preset_is_a_choice_of_options_and_public_is_the_strictest():
    for options in presets.PRESETS.values():
        for name, choices in presets.CHOICES.items():
            assert getattr(options, name) in choices
            assert getattr(presets.PUBLIC, name) == choices[-1]
    assert presets.options("public", {"dates": None}) == presets.PUBLIC
    assert presets.options("research", {"dates": "year"}) == replace(presets.RESEARCH, dates="year")


def test_weakened_names_only_what_takes_from_a_promise():
    assert dict(presets.weakened("research", {"metadata.dates": "kept"})) == {}
    found = dict(presets.weakened("safe_harbor", {"metadata.dates": "shifted"}))
    assert found == {"metadata.dates": "year"}
    assert dict(presets.weakened("safe_harbor", {"metadata.dates": "removed"})) == {}
    assert dict(presets.weakened("public", {"gate.read": "suspicious", "report.pictures": 0})) == {
        "gate.read": "all"
    }


def test_a_kept_uid_that_is_none_is_replaced():
    dataset = image(FrameOfReferenceUID="1.2.CANARY")
    result = clean(dataset, KEY, settings(uids="kept"))
    assert result.dataset.SOPInstanceUID == "1.2.3.1"
    assert "CANARY" not in result.dataset.FrameOfReferenceUID


@pytest.mark.parametrize("preset", list(presets.PRESETS))
def test_dummies_of_type_1_are_valid_for_their_vr(preset, original):
    result = clean(original, KEY, settings(preset)).dataset
    data = written(result)  # pydicom refuses what it cannot encode
    assert len(data) > 1000
    for tag, row in profile.table().items():
        if row["basic"] == "D" and tag in original and dictionary_VR(tag) not in ("SQ", "UI"):
            assert isinstance(result[tag], DataElement)
            assert not result[tag].is_empty, row["name"]


def test_the_canary_of_a_row_is_a_value_that_can_be_found():
    assert len({canary(number, vr)[1] for number, _, vr in canaries() if vr == "LO"}) > 100


def test_items_of_free_text_go_wherever_they_stand():
    text, measured = Dataset(), Dataset()
    text.ValueType, text.TextValue, measured.ValueType = "TEXT", "Canary", "NUMERIC"
    step = Dataset()
    step.SpecimenPreparationStepContentItemSequence = [text, measured]
    result = clean(image(SharedFunctionalGroupsSequence=[step]), KEY, settings()).dataset
    (item,) = result.SharedFunctionalGroupsSequence[0].SpecimenPreparationStepContentItemSequence
    assert item.ValueType == "NUMERIC"


@pytest.mark.parametrize("preset", list(presets.PRESETS))
def test_a_code_that_is_needed_gets_a_dummy_when_nothing_of_it_may_stay(preset):
    result = clean(image(ContentLabel="CANARY 20040119"), KEY, settings(preset)).dataset
    assert result.ContentLabel == "REMOVED"
    context = clean(image(AcquisitionContextSequence=content()), KEY, settings(preset)).dataset
    assert len(context.AcquisitionContextSequence) == (0 if preset == "public" else 1)


def test_what_is_the_same_for_everybody_does_not_tell_the_shift():
    dataset, code = image(DateOfLastCalibration="19700101", ContentDate="19000101"), Dataset()
    code.CodeValue, code.CodingSchemeDesignator, code.CodeMeaning = "T-D1100", "SRT", "Head"
    code.ContextGroupVersion, code.ContextGroupLocalVersion = "20121129", "20130101"
    dataset.AnatomicRegionSequence, dataset.StudyDate = [code], "18991230"
    for preset in presets.PRESETS:
        result = clean(dataset, KEY, settings(preset)).dataset
        versions = result.AnatomicRegionSequence[0]
        assert versions.ContextGroupVersion == versions.ContextGroupLocalVersion == DUMMIES["DT"]
    result = clean(dataset, KEY, settings()).dataset
    assert result.StudyDate == "" and result.ContentDate == DUMMIES["DA"]
    assert result.get("DateOfLastCalibration") in (None, "", DUMMIES["DA"])
    kept = clean(dataset, KEY, settings(dates="kept")).dataset
    assert kept.AnatomicRegionSequence[0].ContextGroupVersion == "20121129"
