"""Our reading of sequences is pydicom's, or pydicom is asked."""

import io

import numpy as np
import pytest
from pydicom import dcmread, dcmwrite
from pydicom.dataelem import RawDataElement
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.tag import BaseTag
from pydicom.uid import ExplicitVRLittleEndian, ImplicitVRLittleEndian
from pydicom.values import convert_SQ

from unburn.elements import filled
from unburn.nesting import Sequences, items, likeness

SEGMENTS = 0x00620002


def item(number):
    inner, outer = Dataset(), Dataset()
    inner.CodeValue, inner.CodeMeaning, inner.UIDs = f"T-{number}", "", "1.2.3"
    inner.LongCodeValue = "x" * 20
    outer.SegmentNumber, outer.SegmentLabel = number, "Liver"
    outer.SegmentedPropertyTypeCodeSequence = [inner] * number
    outer.RecommendedDisplayCIELabValue = [1, 2, 3]
    return outer


def stored(implicit, numbers=(1, 2)):
    """A segment sequence as bytes, and the data set it was read from."""
    dataset = Dataset()
    dataset.file_meta = FileMetaDataset()
    syntax = ImplicitVRLittleEndian if implicit else ExplicitVRLittleEndian
    dataset.file_meta.TransferSyntaxUID = syntax
    dataset.PixelRepresentation = 1
    dataset.SegmentSequence = [item(number) for number in numbers]
    buffer = io.BytesIO()
    dcmwrite(buffer, dataset)
    read = dcmread(io.BytesIO(buffer.getvalue()), force=True)
    element = read.get_item(SEGMENTS)
    assert element.is_raw
    return read, element


@pytest.mark.parametrize("implicit", [True, False])
def test_items_are_those_that_pydicom_reads(implicit):
    _, element = stored(implicit)
    ours = items(element.value, implicit, ["iso8859"])
    theirs = convert_SQ(element.value, implicit, True, ["iso8859"])
    assert ours is not None and len(ours) == 2
    for mine, other in zip(ours, theirs, strict=True):
        assert type(mine) is Dataset
        assert mine.original_encoding == other.original_encoding == (implicit, True)
        assert mine.original_character_set == other.original_character_set
        assert list(mine.keys()) == list(other.keys())
        for tag in list(other.keys()):
            one, two = mine.get_item(tag), other.get_item(tag)
            assert (one.VR, one.length, one.value) == (two.VR, two.length, two.value)
        assert mine == other  # with all that is nested


@pytest.mark.parametrize("implicit", [True, False])
def test_bytes_that_do_not_add_up_are_left_to_pydicom(implicit):
    _, element = stored(implicit)
    whole = bytes(element.value)
    assert items(whole, implicit, ["iso8859"]) is not None
    assert items(whole[:-3], implicit, ["iso8859"]) is None  # cut off
    assert items(whole + b"\0\0\0", implicit, ["iso8859"]) is None
    assert items(b"\1" + whole[1:], implicit, ["iso8859"]) is None  # no item
    assert items(whole[:4] + b"\xff" * 4 + whole[8:], implicit, ["iso8859"]) is None  # no length
    assert items(b"\xfe\xff\0\xe0" + bytes(4) + whole, implicit, ["iso8859"]) is None  # empty item


def test_whatever_is_read_of_damaged_bytes_is_what_pydicom_reads():
    random = np.random.default_rng(7)
    agreed = 0
    for implicit in (True, False):
        whole = bytes(stored(implicit)[1].value)
        for _ in range(300):
            damaged = bytearray(whole)
            for place in random.integers(0, len(damaged), 3):
                damaged[place] = random.integers(0, 256)
            ours = items(bytes(damaged), implicit, ["iso8859"])
            if ours is None:
                continue
            theirs = convert_SQ(bytes(damaged), implicit, True, ["iso8859"])
            agreed += 1
            assert len(ours) == len(theirs)
            for mine, other in zip(ours, theirs, strict=True):
                found = [[(e.tag, e.VR, e.value) for e in d._dict.values()] for d in (mine, other)]
                assert found[0] == found[1]
                assert mine.original_encoding == other.original_encoding
    assert agreed > 50


def test_like_sequences_are_read_once():
    dataset, element = stored(False)
    sequences, like = Sequences(), likeness(dataset, element)
    first = sequences.of(dataset, element.tag, element, like)
    assert sequences.of(dataset, element.tag, element, like) is first
    assert likeness(dataset, dataset["PixelRepresentation"]) == ()


def test_items_of_implicit_vr_know_whether_pixels_are_signed():
    dataset = Dataset()
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = ImplicitVRLittleEndian
    dataset.PixelRepresentation = 1
    table = Dataset()
    table.add_new(0x00283002, "US", [256, 0, 16])
    dataset.ModalityLUTSequence = [table]
    buffer = io.BytesIO()
    dcmwrite(buffer, dataset)
    read = dcmread(io.BytesIO(buffer.getvalue()), force=True)
    element = read.get_item(0x00283000)
    [found] = Sequences().of(read, element.tag, element, likeness(read, element))
    assert found["LUTDescriptor"].VR == "SS"


def test_a_filled_data_set_is_like_any_other():
    plain = Dataset()
    ours = filled({}, None, None, "iso8859")
    ours.PatientID = plain.PatientID = "4711"
    assert ours == plain and type(ours) is Dataset
    assert vars(ours).keys() == vars(plain).keys()


def test_sequences_of_few_elements_are_like_by_what_is_in_them():
    def of_length_unknown(*codes):
        dataset, _ = stored(False, numbers=(1,))
        item = filled(dict(dataset.items()), False, True, "iso8859")
        dataset.SegmentSequence = [item] * len(codes)
        for code in codes:
            item[0x00080100] = RawDataElement(
                BaseTag(0x00080100), "SH", len(code or ""), code, 0, False, True
            )
            del item[SEGMENTS]
        return likeness(dataset, dataset["SegmentSequence"])

    first = of_length_unknown(b"T-01")
    assert first and first == of_length_unknown(b"T-01") != of_length_unknown(b"T-02")
    assert of_length_unknown(None) == ()  # not read yet: nobody knows what it is like
