import json
import time
import zlib

import cv2
import h5py
import numpy as np
import pandas as pd
import pytest
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian

from unburn import frames as module
from unburn.frames import MOST_VIEWS, blocks, display, extract, views

SIZE = 256


def text_mask(size=SIZE, place=(20, 120), scale=1.0):
    picture = np.zeros((size, size), np.uint8)
    cv2.putText(picture, "DOE 1931", place, cv2.FONT_HERSHEY_SIMPLEX, scale, 255, 2)
    return picture > 0


TEXT = text_mask()
AROUND = cv2.dilate(TEXT.astype(np.uint8), np.ones((9, 9), np.uint8)).astype(bool) & ~TEXT


def contrast(pictures, text=TEXT, around=AROUND):
    """Highest difference of the median text from the ground, in grey levels and in its spread."""
    best = 0.0
    for picture in pictures.astype(float):
        step = abs(np.median(picture[text]) - np.median(picture[around]))
        spread = np.percentile(picture[around], 90) - np.percentile(picture[around], 10)
        if step >= spread / 2:
            best = max(best, step)
    return best


def anatomy(top, dtype=np.uint16, background=0, noise=0.02, seed=1):
    """A bright noisy disc of values up to ``top`` on a ground with little noise."""
    random = np.random.default_rng(seed)
    y, x = np.mgrid[:SIZE, :SIZE]
    disc = np.hypot(y - 190, x - 128) < 60
    values = np.full((SIZE, SIZE), float(background))
    values[disc] = (random.normal(0.6, 0.1, (SIZE, SIZE)) * top)[disc]
    values += random.normal(0, 1, values.shape) * noise * (top - background) * disc
    limits = np.iinfo(dtype)
    return np.clip(values, limits.min, limits.max).astype(dtype)


@pytest.mark.parametrize("top", [300, 4000, 65535])
@pytest.mark.parametrize("value", [255, 60, 2000, 65535])
def test_text_of_any_value_shows_beside_anatomy_of_16_bits(top, value):
    frame = anatomy(top)
    frame[TEXT] = value
    assert contrast(views(frame, bits_stored=16)) >= 30


@pytest.mark.parametrize("noise", [5, 30])
def test_eight_bit_text_shows_on_the_noisy_ground_of_a_16_bit_image(noise):
    frame = anatomy(65535).astype(int)
    frame += np.abs(np.random.default_rng(2).normal(0, noise, frame.shape)).astype(int)
    frame[TEXT] = 255
    assert contrast(views(frame.clip(0, 65535).astype(np.uint16), bits_stored=16)) >= 30


def test_text_at_the_top_shows_over_the_brightest_anatomy():
    frame = np.full((SIZE, SIZE), 2000, np.uint16)
    frame[::2] = 1990
    frame[TEXT] = 65535
    assert contrast(views(frame, bits_stored=16)) >= 60


@pytest.mark.parametrize("bits", [8, 12, 16])
@pytest.mark.parametrize("steps", [1, 2, -1])
def test_text_a_step_beside_a_flat_ground_shows(bits, steps):
    frame = anatomy(2**bits - 1, np.uint8 if bits == 8 else np.uint16, background=100)
    frame[TEXT] = 100 + steps
    assert contrast(views(frame, bits_stored=bits)) >= 20


def test_text_a_step_above_a_small_flat_box_in_noise_shows():
    random = np.random.default_rng(3)
    frame = random.normal(20000, 3000, (SIZE, SIZE)).clip(0, 65535).astype(np.uint16)
    frame[90:130, 10:200] = 1000
    frame[TEXT] = 1001
    assert contrast(views(frame, bits_stored=16)) >= 20


@pytest.mark.parametrize("value", [-2000, -1025, -900, 0, 3000])
def test_text_shows_beside_negative_values(value):
    frame = anatomy(1500, np.int16, background=-1024)
    frame[TEXT] = value
    limit = 10 if value == -1025 else 20
    assert contrast(views(frame, bits_stored=16)) >= limit


def test_dark_text_in_bright_anatomy_shows():
    random = np.random.default_rng(4)
    frame = random.normal(3000, 100, (SIZE, SIZE)).astype(np.uint16)
    frame[TEXT] = 0
    assert contrast(views(frame, bits_stored=12)) >= 100


def test_values_of_32_bits_show():
    frame = anatomy(4000).astype(np.uint32) * 1_000_000
    frame[TEXT] = 40_000_000
    assert contrast(views(frame, bits_stored=32)) >= 20


def test_faint_text_shows_beside_padding_at_the_lowest_of_32_bits():
    frame = np.full((SIZE, SIZE), 500, np.int32)
    frame[:, :10] = np.iinfo(np.int32).min
    frame[TEXT] = 530
    assert contrast(views(frame, bits_stored=32)) >= 30


COLOURS = {
    "red on green": ((255, 0, 0), (0, 255, 0)),
    "dark red on green of its luminance": ((150, 0, 0), (0, 76, 0)),
    "blue on black": ((0, 0, 255), (0, 0, 0)),
    "yellow on white": ((255, 255, 0), (255, 255, 255)),
    "green on magenta": ((0, 150, 0), (107, 0, 107)),
    "green on magenta of its sum": ((60, 120, 60), (120, 0, 120)),
    "cyan on yellow": ((0, 255, 255), (255, 255, 0)),
    "faint grey on black": ((3, 3, 3), (0, 0, 0)),
}


@pytest.mark.parametrize("name", COLOURS)
def test_coloured_text_shows_whatever_its_luminance(name):
    text, ground = COLOURS[name]
    frame = np.empty((SIZE, SIZE, 3), np.uint8)
    frame[:] = ground
    frame[TEXT] = text
    pictures = views(frame, "RGB")
    assert contrast(pictures) >= 40
    assert len(pictures) <= MOST_VIEWS


def test_ybr_is_shown_in_its_colours():
    frame = np.empty((4, 4, 3), np.uint8)
    frame[:] = (76, 85, 255)  # red
    red = display(frame, Source("YBR_FULL"))
    assert abs(red[0, 0].astype(int) - (255, 0, 0)).max() <= 2


def test_indices_of_equal_colour_show():
    palette = np.zeros((65536, 3), np.uint8)
    palette[1] = palette[2] = (90, 90, 90)
    frame = np.ones((SIZE, SIZE), np.uint8)
    frame[TEXT] = 2
    assert contrast(views(frame, "PALETTE COLOR", 8, palette)) >= 100
    assert display(frame, Source("PALETTE COLOR", palette=palette)).shape == (SIZE, SIZE, 3)


def test_eight_bit_values_stay_as_they_are_in_the_first_view():
    frame = anatomy(200, np.uint8)
    pictures = views(frame)
    assert len(pictures) == 2
    assert np.array_equal(pictures[0], frame)


def test_monochrome1_is_inverted():
    frame = anatomy(200, np.uint8)
    assert np.array_equal(views(frame, "MONOCHROME1")[0], 255 - frame)
    assert np.array_equal(display(frame, Source("MONOCHROME1")), 255 - frame)


def test_no_view_is_there_twice():
    assert len(views(np.zeros((8, 8), np.uint8))) == 1
    assert len(views(255 * TEXT.astype(np.uint8))) == 1
    grey = np.repeat(anatomy(200, np.uint8)[..., None], 3, axis=2)
    assert len(views(grey, "RGB")) == 2


class Source:
    def __init__(self, photometric, bits_stored=8, palette=None):
        self.photometric, self.bits_stored, self.palette = photometric, bits_stored, palette


def write(path, frames):
    """A DICOM file of grey or RGB frames: uint8, (frames, rows, columns[, 3])."""
    dataset = Dataset()
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    dataset.SOPClassUID, dataset.SOPInstanceUID = "1.2.840.10008.5.1.4.1.1.6.1", "1.2.3"
    dataset.NumberOfFrames, dataset.Rows, dataset.Columns = frames.shape[:3]
    dataset.SamplesPerPixel = 3 if frames.ndim == 4 else 1
    dataset.PhotometricInterpretation = "RGB" if frames.ndim == 4 else "MONOCHROME2"
    if frames.ndim == 4:
        dataset.PlanarConfiguration = 0
    dataset.BitsAllocated = dataset.BitsStored = 8
    dataset.HighBit, dataset.PixelRepresentation = 7, 0
    dataset.PixelData = frames.tobytes()
    dataset.save_as(path, enforce_file_format=True)


def shard(rows):
    names = ["item", "path", "frames", "rows", "columns", "pixels"]
    return pd.DataFrame([dict(zip(names, map(str, row), strict=True)) for row in rows])


def test_extract_writes_the_views_of_each_frame_and_goes_on_after_a_bad_file(tmp_path):
    random = np.random.default_rng(5)
    colour = random.integers(0, 256, (5, 20, 24, 3), np.uint8)
    colour[3] = colour[3, ..., :1]  # a grey frame among coloured ones
    write(tmp_path / "a.dcm", colour)
    (tmp_path / "b.dcm").write_bytes((tmp_path / "a.dcm").read_bytes()[:-300])
    write(tmp_path / "c.dcm", random.integers(0, 256, (1, 9, 9), np.uint8))
    table = shard(
        [
            (1, tmp_path / "a.dcm", 5, 20, 24, 1),
            (2, tmp_path / "b.dcm", 5, 20, 24, 1),
            (3, tmp_path / "c.dcm", 1, 9, 9, 1),
            (4, tmp_path / "d.dcm", 0, 0, 0, 0),
        ]
    )
    failed = extract(table, tmp_path / "frames.h5", threads=1)
    assert failed == {2: "undecodable"}
    with h5py.File(tmp_path / "frames.h5") as file:
        assert sorted(file["items"]) == ["1", "3"]
        assert json.loads(file.attrs["failed"]) == {"2": "undecodable"}
        found = file["items/1"]
        assert found.shape == (5, 3, 20, 24) and found.chunks == (1, 1, 20, 24)
        for index in (0, 4):
            assert np.array_equal(found[index], views(colour[index], "RGB"))
        assert not found[3, 2].any()


def test_a_frame_that_is_not_written_stops_the_stage(tmp_path, monkeypatch):
    # it would stay black, and nobody finds text in it
    write(tmp_path / "a.dcm", np.ones((3, 40, 30), np.uint8))
    table = shard([(1, tmp_path / "a.dcm", 3, 40, 30, 1)])
    monkeypatch.setattr(module, "BLOCK_BYTES", 1)
    monkeypatch.setattr(module, "in_order", lambda work, tasks, *_: list(map(work, tasks))[:-1])
    with pytest.raises(RuntimeError, match="2 of 3 frames"):
        extract(table, tmp_path / "frames.h5", 1)
    assert not (tmp_path / "frames.h5").exists()


def test_extract_gives_the_same_bytes_each_time(tmp_path):
    write(tmp_path / "a.dcm", np.random.default_rng(6).integers(0, 256, (3, 40, 40), np.uint8))
    table = shard([(1, tmp_path / "a.dcm", 3, 40, 40, 1)])
    extract(table, tmp_path / "1.h5", threads=1)
    time.sleep(1.01)  # HDF5 keeps times in seconds
    extract(table, tmp_path / "2.h5", threads=1)
    assert (tmp_path / "1.h5").read_bytes() == (tmp_path / "2.h5").read_bytes()


def test_blocks_are_small_enough_whatever_the_number_of_frames():
    table = shard([(1, "a", 10_000, 512, 512, 1), (2, "b", 1, 60_000, 60_000, 1)])
    found = list(blocks(table))
    assert sum(count for item, _, _, count in found if item == 1) == 10_000
    assert max(count for item, _, _, count in found) <= 43
    assert found[-1] == (2, "b", 0, 1)


@pytest.mark.parametrize("kind", [np.uint8, np.int8, np.int16, np.uint16, np.int32, np.uint32])
def test_quantiles_are_those_of_numpy_to_the_last_bit(kind):
    rng = np.random.default_rng(7)
    limits = np.iinfo(kind)
    for low, high in ((limits.min // 2, limits.max // 2), (3, 3), (3, 4)):
        for size in (1, 2, 7, 1000):
            values = rng.integers(low, high, (size, 3), kind, endpoint=True)
            for shares in (module.WINDOW, [0.25], [0.0, 1.0]):
                assert np.array_equal(module.quantiles(values, shares), np.quantile(values, shares))


def test_what_packing_would_not_make_much_smaller_is_not_packed():
    rng = np.random.default_rng(7)
    noisy = rng.integers(0, 255, (64, 64), np.uint8)
    calm = rng.integers(0, 9, (64, 64), np.uint8)
    for view in (noisy, calm):
        assert zlib.decompress(module.pack(view)) == view.tobytes()
    assert len(module.pack(noisy)) >= noisy.size
    assert len(module.pack(calm)) < 0.6 * calm.size
