"""PET and enhanced objects after cleaning: uptake values and intervals are what they were."""

import io
from datetime import datetime, timedelta

import pydicom
import pytest
from pydicom.dataset import Dataset
from pydicom.uid import EnhancedPETImageStorage, PositronEmissionTomographyImageStorage
from pydicom.valuerep import DT
from test_metadata import KEY, element, image, written

from unburn.metadata import Settings, clean

RESEARCH = Settings("research", 3650)
HALF_LIFE_S = 6586.2  # fluorine-18
PIXEL_BQ_ML = 12345.0


def time_of(text):
    text = str(text)
    whole, _, fraction = text.partition(".")
    return timedelta(
        hours=int(whole[:2]),
        minutes=int(whole[2:4]),
        seconds=int(whole[4:6]),
        microseconds=int((fraction + "000000")[:6]),
    )


def day_of(text):
    return datetime.strptime(str(text)[:8], "%Y%m%d")


def suv_bw(dataset):
    """SUVbw of one pixel, g/ml, as the QIBA FDG-PET profile computes it (DECY or START decay).

    The injection is taken from (0018,1078) where it is there, else from (0018,1072), a time of
    day that was on the day before when it is after the scan's.
    """
    (radio,) = dataset.RadiopharmaceuticalInformationSequence
    scan = day_of(dataset.SeriesDate) + time_of(dataset.SeriesTime)
    if "RadiopharmaceuticalStartDateTime" in radio:
        text = str(radio.RadiopharmaceuticalStartDateTime)
        injected = day_of(text) + time_of(text[8:])
    else:
        injected = day_of(dataset.SeriesDate) + time_of(radio.RadiopharmaceuticalStartTime)
        injected -= timedelta(days=injected > scan)
    decay = 2 ** (-(scan - injected).total_seconds() / float(radio.RadionuclideHalfLife))
    dose = float(radio.RadionuclideTotalDose) * decay
    return PIXEL_BQ_ML * float(dataset.PatientWeight) * 1000 / dose


def pet(series, injected_at, injected_time="", **values):
    radio = Dataset()
    radio.RadionuclideTotalDose, radio.RadionuclideHalfLife = "370000000", str(HALF_LIFE_S)
    if injected_at:
        radio.RadiopharmaceuticalStartDateTime = injected_at
    if injected_time:
        radio.RadiopharmaceuticalStartTime = injected_time
    radio.Radiopharmaceutical = "FDG"
    return image(
        SOPClassUID=PositronEmissionTomographyImageStorage,
        Modality="PT",
        SeriesDate=series[:8],
        SeriesTime=series[8:],
        AcquisitionDate=series[:8],
        AcquisitionTime=series[8:],
        Units="BQML",
        DecayCorrection="START",
        PatientWeight="71.5",
        PatientSex="F",
        PatientSize="1.68",
        FrameReferenceTime="151000",
        RadiopharmaceuticalInformationSequence=[radio],
        **values,
    )


def cleaned(dataset, settings=RESEARCH):
    return pydicom.dcmread(io.BytesIO(written(clean(dataset, KEY, settings).dataset)))


CASES = {
    "the same day": pet("20040119101500.25", "20040119091203.5"),
    "across midnight": pet("20040120002000", "20040119231500.123456"),
    "a time of day alone": pet("20040119101500", "", "091203.5"),
    "a time of day, injected the day before": pet("20040120002000", "", "231500"),
    "at the turn of the year": pet("20040101001000", "20031231233000"),
    "after a leap day": pet("20040301000500", "20040229235500"),
    "with a zone": pet("20040119101500", "20040119091203+0100", TimezoneOffsetFromUTC="+0100"),
}


@pytest.mark.parametrize("case", list(CASES))
def test_suv_is_the_same_before_and_after(case):
    before = CASES[case]
    after = cleaned(before)
    assert after.SeriesDate != before.SeriesDate
    assert suv_bw(after) == pytest.approx(suv_bw(before), rel=1e-6)


@pytest.mark.parametrize("dates", ["kept", "shifted"])
def test_suv_is_the_same_whether_dates_are_kept_or_shifted(dates):
    before = CASES["across midnight"]
    after = cleaned(before, Settings("research", 3650, dates=dates))
    assert suv_bw(after) == pytest.approx(suv_bw(before), rel=1e-6)


def test_every_object_of_a_series_moves_alike():
    one, two = (cleaned(CASES[case]) for case in ("the same day", "across midnight"))
    assert day_of(two.SeriesDate) - day_of(one.SeriesDate) == timedelta(days=1)


def test_zones_stay_with_their_times_and_go_with_them():
    before = CASES["with a zone"]
    after = cleaned(before)
    (radio,) = after.RadiopharmaceuticalInformationSequence
    assert after.TimezoneOffsetFromUTC == "+0100"
    assert str(radio.RadiopharmaceuticalStartDateTime).endswith("091203+0100")
    assert "TimezoneOffsetFromUTC" not in cleaned(before, Settings("safe_harbor", 3650))


def test_frames_of_an_enhanced_object_keep_their_intervals():
    frames = []
    for k in range(4):
        frame, content = Dataset(), Dataset()
        content.FrameAcquisitionDateTime = f"200401{19 + k}2359{k:02d}.500000-0500"
        content.FrameReferenceDateTime = f"200402{k + 1:02d}000100"
        content.FrameAcquisitionDuration = 60000.0
        frame.FrameContentSequence = [content]
        frames.append(frame)
    before = image(
        SOPClassUID=EnhancedPETImageStorage,
        AcquisitionDateTime="20040119235900",
        PerFrameFunctionalGroupsSequence=frames,
    )
    after = cleaned(before)

    def offsets(dataset):
        start = DT(str(dataset.AcquisitionDateTime))
        items = [f.FrameContentSequence[0] for f in dataset.PerFrameFunctionalGroupsSequence]
        return [
            (DT(str(i.FrameAcquisitionDateTime)).replace(tzinfo=None) - start,
             DT(str(i.FrameReferenceDateTime)) - start, i.FrameAcquisitionDuration)
            for i in items
        ]  # fmt: skip

    assert offsets(after) == offsets(before)
    assert after.AcquisitionDateTime != before.AcquisitionDateTime


def test_each_of_several_dates_moves_and_a_malformed_one_drops_them_all():
    before = image(
        DateOfLastCalibration=["20040101", "20040110"], TimeOfLastCalibration=["1000", "1100"]
    )
    after = cleaned(before)
    first, second = (day_of(text) for text in after.DateOfLastCalibration)
    assert second - first == timedelta(days=9) and first < day_of("20040101")
    assert list(after.TimeOfLastCalibration) == ["1000", "1100"]
    broken = image(StudyDate="20040119")
    broken.add(element(0x00181200, "DA", ["20040101", "CANARY"]))
    assert "DateOfLastCalibration" not in cleaned(broken)


def test_what_suv_needs_stays():
    after = cleaned(CASES["the same day"])
    assert (after.Units, after.DecayCorrection, after.PatientSex) == ("BQML", "START", "F")
    assert (float(after.PatientWeight), float(after.PatientSize)) == (71.5, 1.68)
    assert after.RadiopharmaceuticalInformationSequence[0].Radiopharmaceutical == "FDG"
    assert float(after.FrameReferenceTime) == 151000
