import json

import pytest

from unburn import nifti, sidecars
from unburn.errors import ItemError
from unburn.presets import PRESETS, PUBLIC, RESEARCH
from unburn.sidecars import clean_table


def clean_json(content, options=RESEARCH):
    return sidecars.clean_json(content, options)


def clean(content, suffix):
    return sidecars.clean(content, suffix, RESEARCH)


def test_numbers_and_codes_of_the_acquisition_stay_and_all_else_goes():
    technical = {
        "Modality": "MR",
        "MagneticFieldStrength": 3,
        "Manufacturer": "Siemens",
        "ManufacturersModelName": "Prisma_fit",
        "SequenceName": "ep_b1000#3",
        "ImageType": ["ORIGINAL", "PRIMARY", "DIFFUSION", "NONE"],
        "SliceTiming": [0, 1.5, 0.75],
        "PhaseEncodingDirection": "j-",
        "RepetitionTime": 2.2,
        "FrameTimesStart": [0, 60],
        "NonlinearGradientCorrection": False,
        "InjectedRadioactivityUnits": "MBq",
        "SeriesDescription": "T2 HEAD",
    }
    personal = {
        "PatientName": "Doe^Jane",
        "PatientID": "4711",
        "PatientBirthDate": "1957-03-12",
        "AcquisitionDateTime": "2004-01-19T10:11:12",
        "StudyInstanceUID": "1.2.3",
        "InstitutionName": "St. Elsewhere",
        "DeviceSerialNumber": "167006",
        "StationName": "AWP45",
        "IntendedFor": "ses-1/doe.nii.gz",
        "SomethingNew": "whatever",
        "EchoNumber": "Jane",
    }
    assert clean_json(technical | personal) == technical


def test_terms_and_makers_stay_where_they_belong_and_are_words_elsewhere():
    kept = {"RandomsCorrectionMethod": "SING", "ManufacturersModelName": "SOMATOM go.Top"}
    kept |= {"SoftwareVersions": "sles_hde.43", "Manufacturer": "Carestream Health"}
    kept |= {"SequenceVariant": "SK_SP", "ScanningSequence": "EP_SE", "ScanOptions": "PFP_FS"}
    lost = {"ScatterCorrectionMethod": "SING", "ReceiveCoilName": "hde", "SpoilingType": "WU"}
    lost |= {"PatientPosition": "QUILL"}
    assert clean_json(kept | lost) == kept | {"ManufacturersModelName": "SOMATOM Top"}


@pytest.mark.parametrize("born", ["1948.07.13", "1948-07-13", "19480713"])
@pytest.mark.parametrize("number", [19480713, 13071948, 19481307, -19480713.0, [1, 7131948]])
def test_a_birth_date_is_no_number_in_any_order(born, number):
    found = clean_json({"PatientBirthDate": born, "ImagingFrequency": number})
    assert "ImagingFrequency" not in found


def test_a_record_is_no_number_whatever_parts_its_digits():
    content = {"PatientID": "QX77-4711", "ImagingFrequency": 774711, "PixelBandwidth": 774712}
    assert clean_json(content) == {"PixelBandwidth": 774712}


def test_words_of_a_name_that_are_run_together_go():
    found = clean_json({"PatientName": "Head^Foot", "SoftwareVersions": "FootHead 2.1"})
    assert found["SoftwareVersions"] == "2.1"


def test_text_is_cut_down_to_words_that_may_stay():
    found = clean_json(
        {
            "SeriesDescription": "T2 HEAD Doe 2004-01-19",
            "ProtocolName": "Jane",
            "PatientName": "Head^Jane",
            "ReceiveCoilName": "Head_32",
            "PulseSequenceName": "20040119",
            "SoftwareVersions": "syngo MR E11",
        }
    )
    # a patient called Head leaves no HEAD
    assert found == {
        "SeriesDescription": "T2",
        "ReceiveCoilName": "32",
        "SoftwareVersions": "syngo MR E11",
    }


def test_without_descriptors_no_word_stays_that_a_person_typed():
    content = {"SeriesDescription": "T2 HEAD", "Manufacturer": "GE", "EchoTime": 3}
    assert clean_json(content, PUBLIC) == {"Manufacturer": "GE", "EchoTime": 3}


def test_a_record_is_no_number_of_a_series():
    content = {"SeriesNumber": 20040119, "AcquisitionNumber": [4711042], "EchoNumber": 2}
    kept = {"InjectedRadioactivity": 345000000, "ReceiveCoilName": "HEAD"}
    given = content | kept | {"ReceiveCoilName": "HEAD 555-123-4567"}
    assert clean_json(given) == {"EchoNumber": 2} | kept


def test_numbers_of_six_digits_are_dates_and_records_but_for_quantities():
    telling = {"SeriesNumber": 20190203, "ScanStart": 20190203101112, "InjectionStart": 1549188672}
    telling |= {"ShimSetting": [19331105, 5551234], "CoilString": "31.12.57 (555) 123 4567"}
    kept = {"ShimSetting": [-3456, 12], "RadionuclideTotalDose": 370000000.0, "ScanStart": 36672}
    assert clean_json(telling) == {} and clean_json(kept) == kept


def test_a_body_part_stays_under_every_preset():
    for options in PRESETS.values():
        found = clean_json({"BodyPart": "KNEE", "BodyPartExamined": "Quillfeather"}, options)
        assert found == {"BodyPart": "KNEE"}


def test_characteristics_and_times_of_day_stay_as_in_a_header():
    content = {
        "PatientSex": "F",
        "PatientAge": "041Y",
        "PatientWeight": 70.5,
        "PatientSize": 1.7,
        "AcquisitionTime": "10:11:12.130000",
    }
    assert clean_json(content) == content
    assert clean_json(content, PRESETS["safe_harbor"]) == {
        name: value for name, value in content.items() if name != "AcquisitionTime"
    }
    assert clean_json(content, PUBLIC) == {}
    old = {"PatientAge": "093Y", "PatientSex": "Jane", "AcquisitionTime": "Jane at 10"}
    assert clean_json(old) == {"PatientAge": "090Y"}
    assert clean_json({"PatientAge": 41}) == {"PatientAge": 41}
    assert clean_json({"PatientAge": 93}) == {"PatientAge": 90}
    assert clean_json({"PatientAge": [93], "PatientSex": ["F"], "PatientSize": "Jane"}) == {}


def test_a_name_that_stands_nowhere_else_goes_from_technical_text():
    content = {
        "CoilString": "QuillfeatherHEA;HEP",
        "ScanOptions": "FS_QUILL",
        "SequenceName": "QUI",
    }
    assert clean_json(content) == {"CoilString": "HEP", "ScanOptions": "FS"}


def test_levels_of_dcmstack_are_cleaned_and_others_go():
    content = {"global": {"const": {"EchoTime": 3, "PatientID": "x"}}, "other": {"EchoTime": 3}}
    assert clean_json(content) == {"global": {"const": {"EchoTime": 3}}}


def test_a_name_at_one_level_goes_from_all():
    levels = {"const": {"PatientName": "Doe^Jane"}, "time": {"CoilString": "DOE;HEA"}}
    assert "DOE" not in str(clean_json({"global": levels, "ReceiveCoilName": "Jane"})).upper()
    assert "CoilString" in str(clean_json({"global": {"time": levels["time"]}}))


def test_names_of_anyone_and_numbers_of_the_patient_go_from_codes_and_numbers():
    content = {
        "OperatorsName": "Periwinkle^Q",
        "PatientID": "MRN12345",
        "PatientBirthDate": "1957-03-12",
        "CoilString": "Periwinkle 7",
        "ScanOptions": "FS 12345",
        "SequenceName": "mail@clinic.example",
        "PulseSequenceName": "ep 093Y",
        "SeriesNumber": 19570312,
        "EchoTime": 0.012345,
    }
    assert clean_json(content) == {
        "CoilString": "7",
        "ScanOptions": "FS",
        "PulseSequenceName": "ep",
        "EchoTime": 0.012345,
    }


@pytest.mark.parametrize("written", ["NIF-4711", "nif_4711", "4711", "NIF 4711", "nif4711"])
def test_the_patients_id_goes_however_it_is_written(written):
    content = {"PatientID": "NIF-4711", "SeriesDescription": f"HEAD {written} T1"}
    content |= {"CoilString": f"HEA {written}", "EchoTime": 0.004711}
    assert clean_json(content) == {
        **{"SeriesDescription": "HEAD T1", "CoilString": "HEA", "EchoTime": 0.004711}
    }
    levels = {"global": {"const": {"AccessionNumber": 4711}}, "ScanOptions": f"FS {written[-4:]}"}
    assert clean_json(levels) == {"ScanOptions": "FS"}


def test_the_id_in_the_name_of_a_volume_goes(tmp_path):
    naming = nifti.told(tmp_path / "sub-4711_ses-2_T1w.nii")
    found = sidecars.clean_json({"SeriesDescription": "HEAD 4711 T1"}, RESEARCH, naming)
    assert found == {"SeriesDescription": "HEAD T1"}


def test_versions_are_no_dates():
    versions = {"SoftwareVersions": "3.2.19", "ConversionSoftwareVersion": "v1.0.20"}
    assert clean_json(versions) == versions
    assert clean_json({"CoilString": "3.2.19"}) == {}


def test_numbers_that_json_does_not_have_go():
    assert clean(b'{"EchoTime": NaN, "SAR": Infinity, "ShimSetting": [1, NaN]}', ".json") == b"{}\n"


def test_the_same_content_is_the_same_bytes():
    one = clean(b'{"EchoTime": 3, "FlipAngle": 9}', ".json")
    assert one == clean(b'{"FlipAngle":9,"EchoTime":3}', ".json") and json.loads(one)


def test_tables_of_gradients_keep_their_numbers_as_they_are():
    assert clean_table("0 1000.0\t2e3 \r\n\n", ".bval") == "0 1000.0 2e3\n"
    vectors = "0 0.707107 -1\n0 -0.70710678 0\n0 0 1e-05\n"
    assert clean(vectors.encode(), ".bvec").decode() == vectors


@pytest.mark.parametrize(
    "content, suffix",
    [
        (b"0 1000 Doe", ".bval"),
        (b"19570312", ".bval"),  # no scanner has such a gradient
        (b"0 2 0", ".bvec"),
        (b"", ".bvec"),
        (b"\xff\xfe", ".bval"),
        (b"{", ".json"),
        (b"[" * 100_000, ".json"),
    ],
    ids=["name", "date", "length", "empty", "bytes", "cut", "deep"],
)
def test_what_cannot_be_read_as_such_is_held(content, suffix):
    with pytest.raises(ItemError, match="sidecar_failed"):
        clean(content, suffix)
