import numpy as np
import pytest
from pydicom.dataset import Dataset

from unburn import ultrasound

ROWS, COLUMNS = 60, 80


def declared(*corners):
    header = Dataset()
    header.SequenceOfUltrasoundRegions = []
    for values in corners:
        area = Dataset()
        for name, value in zip(ultrasound.CORNERS, values, strict=True):
            if value is not None:
                setattr(area, name, value)
        header.SequenceOfUltrasoundRegions.append(area)
    return header


def mask_of(header):
    shown, _ = ultrasound.areas(header, ROWS, COLUMNS)
    return ultrasound.outside(shown, (ROWS, COLUMNS))


def test_all_outside_of_overlapping_areas_is_masked_and_their_last_pixels_are_not():
    mask = mask_of(declared((10, 5, 39, 30), (30, 20, 69, 49)))
    expected = np.ones((ROWS, COLUMNS), np.uint8)
    expected[5:31, 10:40] = 0
    expected[20:50, 30:70] = 0
    assert (mask == expected).all()


@pytest.mark.parametrize("corners", [(0, 0, COLUMNS - 1, ROWS - 1), (0, 0, COLUMNS, ROWS)])
def test_an_area_of_the_whole_frame_masks_nothing(corners):
    assert ultrasound.areas(declared(corners), ROWS, COLUMNS) == ([(0, 0, COLUMNS, ROWS)], 0)
    assert not mask_of(declared(corners)).any()


@pytest.mark.parametrize(
    "corners",
    [
        (30, 5, 30, 20),
        (40, 5, 30, 20),
        (10, 5, COLUMNS + 1, 20),
        (10, 5, 30, 2**31),
        (90, 70, 95, 75),
        (10, 5, 30, None),
    ],
)
def test_unusable_areas_are_counted_and_show_nothing(corners):
    assert ultrasound.areas(declared(corners), ROWS, COLUMNS) == ([], 1)
    assert not mask_of(declared(corners)).any()
    shown, unusable = ultrasound.areas(declared(corners, (10, 5, 39, 30)), ROWS, COLUMNS)
    assert (shown, unusable) == ([(10, 5, 40, 31)], 1)


@pytest.mark.parametrize("value", [float("inf"), float("nan"), [1.0, 2.0], None])
def test_a_corner_of_another_kind_is_unusable(value):
    header = declared((None, 5, 39, 30))
    header.SequenceOfUltrasoundRegions[0].add_new(0x00186018, "FD", value)
    assert ultrasound.areas(header, ROWS, COLUMNS) == ([], 1)


def test_without_the_sequence_nothing_is_masked():
    assert ultrasound.areas(Dataset(), ROWS, COLUMNS) == ([], 0)
    assert not mask_of(declared()).any()
