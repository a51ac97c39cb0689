import itertools

import pytest
from pydicom.dataset import Dataset

from unburn import policy, wording
from unburn.identifiers import NOBODY, identifiers


def header(**values):
    dataset = Dataset()
    dataset.PatientName, dataset.PatientID = "Quillfeather^Rosamund", "4711"
    dataset.PatientBirthDate, dataset.StudyDate = "19570312", "20040119"
    for keyword, value in values.items():
        setattr(dataset, keyword, value)
    return identifiers(dataset)


IDS = header()

MARKER = (
    "R|L|LT|RT|LEFT|Right|AP|PA|LAT|CC|MLO|RMLO|L CC|R-MLO|LCC|SUPINE|Supine|"
    "PORTABLE|ERECT|AP SUPINE|PORTABLE AP ERECT|R LAT|(R)|HFS|L.|R / L|Portable|RML|"
    "RLAT|PORTABLEAPERECT|APSUPINE"
)
TECHNIQUE = "120 kV|120kVp|kV 120|kVp: 85|250 mAs|12.5mAs|mAs 4|120 kV 250 mAs|70 kV, 5 mAs|32 mA"
SCALE = "5|10|15|0|0.5|-60|+5|100|12,5|0 5 10|0 1 2 3 4|0 50 100 150|Depth 15 cm|DEPTH: 4.5cm"
MEASUREMENT = (
    "50 mm|3.45 cm|3,45 cm|Dist 12.3 mm|DIST: 4.5cm|D1: 2.34 cm|1 L 1.25 cm|+ 12.3 mm|"
    "12 x 15 mm|1.2 x 3.4 x 5.6 cm|1.2cm x 3.4cm|Area 4.5 cm2|4.5 cm²|Vol 12.3 ml|"
    "50 cm/s|1.2 m/s|60 dB|5.0 MHz|45 °|-12 HU|72 bpm|80 %|120 mmHg|Mean 45 HU"
)
DESCRIPTOR = "CHEST B30f|ABDOMEN|T2 axial|Right Knee|CT CHEST|Brain MRI|left kidney"
# what must never stay: not under `keep`, not under `phi`
NEVER = (
    "12.03.1970|1970-03-12|12/03/70|12 03 1970|03 Dec 1970|19700312|120370|12 Mar 70|"
    "Mar 12, 1970|12:30|12:30:45|1230:45|08h15|047Y|47 Y|47yrs|47 years|47 y/o|"
    "003M|12w3d|6 months|R 12345678|12345678|12 345 678|1234-5678|L 1970|123456|"
    "MRN 123456|AP MUELLER|MUELLER AP|MUELLER|Mueller, Hans|DR. SMITH|I0I|l|lO|Pa|"
    "Li|AL|Ali|SAL|R JB|JB|ID 12|No 5|Name:|PATIENT|DOB|M 45|5 10 15|05 10 15|"
    "0 5 10 16|0 05 10|007|1970|L1970|LI|RE|R.MUELLER|120 kV MUELLER|MUELLER 50 mm|"
    "50 mm 12345|12 W 3 D|50 m|70 kg|180 cm 12345678|r|rt|ap|mlo|Lat|"
    "SAL|PAS|RAPH|APPA|PAPA|ALF|RAS|PAL|LI R|PASUPINO|CCAP|LALA|RLAP R JB|"
    "RAO|LAO|RRAO|PALAO|PARAO|PALMO|APRAO|"
    "63 F|F 63|63F|63/F|F63|R 63 F|A S|A.S.|S. A.|A-P|H_S|L R"
)
CASES = [
    (text, kind)
    for kind, lines in (
        *(("marker", MARKER), ("technique", TECHNIQUE), ("scale", SCALE)),
        *(("measurement", MEASUREMENT), ("descriptor", DESCRIPTOR)),
    )
    for text in lines.split("|")
]


@pytest.mark.parametrize(("text", "kind"), CASES)
def test_harmless_lines_have_a_class(text, kind):
    assert wording.kind(text, IDS) == kind
    assert wording.harmless(text, IDS, "phi")
    assert wording.harmless(text, IDS, "keep") is (kind != "descriptor")
    assert not wording.harmless(text, IDS, "all")


@pytest.mark.parametrize("text", NEVER.split("|"))
def test_what_could_name_somebody_never_stays(text):
    for ids in (IDS, NOBODY):
        assert wording.kind(text, ids) in ("text", "identifier")
        assert not wording.harmless(text, ids, "keep")
        assert not wording.harmless(text, ids, "phi")


def test_no_date_of_a_century_stays_however_it_is_written():
    formats = ("{d:02}.{m:02}.{y}", "{d}.{m}.{y}", "{y}-{m:02}-{d:02}", "{y}{m:02}{d:02}")
    formats += ("{d:02}{m:02}{y}", "{m:02}/{d:02}/{s:02}", "{d} {m} {s:02}", "{d:02}{m:02}{s:02}")
    formats += (
        "{d:02} {m:02} {y}",
        "L {y}",
        "{y}",
        "{d:02}.{m:02}",
        "{d:02}.{m:02}.{s:02}",
        "{m}-{d}-{y}",
    )
    for y, m, d in itertools.product(range(1920, 2027, 7), (1, 5, 10, 12), (1, 5, 10, 28)):
        for written in formats:
            text = written.format(y=y, m=m, d=d, s=y % 100)
            assert not wording.harmless(text, NOBODY, "keep"), text
            assert not wording.harmless(text, NOBODY, "phi"), text


def test_no_number_of_five_digits_stays_however_it_is_cut():
    for number in ("12345", "1234567", "40718829", "0012345678"):
        for gap in ("", " ", "-", ".", "/"):
            for cut in range(1, len(number)):
                text = number[:cut] + gap + number[cut:]
                if len(number) < wording.MOST_DIGITS and gap == ".":
                    continue  # 123.45 mm is a measurement
                for before in ("", "R ", "ID ", "L", "CHEST "):
                    assert not wording.harmless(before + text, NOBODY, "phi"), before + text


def test_made_names_never_stay():
    firsts = ("Anna", "Björn", "Dmitri", "Eun", "Fatima", "Giovanni", "Héloïse", "José", "Zoë")
    lasts = ("Smith", "Müller", "Nguyen", "O'Brien", "García", "Yılmaz", "Okafor", "Sørensen")
    for first, last in itertools.product(firsts, lasts):
        for text in (f"{last}^{first}", f"{last}, {first}", f"{first} {last}", last, f"R {last}"):
            for written in (text, text.upper(), f"{text} AP", f"{text} 120 kV", f"{text} 12"):
                assert not wording.harmless(written, NOBODY, "phi"), written


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("Lat^Maria", "LAT"), ("Pa^Wa", "PA"), ("Maria^Lat", "R LAT"), ("Lat^Pa", "RLAT"),
        ("Head^Anna", "CT HEAD"),
        ("Lung^Wei", "LUNG"), ("R^Anna", "R"), ("Portable^Joe", "PORTABLE"), ("Le=Le", "LE"),
        ("Doe^Pa=Kim^Cc", "CC"), ("Doe^Jo", "CHEST J0"),
    ],
)  # fmt: skip
def test_a_patient_called_like_a_marker_wins(name, text):
    assert wording.kind(text, header(PatientName=name)) == "identifier"


def test_a_middle_initial_is_no_side():
    ids = header(PatientName="Doe^Jane^R", ReferringPhysicianName="Smith^John L")
    assert wording.kind("R", ids) == wording.kind("L", ids) == "marker"


def test_short_ids_and_the_age_are_no_scale():
    ids = header(PatientID="12", PatientAge="047Y")
    assert wording.kind("12", ids) == wording.kind("47", ids) == "identifier"
    assert wording.kind("46", ids) == "identifier"  # between birth date and study
    assert wording.kind("47 mm", ids) == "measurement"
    assert wording.kind("R12", header(PatientID="R12")) == "identifier"
    assert wording.kind("R 12", header(PatientID="R-12")) == "identifier"


def test_the_header_s_dates_win_over_a_scale():
    assert wording.kind("0 5 10", header(StudyDate="20000510")) == "identifier"
    assert wording.kind("12.3", IDS) == "identifier"  # born on 12 March
    assert wording.kind("12.4", IDS) == "scale"


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("120 kV", "120KV", True), ("R", "R", True), ("R", "", False), ("", "", False),
        ("0 5 10", "0510", False), ("12 345", "12345", False), ("（R）", "(R)", True),
        ("1.25 cm", "1.25cm", True), ("AP", "A P", True), ("L", "l", False),
        ("120 kV", "126 kV", False),
    ],
)  # fmt: skip
def test_readers_agree_on_signs_not_on_blanks(one, other, same):
    assert wording.alike(one, other) is same


def test_markers_are_words_of_the_list():
    assert wording.markers("RMLO") == ("MLO", "R")
    assert wording.markers("Portable AP, Supine") == ("AP", "PORTABLE", "SUPINE")
    assert wording.markers("AP MUELLER") == wording.markers("") == ()
    for text in MARKER.split("|"):
        assert set(wording.markers(text)) <= wording.FACTS


def test_the_markers_of_a_line_fit_where_they_are_written():
    four = "BILATERALINSPIRATION TANGENTIALEXPIRATION"
    assert len(";".join(wording.markers(four))) <= policy.FACT["fact"].itemsize
    assert wording.markers(f"{four} SEMIERECTDECUBITUS") == ()


def test_lines_read_as_one_are_judged_in_pieces():
    assert wording.harmless("R 120 kV 250 mAs", IDS, "keep")
    assert wording.harmless("AP 12.3 mm", IDS, "keep")
    assert not wording.harmless("R 120 kV QUILLFEATHER", IDS, "keep")
    assert not wording.harmless("12 34 56", IDS, "keep")
    assert wording.harmless("CTCHEST", IDS, "phi")
    assert not wording.harmless("CTCHEST", header(PatientName="Chest^Al"), "phi")
    assert not wording.harmless("R KNEE", IDS, "keep") and wording.harmless("R KNEE", IDS, "phi")
