"""Content items of a birth date or an age over 89, in any preset and at any level."""

import io

import pydicom
import pytest
from pydicom.dataset import Dataset
from test_metadata import KEY, image, written

from unburn import presets
from unburn.metadata import Settings, clean

BIRTH, AGE = ("121031", "DCM", "Subject Birth Date"), ("121033", "DCM", "Subject Age")
YEARS, MONTHS = ("a", "UCUM", "year"), ("mo", "UCUM", "month")


def code(value, scheme, meaning):
    item = Dataset()
    item.CodeValue, item.CodingSchemeDesignator, item.CodeMeaning = value, scheme, meaning
    return item


def content(concept, kind, **values):
    item = Dataset()
    item.ValueType, item.ConceptNameCodeSequence = kind, [code(*concept)]
    for keyword, value in values.items():
        setattr(item, keyword, value)
    return item


def number(concept, text, unit=YEARS, **values):
    measured = Dataset()
    measured.NumericValue, measured.MeasurementUnitsCodeSequence = text, [code(*unit)]
    for keyword, value in values.items():
        setattr(measured, keyword, value)
    return content(concept, "NUM", MeasuredValueSequence=[measured])


def cleaned(items, preset="research", **chosen):
    """The items of both sequences after cleaning, as read from a file."""
    holder = content(("111", "99X", "Subject"), "CONTAINER", ContentSequence=items)
    dataset = image(ContentSequence=[holder], AcquisitionContextSequence=items)
    read = pydicom.dcmread(io.BytesIO(written(dataset)))
    result = clean(read, KEY, Settings(preset, 3650, **chosen)).dataset
    result = pydicom.dcmread(io.BytesIO(written(result)))
    trees = [holder.get("ContentSequence", []) for holder in result.get("ContentSequence", [])]
    return [list(items) for items in (*trees, result.get("AcquisitionContextSequence", []))]


@pytest.mark.parametrize("preset", list(presets.PRESETS))
@pytest.mark.parametrize(
    "item",
    [
        content(BIRTH, "DATE", Date="19230704"),
        content(BIRTH, "DATETIME", DateTime="19230704101112"),
        content(("X1", "99ACME", "Geburtsdatum"), "DATE", Date="19230704"),
        content(("184099003", "SCT", ""), "DATE", Date="19230704"),
        content(("X2", "99ACME", "Time of birth"), "TIME", Time="101112"),
        number(("X3", "99ACME", "Year of birth"), "1923"),
    ],
)
def test_a_birth_date_goes_with_its_item(item, preset):
    study = content(("111060", "DCM", "Study Date"), "DATE", Date="20200304")
    for chosen in ({}, {"dates": "kept"}) if preset == "research" else ({},):
        for items in cleaned([item, study], preset, **chosen):
            names = [each.ConceptNameCodeSequence[0].CodeValue for each in items]
            assert names in (["111060"], []) and (names or preset != "research")


@pytest.mark.parametrize(
    ("concept", "text", "unit", "kept"),
    [
        (AGE, "97", YEARS, "90"),
        (AGE, "89.5", YEARS, "89.5"),
        (AGE, "1164", MONTHS, "1080"),
        (AGE, "88", MONTHS, "88"),
        (AGE, "35431", ("d", "UCUM", "day"), "32872.5"),
        (("X4", "99ACME", "Patient's age"), "97", YEARS, "90"),
        (("X5", "99ACME", "Lebensalter"), "97", ("a", "UCUM", "Jahre"), "90"),
        (("X6", "99ACME", "Age"), "97", ("X", "99ACME", "Jahre"), None),
        (("X6", "99ACME", "Age"), "47", ("X", "99ACME", "Jahre"), "47"),
        (("X7", "99ACME", "Average length"), "97", ("mm", "UCUM", "mm"), "97"),
        (("18185-9", "LN", "Gestational Age"), "280", ("d", "UCUM", "day"), "280"),
        (("X8", "99ACME", "Birth Weight"), "3200", ("g", "UCUM", "gram"), "3200"),
    ],
)
@pytest.mark.parametrize("preset", ["research", "safe_harbor"])
def test_ages_are_limited_in_their_unit_and_other_numbers_stay(concept, text, unit, kept, preset):
    other = number(("121211", "DCM", "Path length"), text, ("mm", "UCUM", "mm"))
    for items in cleaned(
        [number(concept, text, unit, FloatingPointValue=float(text)), other], preset
    ):
        found = [item.MeasuredValueSequence[0] for item in items]
        assert [str(each.NumericValue) for each in found] == ([kept] if kept else []) + [text]
        assert kept in (None, text) or "FloatingPointValue" not in found[0]


def test_an_age_may_stand_in_the_item_itself():
    item = content(AGE, "NUM", NumericValue=["97", "40"])
    item.MeasurementUnitsCodeSequence = [code(*YEARS)]
    for (found,) in cleaned([item]):
        assert list(map(str, found.NumericValue)) == ["90", "40"]


@pytest.mark.parametrize("preset", ["research", "safe_harbor"])
def test_what_only_the_item_around_names_a_birth_or_an_age_goes_too(preset):
    value = ("X9", "99ACME", "Value")
    inner = content(value, "CONTAINER", ContentSequence=[content(value, "DATE", Date="19230704")])
    birth = content(BIRTH, "CONTAINER", ContentSequence=[inner])
    age = content(AGE, "CONTAINER", ContentSequence=[number(value, "97"), number(value, "41")])
    other = content(value, "CONTAINER", ContentSequence=[number(value, "97")])
    for items in cleaned([birth, age, other], preset):
        names = [each.ConceptNameCodeSequence[0].CodeValue for each in items]
        assert names == ["121033", "X9"] or names == ["121033", "removed"]
        held = [
            [int(child.MeasuredValueSequence[0].NumericValue) for child in each.ContentSequence]
            for each in items
        ]
        assert held == [[90, 41], [97]]
