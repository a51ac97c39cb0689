import io
import time

import numpy as np
import pytest
from pydicom import dcmread, dcmwrite
from pydicom.config import IGNORE
from pydicom.dataelem import DataElement, RawDataElement
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.tag import Tag
from pydicom.uid import CTImageStorage, ExplicitVRLittleEndian

from unburn.identifiers import (
    NOBODY,
    found_in_attributes,
    found_in_bytes,
    found_in_text,
    identifiers,
)
from unburn.metadata import Settings, clean, quiet
from unburn.presets import options


def header(**values):
    dataset = Dataset()
    dataset.PatientName, dataset.PatientID = "Quillfeather^Rosamund", "MX-4711234"
    dataset.PatientBirthDate, dataset.StudyDate = "19570312", "20040119"
    dataset.AccessionNumber, dataset.StudyID = "A0098765", "5"
    dataset.ReferringPhysicianName = "Thistlewood^B"
    dataset.InstitutionName, dataset.Manufacturer = "Larkspur General Hospital", "Siemens"
    dataset.StationName, dataset.PatientTelephoneNumbers = "LSPCT07", "0664 555 1234"
    dataset.PatientAge, dataset.PatientSex, dataset.PatientWeight = "047Y", "F", "70"
    for keyword, value in values.items():
        setattr(dataset, keyword, value)
    return dataset


def written_and_read(dataset):
    buffer = io.BytesIO()
    with quiet():
        dcmwrite(buffer, dataset, implicit_vr=False, little_endian=True)
        return dcmread(io.BytesIO(buffer.getvalue()), force=True)


IDS = identifiers(header())


@pytest.mark.parametrize(
    "text",
    [
        "QUILLFEATHER",
        "quillfeather, R.",
        "Name: QU1LLFEATHER",
        "QUILLFEATER",
        "QUILLFEATHERROSAMUND",
        "Rosamnud Rosarnund R0SAMUND",
        "MX-4711234",
        "ID MX 4711234",
        "MX47II234",
        "Acc A0098765",
        "1957-03-12",
        "12.03.1957",
        "12/03/57",
        "03/12/1957",
        "DOB 12 MAR 1957",
        "12-Mär-1957",
        "Mar 12, 1957",
        "19570312",
        "12031957",
        "120357",
        "12th March 1957",
        "12 de marzo de 1957",
        "1957年3月12日",
        "19 JAN 2004",
        "LARKSPUR GENERAL HOSPITAL",
        "Dr Thistlewood",
        "LSPCT07",
        "Tel. 0664-555-1234",
        "line one\nline two ROSAMUND",
    ],
)
def test_identifiers_are_read_in_text(text):
    assert found_in_text(IDS, text)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "CHEST PA",
        "L",
        "R 5.0 mm",
        "Siemens",
        "General Hospital",
        "kV 120 mA 200",
        "W 400 L 40",
        "12.03.1958",
        "120358",
        "12th",
        "047Y F 70",
        "1234",
        "IM 5/55",
        "T2 TSE SAG 2004",
        "FEATHER",
        "ROSA",
    ],
)
def test_other_text_is_no_alarm(text):
    assert not found_in_text(IDS, text)


def test_short_names_count_as_whole_words_only():
    ids = identifiers(header(PatientName="Doe^Jane"))
    assert (
        found_in_text(ids, "DOE")
        and found_in_text(ids, "JANE, D")
        and found_in_text(ids, "D0E") is False
    )
    assert not found_in_text(ids, "DOES") and not found_in_text(ids, "JANET DOEN")


def test_names_that_are_words_of_the_house_are_not_searched():
    ids = identifiers(header(PatientName="Head^Phantom", ReferringPhysicianName="Anonymous"))
    assert ids.names == frozenset()
    assert not found_in_text(ids, "HEAD PHANTOM")


@pytest.mark.parametrize("code", ["latin-1", "utf-8", "utf-16-le", "utf-16-be"])
@pytest.mark.parametrize(
    "value",
    (
        *("Quillfeather", "QUILLFEATHER", "rosamund", "MX-4711234", "mx4711234", "A0098765"),
        *("19570312", "1957-03-12", "12.03.1957", "12 MAR 1957", "LSPCT07"),
        "Larkspur General Hospital",
    ),
)
def test_identifiers_are_found_in_bytes(value, code):
    data = b"\x01\x02 \x00" + value.encode(code) + b"\x00 \x03"
    assert found_in_bytes(IDS, data, 4)
    if len(value) >= 8:
        assert found_in_bytes(IDS, data, 8)
    assert not found_in_bytes(IDS, data, 200)


def test_names_with_accents_are_found_in_each_case():
    ids = identifiers(header(SpecificCharacterSet="ISO_IR 100", PatientName="Müllerstädt^Zoë"))
    for value in ("Müllerstädt", "MÜLLERSTÄDT", "müllerstädt", "Mullerstadt"):
        assert found_in_bytes(ids, value.encode("utf-8"), 4)
        assert found_in_bytes(ids, value.encode("latin-1"), 4)
        assert found_in_text(ids, value)


@pytest.mark.parametrize(
    ("name", "read"),
    [
        ("Müller^Jörg", ("MUELLER", "Joerg", "JORG")),
        ("Mueller^Joerg", ("Muller", "JORG")),
        ("Łukasz^Søren", ("LUKASZ", "Soren")),
    ],
)
def test_names_are_found_however_their_accents_are_written(name, read):
    ids = identifiers(header(SpecificCharacterSet="ISO_IR 192", PatientName=name))
    for text in read:
        assert found_in_text(ids, text) and found_in_bytes(ids, text.encode(), 4)


def test_a_name_of_short_parts_is_found_as_a_whole():
    ids = identifiers(header(PatientName="Le^Wu"))
    for text in ("LE WU", "Wu, Le", "le_wu", "LEWU 3"):
        assert found_in_text(ids, text)
    for text in ("Le Wu", "WU, LE", "Le^Wu"):
        assert found_in_bytes(ids, text.encode(), 4)
    assert not found_in_text(ids, "WU") and not found_in_text(ids, "le genou")
    assert not found_in_bytes(ids, b"ile wun", 4)


def test_short_names_in_other_scripts_are_found_in_bytes():
    ids = identifiers(header(SpecificCharacterSet="ISO_IR 192", PatientName="Yamada^Ai=山田^愛子"))
    assert found_in_bytes(ids, "seen by 山田".encode(), 4)
    assert not found_in_bytes(ids, "seen by 山田".encode(), 8)


def test_names_in_other_scripts_are_found():
    ids = identifiers(
        header(SpecificCharacterSet="ISO_IR 192", PatientName="Yamada^Tarou=山田太郎^次郎")
    )
    assert found_in_bytes(ids, "山田太郎".encode(), 4)
    assert found_in_bytes(ids, b" YAMADA ", 4)


def test_short_words_and_numbers_have_to_stand_alone():
    ids = identifiers(header(PatientName="Lee^Hugo", PatientID="47115"))
    assert found_in_bytes(ids, b"x Hugo y", 4) and found_in_bytes(ids, b"id 47115.", 4)
    assert not found_in_bytes(ids, b"Hugonot", 4)
    assert not found_in_bytes(ids, b"2.25.98471150034", 4)
    assert not found_in_bytes(ids, b"0.47115", 4) and not found_in_bytes(ids, b"47115.25", 4)


def test_common_numbers_are_not_searched():
    ids = identifiers(header(PatientID="123456", AccessionNumber="00000000", StudyID="1024"))
    assert not found_in_bytes(ids, b"123456 00000000 1024", 4)


def test_identifiers_come_from_all_levels_and_from_private_names():
    item = Dataset()
    item.PatientID, item.PersonName = "ZZ-998877", "Nightingale^F"
    dataset = header(RequestAttributesSequence=[item])
    dataset.private_block(0x0009, "X", create=True).add_new(1, "PN", "Periwinkle^Q")
    ids = identifiers(dataset)
    assert found_in_bytes(ids, b"zz-998877", 4) and found_in_text(ids, "NIGHTINGALE")
    assert found_in_text(ids, "periwinkle")


@pytest.mark.parametrize("vr", ["LO", "SH", "CS", "UT", "ST", "LT", "UC", "UN", "OB"])
def test_a_name_of_another_vr_is_one(vr):
    dataset = header()
    value = b"Periwinkle^Q" if vr in ("UN", "OB") else "Periwinkle^Q"
    dataset[0x00100010] = DataElement(0x00100010, vr, value, validation_mode=IGNORE)
    ids = identifiers(written_and_read(dataset))
    assert found_in_text(ids, "PERIWINKLE") and found_in_bytes(ids, b"Periwinkle", 4)


@pytest.mark.parametrize("vr", ["IS", "DS", "AE", "UI", "PN", "CS"])
@pytest.mark.parametrize("tag", [0x00100020, 0x00080050, 0x00380010])
def test_a_number_of_another_vr_is_one(tag, vr):
    dataset = header()
    dataset[tag] = DataElement(tag, vr, "8154877", validation_mode=IGNORE)
    ids = identifiers(written_and_read(dataset))
    assert found_in_text(ids, "8154877") and found_in_bytes(ids, b"id 8154877", 4)
    assert "8154877" in ids.words


def test_a_number_that_breaks_its_vr_is_one_all_the_same():
    dataset = header()
    dataset._dict[Tag(0x00100020)] = RawDataElement(
        Tag(0x00100020), "IS", 8, b"QX815487", 0, False, True
    )
    assert found_in_text(identifiers(dataset), "QX815487")


def test_short_ids_of_all_levels_and_the_age_are_words_of_their_own():
    item = Dataset()
    item.PatientID = "618"
    ids = identifiers(
        header(PatientID="A-12", OtherPatientIDs=["417", ""], OtherPatientIDsSequence=[item])
    )
    assert {"a12", "417", "618", "47", "46"} <= ids.words and "" not in ids.words


def test_a_patient_is_named_by_a_name_that_can_be_compared():
    assert identifiers(header()).comparable
    for name in ("ANONYMOUS", "", "Иванов^Иван", "山田^太郎"):
        ids = identifiers(header(SpecificCharacterSet="ISO_IR 192", PatientName=name))
        assert not ids.comparable
    assert not identifiers(header(PatientID="", PatientBirthDate="")).comparable


def test_uids_of_the_original_are_found():
    ids = identifiers(header(StudyInstanceUID="1.2.840.113619.2.1.4711"))
    assert found_in_bytes(ids, b"UI\x18\x001.2.840.113619.2.1.4711\x00", 4)


def test_a_malformed_header_gives_what_can_be_read():
    with quiet():
        dataset = header(PatientBirthDate="not a date")
    for tag in (0x00080070, 0x00100020):  # an unknown VR, which pydicom raises an error for
        raw = RawDataElement(Tag(tag), "LA", 4, b"4711", 0, False, True)
        dataset._dict[Tag(tag)] = raw
    assert found_in_text(identifiers(dataset), "Quillfeather")
    assert identifiers(Dataset()).spellings == frozenset()


def test_a_cleaned_object_holds_none_of_them():
    dataset = header(
        SOPClassUID=CTImageStorage,
        SOPInstanceUID="1.2.840.113619.2.1.1",
        StudyInstanceUID="1.2.840.113619.2.1.2",
        SeriesInstanceUID="1.2.840.113619.2.1.3",
        StudyDescription="CHEST for Rosamund",
        ImageComments="seen by Thistlewood",
    )
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    ids = identifiers(dataset)
    data = []
    for one in (dataset, clean(dataset, bytes(32), Settings("research", 3650)).dataset):
        buffer = io.BytesIO()
        with quiet():
            one.save_as(buffer, enforce_file_format=True)
        data.append(buffer.getvalue())
    assert found_in_bytes(ids, data[0], 4) and not found_in_bytes(ids, data[1], 4)


def test_pixels_are_searched_fast_and_without_alarms():
    pixels = np.random.default_rng(1).integers(0, 256, 2_000_000, np.uint8).tobytes()
    start = time.process_time()
    assert not found_in_bytes(IDS, pixels, 8)
    assert time.process_time() - start < 2
    assert found_in_bytes(IDS, pixels + b"Quillfeather" + pixels, 8)


def test_what_the_settings_keep_is_looked_for_in_pictures_and_not_in_bytes():
    dataset = header()
    dataset.InstitutionName, dataset.StationName = "Periwinkle Infirmary", "PW47115"
    dataset.StudyInstanceUID = "1.2.840.99999.4711.5"
    kept = options("research", dict.fromkeys(("dates", "uids", "institution", "device"), "kept"))
    everything, left = identifiers(dataset), identifiers(dataset, kept)
    for text in ("Periwinkle Infirmary", "PW47115", "20040119", "1.2.840.99999.4711.5"):
        assert found_in_bytes(everything, text.encode(), 4)
        assert not found_in_bytes(left, text.encode(), 4)
    assert found_in_text(left, "Periwinkle Infirmary") and found_in_text(left, "19.01.2004")
    assert found_in_bytes(left, b"Quillfeather", 4)


def test_attributes_that_hold_an_identifier_are_named_and_not_its_value():
    original, left, item = Dataset(), Dataset(), Dataset()
    original.PatientName, original.PatientID = "Longfellow^Jane", "4711-0815"
    item.SequenceName, item.ProtocolName = "longfellow_ep", "T2 head"
    left.RequestAttributesSequence = [item]
    left.private_block(0x0009, "ACME", create=True).add_new(1, "OB", b"ID 4711-0815\0")
    left.Rows = 4711
    found = found_in_attributes(identifiers(original), left, 4)
    assert found == ["SequenceName", "a private attribute"]
    assert found_in_attributes(NOBODY, left, 4) == []


def test_a_name_is_found_anywhere_in_a_large_picture_and_nothing_in_one_without():
    rng = np.random.default_rng(5)
    picture = rng.integers(0, 256, 300_001, np.uint8)
    assert not found_in_bytes(IDS, picture.tobytes(), 8)
    name = next(spelling for spelling in sorted(IDS.spellings) if len(spelling) >= 8)
    for code in ("latin-1", "utf-16-le", "utf-16-be"):
        needle = np.frombuffer(name.encode(code), np.uint8)
        for start in (0, 77_777, len(picture) - len(needle)):
            hiding = picture.copy()
            hiding[start : start + len(needle)] = needle
            assert found_in_bytes(IDS, hiding.tobytes(), 8)


def test_a_name_across_two_blocks_is_found(monkeypatch):
    name = next(spelling for spelling in sorted(IDS.spellings) if len(spelling) >= 8).encode()
    monkeypatch.setattr("unburn.identifiers.BLOCK_BYTES", 16)
    for start in range(40):
        hiding = bytes(start) + name + bytes(range(128, 160))
        assert found_in_bytes(IDS, hiding, 4) and found_in_bytes(IDS, hiding, 8)
        assert not found_in_bytes(IDS, hiding.replace(name[:4], b"\0\0\0\0"), 8)
