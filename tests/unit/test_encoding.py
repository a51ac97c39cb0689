import numpy as np
import pydicom
import pytest
import rle
from pydicom import uid
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence
from test_pixels import RLE_32, encapsulated, jpeg, make, save, values

from unburn.encoding import replace_pixels
from unburn.errors import ItemError
from unburn.pixels import StoredFrames
from unburn.scrubbing import scrub_stream


@pytest.mark.parametrize(
    "syntax, stored",
    [
        (uid.RLELossless, values(np.uint32, 32)),  # pydicom's encoder ends at 16 bits
        (uid.JPEG2000, values(np.uint16, 16)),  # lossy, or not told from such
    ],
)
def test_what_cannot_be_encoded_again_is_stored_natively(tmp_path, syntax, stored):
    dataset = make(stored)
    if syntax == uid.RLELossless:
        encoded = [rle.encode_pixel_data(frame.tobytes(), **RLE_32) for frame in stored]
        dataset = encapsulated(stored, encoded, syntax)
    else:
        dataset.compress(uid.JPEG2000Lossless, generate_instance_uid=False)
        dataset.file_meta.TransferSyntaxUID = syntax
    with StoredFrames(save(dataset, tmp_path / "a.dcm")) as source:
        replace_pixels(source.dataset, [source[0]], source.photometric)
        save(source.dataset, tmp_path / "b.dcm")
    again = pydicom.dcmread(tmp_path / "b.dcm")
    assert again.file_meta.TransferSyntaxUID == uid.ExplicitVRLittleEndian
    assert np.array_equal(again.pixel_array, stored[0])


def test_lossy_pixels_that_are_painted_say_how_they_were_compressed(tmp_path):
    frame = np.full((1, 200, 300), 90, np.uint8)
    dataset = encapsulated(frame, [jpeg(frame[0])], uid.JPEGBaseline8Bit)
    with StoredFrames(save(dataset, tmp_path / "a.dcm")) as source:
        replace_pixels(source.dataset, [source[0]], source.photometric)
        found = source.dataset
    assert found.LossyImageCompression == "01"
    assert found.LossyImageCompressionMethod == "ISO_10918_1"
    assert "LossyImageCompressionRatio" not in found  # it would depend on what was hidden
    dataset.LossyImageCompressionMethod, dataset.LossyImageCompressionRatio = "ISO_15444_1", "7"
    with StoredFrames(save(dataset, tmp_path / "a.dcm")) as source:
        replace_pixels(source.dataset, [source[0]], source.photometric)
        assert source.dataset.LossyImageCompressionMethod == "ISO_15444_1"
        assert source.dataset.LossyImageCompressionRatio == 7


def test_faults_of_frames_that_are_put_back_are_refused():
    stored = values(np.uint8, 8, 2)
    for frames in (stored[:1], np.concatenate([stored, stored]), stored.astype(np.uint16)):
        with pytest.raises(ItemError, match="not_written"):
            replace_pixels(make(stored), frames, "MONOCHROME2")


def test_big_endian_words_are_turned_round_at_all_levels(tmp_path):
    dataset = make(values(np.uint8, 8), syntax=uid.ExplicitVRBigEndian)
    inner = Dataset()
    inner.RedPaletteColorLookupTableData = b"\x01\x02"
    dataset.add_new(0x00081140, "SQ", Sequence([inner]))
    with StoredFrames(save(dataset, tmp_path / "a.dcm")) as source:
        replace_pixels(source.dataset, iter([source[0]]), source.photometric)
        save(source.dataset, tmp_path / "b.dcm")
    inner = pydicom.dcmread(tmp_path / "b.dcm")[0x00081140].value[0]
    assert inner.RedPaletteColorLookupTableData == b"\x02\x01"


def test_the_length_of_the_old_encoding_is_not_told(tmp_path):
    frame = values(np.uint8, 8)
    for change in (scrub_stream, lambda one: replace_pixels(one, frame, "MONOCHROME2")):
        dataset = make(frame)
        dataset.EncapsulatedPixelDataValueTotalLength = 4711
        dataset = pydicom.dcmread(save(dataset, tmp_path / "a.dcm"))
        change(dataset)
        assert "EncapsulatedPixelDataValueTotalLength" not in dataset


def test_native_pixels_have_no_offset_table():
    dataset = make(values(np.uint8, 8))
    before, dataset.ExtendedOffsetTable = dataset.PixelData, b"DOE^JANE"
    assert scrub_stream(dataset) == 8
    assert "ExtendedOffsetTable" not in dataset and dataset.PixelData == before
