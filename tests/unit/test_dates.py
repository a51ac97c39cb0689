import pytest

from unburn import dates

KEY = bytes(range(32))


@pytest.mark.parametrize("identity", [f"id {n}" for n in range(50)])
def test_shift_is_never_zero(identity):
    assert 1 <= dates.shift_days(KEY, identity, 3) <= 3


def test_shift_is_the_same_for_a_patient_and_another_under_another_key():
    shifts = [dates.shift_days(KEY, "id 4711", 3650) for _ in range(2)]
    assert shifts[0] == shifts[1] != dates.shift_days(bytes(32), "id 4711", 3650)


@pytest.mark.parametrize(
    ("text", "kept", "shifted", "year"),
    [
        ("20040302", "20040302", "20040221", "20040101"),
        ("2004.03.02", "20040302", "20040221", "20040101"),
        ("20040230", None, None, None),
        ("2004", None, None, None),
        ("00010105", "00010105", None, "00010101"),
        ("DOE JANE", None, None, None),
    ],
)
def test_clean_date(text, kept, shifted, year):
    results = [dates.clean_date(text, how, 10) for how in ("kept", "shifted", "year")]
    assert results == [kept, shifted, year]


@pytest.mark.parametrize(
    ("text", "shifted", "year"),
    [
        ("20040302101112.123456-0500", "20040221101112.123456-0500", "2004"),
        ("20040101000100+1400", "20031222000100+1400", "2004"),
        ("2004030210", "2004022110", "2004"),
        ("200403", "200403", "2004"),
        ("2004", "2004", "2004"),
        ("20040302 DOE", None, None),
        ("20040302471147", None, None),
        ("20040302101112+4711", None, None),
        ("20041", None, None),
        ("20041301", None, None),
    ],
)
def test_clean_datetime(text, shifted, year):
    assert dates.clean_datetime(text, "shifted", 10) == shifted
    assert dates.clean_datetime(text, "year", 10) == year
    assert dates.clean_datetime(text, "kept", 10) == (text if shifted else None)


@pytest.mark.parametrize(
    "text",
    [
        *("00010101", "15821015", "18581117", "18991230", "19000101", "1900.01.01", "19691231"),
        *("19700101", "19800101", "20000101", "21110101", "99991231"),
    ],
)
def test_what_machines_write_for_no_date_does_not_tell_the_shift(text):
    assert dates.clean_date(text, "shifted", 10) is None
    plain = text.replace(".", "")
    for known in (plain, plain + "000000", plain[:6], plain[:4]):
        assert dates.clean_datetime(known, "shifted", 10) is None
    assert dates.clean_date(text, "kept", 10) == plain
    assert dates.clean_date(text, "year", 10) == plain[:4] + "0101"


@pytest.mark.parametrize(
    ("text", "age"),
    [
        ("089Y", "089Y"),
        ("090Y", "090Y"),
        ("101Y", "090Y"),
        ("999M", "999M"),
        ("003W", "003W"),
        ("95", None),
    ],
)
def test_limit_age(text, age):
    assert dates.limit_age(text) == age


@pytest.mark.parametrize(
    ("text", "kept"),
    [("101112.5", True), ("10:11:12", True), ("10", True), ("DOE", False), ("1011125", False)]
    + [(number, False) for number in ("471147", "23:60", "245959", "101161")],
)
def test_clean_time(text, kept):
    assert dates.clean_time(text) == (text if kept else None)


@pytest.mark.parametrize(
    ("text", "kept"), [("+0130", True), ("-0500", True), ("CET", False), ("+4711", False)]
)
def test_clean_zone(text, kept):
    assert dates.clean_zone(text) == (text if kept else None)
