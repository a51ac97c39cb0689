import io
import struct

import numpy as np
import pydicom
import pytest
from pydicom import uid
from pydicom.dataset import Dataset
from pydicom.encaps import encapsulate, encapsulate_extended
from test_pixels import (
    ENCODED,
    KINDS,
    SYNTAXES,
    encapsulated,
    jpeg,
    make,
    read,
    save,
    scrub,
    segment,
    values,
)

from unburn.codestreams import clean_jpeg, clean_jpeg2000
from unburn.encapsulation import encapsulated_items
from unburn.errors import ItemError
from unburn.headers import read_header
from unburn.scrubbing import cut_lookup_tables, scrub_stream


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("syntax", SYNTAXES)
def test_scrubbing_leaves_clean_native_data_as_they_are(tmp_path, kind, syntax):
    stored, form = KINDS[kind]
    removed, before, after = scrub(make(stored, syntax=SYNTAXES[syntax], **form), tmp_path)
    assert removed == 0 and before == after


@pytest.mark.parametrize("kind", ENCODED)
def test_scrubbing_leaves_the_images_of_compressed_data_as_they_are(tmp_path, kind):
    syntax, stored, _ = ENCODED[kind]
    dataset = make(stored)
    dataset.compress(syntax, generate_instance_uid=False)
    removed, before, after = scrub(dataset, tmp_path)
    assert (removed == 0) == (before == after)
    assert b"OpenJPEG" not in after


def test_unused_bits_and_surplus_bytes_are_scrubbed(tmp_path):
    stored = values(np.uint16, 12)
    dataset = make(stored, bits=12)
    hidden = stored.copy()
    hidden[0, 3, 4] |= 0x4000
    dataset.PixelData = hidden.astype("<u2").tobytes()
    assert scrub(dataset, tmp_path)[0] == 1
    dataset = make(stored, bits=12)
    dataset.PixelData += b"DOE^JANE"
    removed, _, after = scrub(dataset, tmp_path)
    assert removed == 8 and b"DOE" not in after


@pytest.mark.parametrize("dtype, samples", [(np.uint16, 1), (np.int16, 1), (np.uint16, 3)])
def test_unused_bits_of_rle_are_scrubbed(tmp_path, dtype, samples):
    stored = values(dtype, 12, 2, samples)
    hidden = stored.copy()
    hidden[0, 3, 4] ^= 0x4000
    dataset = make(hidden)
    dataset.compress(uid.RLELossless, generate_instance_uid=False)
    dataset.BitsStored, dataset.HighBit = 12, 11
    removed, _, after = scrub(dataset, tmp_path)
    assert removed
    dataset.PixelData, dataset.BitsStored, dataset.HighBit = after, 16, 15
    assert np.array_equal(read(save(dataset, tmp_path / "c.dcm"))[0], stored)


@pytest.mark.parametrize(
    "hidden",
    [
        segment(0xFE, b"DOE^JANE"),
        segment(0xE1, b"Exif\0\0DOE^JANE"),
        segment(0xE0, b"JFXX\0DOE^JANE"),
        segment(0xE0, b"JFIF\0\1\1\0\0\1\0\1\1\3DOE^JANE "),
        segment(0xEE, b"Adobe\0\x64\0\0\0\0\0DOE^JANE"),
        segment(0xF0, b"DOE^JANE"),
        segment(0x02, b"DOE^JANE"),
    ],
    ids=["comment", "exif", "jfxx", "jfif thumbnail", "adobe tail", "extension", "reserved"],
)
def test_text_in_jpeg_segments_is_scrubbed(tmp_path, hidden):
    frame = values(np.uint8, 8)
    dataset = encapsulated(frame, [jpeg(frame[0], hidden)], uid.JPEGBaseline8Bit)
    removed, _, after = scrub(dataset, tmp_path)
    assert removed >= 8 and b"DOE" not in after


@pytest.mark.parametrize(
    "hidden",
    [
        segment(0xDB, b"\x03" + b"DOE^JANE" * 8),
        segment(0xDB, b"\x00" + b"DOE^JANE" * 8),
        segment(0xC4, b"\x13" + bytes([0, 0, 0, 8] + [0] * 12) + b"DOE^JANE"),
        segment(0xCC, b"DOE^JANE"),
        segment(0xDC, b"DOE^JANE"),
        segment(0xDD, b"\0\0DOE^JANE"),
        segment(0xF8, b"DOE^JANE"),
    ],
    ids=[
        *("unused quantisation", "replaced quantisation", "unused codes"),
        *("conditioning", "lines", "interval", "presets"),
    ],
)
def test_jpeg_tables_that_no_scan_uses_go_and_those_in_use_stay(hidden):
    image = jpeg(values(np.uint8, 8)[0])
    assert clean_jpeg(image[:2] + hidden + image[2:]) == image


@pytest.mark.parametrize("marker", [0xC0, 0xDA], ids=["frame", "scan"])
def test_a_jpeg_header_with_room_for_text_is_refused(tmp_path, marker):
    frame = values(np.uint8, 8)
    image = jpeg(frame[0])
    at = image.index(bytes((0xFF, marker))) + 2
    length = int.from_bytes(image[at : at + 2], "big")
    longer = image[:at] + (length + 8).to_bytes(2, "big") + image[at + 2 : at + length]
    image = longer + b"DOE^JANE" + image[at + length :]
    with pytest.raises(ItemError, match="undecodable"):
        scrub_stream(encapsulated(frame, [image], uid.JPEGBaseline8Bit))


def test_text_between_the_last_fragment_and_the_end_is_scrubbed(tmp_path):
    frame = values(np.uint8, 8)
    clean = encapsulated(frame, [jpeg(frame[0])], uid.JPEGBaseline8Bit)
    raw = save(clean, tmp_path / "clean.dcm").read_bytes()
    end = raw.rindex(b"\xfe\xff\xdd\xe0")
    (tmp_path / "a.dcm").write_bytes(raw[:end] + b"DOE^JANE" + raw[end:])
    dataset = read_header(tmp_path / "a.dcm")
    assert scrub_stream(dataset) == 8
    assert dataset.PixelData == pydicom.dcmread(tmp_path / "clean.dcm").PixelData


@pytest.mark.parametrize(
    "hidden",
    [
        segment(0xFE, b"DOE^JANE"),
        segment(0xE1, b"Exif\0\0DOE^JANE"),
        segment(0xEB, b"DOE^JANE"),
        segment(0xDB, b"\x00" + b"DOE^JANE" * 8),
    ],
    ids=["comment", "exif", "application", "quantisation"],
)
def test_text_in_jpeg_ls_segments_is_scrubbed_and_presets_stay(tmp_path, hidden):
    frame = values(np.uint16, 12)
    dataset = make(frame, bits=12)
    dataset.compress(uid.JPEGLSLossless, generate_instance_uid=False)
    (_, _), (at, length) = encapsulated_items(io.BytesIO(dataset.PixelData), 0)[:2]
    encoded = dataset.PixelData[at : at + length]
    # the preset coding parameters that are the default for 12 bits (ISO/IEC 14495-1 C.2.4.1.1)
    presets = segment(0xF8, struct.pack(">B5H", 1, 4095, 18, 67, 276, 64))
    scan = encoded.index(b"\xff\xda")
    dataset.PixelData = encapsulate([encoded[:scan] + presets + hidden + encoded[scan:]])
    removed, _, after = scrub(dataset, tmp_path)
    assert removed >= 8 and b"DOE" not in after and presets in after
    assert np.array_equal(read(tmp_path / "b.dcm")[0], frame)


def test_text_after_an_image_or_in_a_stray_fragment_is_scrubbed(tmp_path):
    frame = values(np.uint8, 8)
    encoded = jpeg(frame[0])
    dataset = encapsulated(frame, [encoded + b"DOE^JANE"], uid.JPEGBaseline8Bit)
    assert b"DOE" not in scrub(dataset, tmp_path)[2]
    dataset = make(frame)
    dataset.compress(uid.RLELossless, generate_instance_uid=False)
    body = io.BytesIO(dataset.PixelData)
    _, (at, length) = encapsulated_items(body, 0)[:2]
    encoded = dataset.PixelData[at : at + length]
    dataset.PixelData = encapsulate([encoded + b"DOE^JANE"])
    removed, _, after = scrub(dataset, tmp_path)
    assert removed == 8 and b"DOE" not in after


def test_text_in_an_offset_table_is_scrubbed(tmp_path):
    frame = values(np.uint8, 8)
    dataset = encapsulated(frame, [jpeg(frame[0])], uid.JPEGBaseline8Bit)
    fragments = dataset.PixelData[12:]
    dataset.PixelData = b"\xfe\xff\x00\xe0\x08\0\0\0DOE^JANE" + fragments
    removed, _, after = scrub(dataset, tmp_path)
    assert removed == 8 and b"DOE" not in after and after[12:] == fragments
    dataset.PixelData = encapsulate([jpeg(frame[0])])
    dataset.ExtendedOffsetTable = b"DOE^JANE"
    assert scrub_stream(dataset) == 8 and "ExtendedOffsetTable" not in dataset


@pytest.mark.parametrize("table", ["basic", "none", "extended"])
def test_right_offset_tables_stay(tmp_path, table):
    frames = values(np.uint8, 8, 3)
    dataset = encapsulated(frames, [jpeg(frame) for frame in frames], uid.JPEGBaseline8Bit)
    if table == "none":
        dataset.PixelData = encapsulate([jpeg(frame) for frame in frames], has_bot=False)
    if table == "extended":
        value, offsets, lengths = encapsulate_extended([jpeg(frame) for frame in frames])
        dataset.PixelData = value
        dataset.ExtendedOffsetTable, dataset.ExtendedOffsetTableLengths = offsets, lengths
    removed, before, after = scrub(dataset, tmp_path)
    assert removed == 0 and before == after


@pytest.mark.parametrize("bytes_of_entry", [1, 2])
def test_lookup_tables_have_no_room_beyond_their_entries(tmp_path, bytes_of_entry):
    dataset = make(values(np.uint8, 4), photometric="PALETTE COLOR")
    table, form = bytes(range(17 * bytes_of_entry)), [17, 0, 8 * bytes_of_entry]
    padding = b"\0" * (len(table) % 2)
    for colour in ("Red", "Green", "Blue"):
        setattr(dataset, f"{colour}PaletteColorLookupTableDescriptor", form)
        setattr(dataset, f"{colour}PaletteColorLookupTableData", table + padding)
    lookup = Dataset()
    lookup.LUTDescriptor, lookup.LUTData = [0, 0, 8], bytes(1 << 16)
    lookup["LUTData"].VR = "OW"
    dataset.ModalityLUTSequence = [lookup]
    path = save(dataset, tmp_path / "a.dcm")
    again = pydicom.dcmread(path)
    assert cut_lookup_tables(again) == 0
    again.GreenPaletteColorLookupTableData += b"DOE^JANE"
    again.ModalityLUTSequence[0].LUTData += b"DOE^JANE"
    assert cut_lookup_tables(again) == 16
    save(again, tmp_path / "b.dcm")
    assert (tmp_path / "b.dcm").read_bytes() == path.read_bytes()


def test_text_beyond_the_last_pixel_of_an_rle_run_is_scrubbed(tmp_path):
    frame = np.full((1, 8, 8), 7, np.uint8)
    header = np.array([1, 64] + [0] * 14, "<u4").tobytes()
    # 63 pixels by a run, then eleven bytes of which one is a pixel
    encoded = header + bytes([257 - 63, 7]) + b"\x0a\x07DOE^JANE  "
    dataset = encapsulated(frame, [encoded], uid.RLELossless)
    removed, _, after = scrub(dataset, tmp_path)
    assert removed == 10 and b"DOE" not in after
    dataset.PixelData = after
    assert np.array_equal(read(save(dataset, tmp_path / "a.dcm"))[0], frame)


def test_text_in_jpeg2000_segments_is_scrubbed_and_right_lengths_stay(tmp_path):
    frame = values(np.uint8, 8)
    dataset = make(frame)
    dataset.compress(uid.JPEG2000Lossless, generate_instance_uid=False)
    (_, _), (at, length) = encapsulated_items(io.BytesIO(dataset.PixelData), 0)[:2]
    encoded = dataset.PixelData[at : at + length]
    tile = encoded.index(b"\xff\x90")
    comment = segment(0x64, b"\0\1DOE^JANE")
    main = encoded[:tile] + comment + segment(0x6F, b"DOE^JANE") + encoded[tile:]
    dataset.PixelData = encapsulate([main])
    removed, _, after = scrub(dataset, tmp_path)
    assert removed >= 8 and b"DOE" not in after
    clean = clean_jpeg2000(encoded)
    # profile, tile-part lengths, packet lengths, registration, transformation of part 2
    for marker in (0x56, 0x55, 0x57, 0x63, 0x74):
        hidden = segment(marker, b"\0\x40DOE^JANE")
        assert clean_jpeg2000(encoded[:tile] + hidden + encoded[tile:]) == clean
    with pytest.raises(ItemError, match="undecodable"):
        clean_jpeg2000(encoded[:tile] + segment(0x50, bytes(4) + b"DOE^JANE") + encoded[tile:])
    length = encoded[tile + 6 : tile + 10]
    lengths = segment(0x55, b"\0\x40" + length)
    dataset.PixelData = encapsulate([encoded[:tile] + lengths + encoded[tile:]])
    assert lengths in scrub(dataset, tmp_path)[2]
    size = int.from_bytes(encoded[tile + 6 : tile + 10], "big") + len(comment)
    inside = (
        encoded[: tile + 6]
        + size.to_bytes(4, "big")
        + encoded[tile + 10 : tile + 12]
        + comment
        + encoded[tile + 12 :]
    )
    dataset.PixelData = encapsulate([inside])
    removed, _, after = scrub(dataset, tmp_path)
    assert removed >= 8 and b"DOE" not in after
