import json
import shutil

import h5py
import numpy as np
import pytest
from pydicom import dcmread
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import CTImageStorage, ExplicitVRLittleEndian

from unburn import crop, tables
from unburn.engines import Settings
from unburn.patches import Patch, Reader, apply

CLASSIC = Settings(engine="classic", flat_tolerance=0.02, noise=True, seed=1)
MONO16 = crop.Kind((0, 65535))


def scene(shape=(160, 200), dtype=np.uint16, seed=1):
    """Empty (noise around 100) at the left, steep and noisy anatomy from column 100 on."""
    rng = np.random.default_rng(seed)
    picture = rng.normal(100, 3, shape)
    rows, columns = np.mgrid[: shape[0], : shape[1]]
    anatomy = 2000 + 800 * np.sin(rows / 9) * np.cos(columns / 7) + rng.normal(0, 40, shape)
    return np.where(columns >= 100, anatomy, picture).astype(dtype)


def text(shape=(160, 200)):
    """A mask of one line on the empty side, two near lines and a far one over anatomy."""
    mask = np.zeros(shape, bool)
    mask[20:34, 10:80] = True
    mask[60:72, 110:180] = True
    mask[76:88, 110:170] = True
    mask[150:160, 180:200] = True
    return mask


def cut_all(stored, mask, kind=MONO16, settings=CLASSIC):
    return [
        (is_fill, Patch(1, 0, *place))
        for is_fill, place in crop.patches_of(stored, mask, kind, settings)
    ]


def times_written(mask, patches):
    count = np.zeros(mask.shape, int)
    for _, patch in patches:
        window = count[patch.top : patch.top + patch.rows, patch.left : patch.left + patch.columns]
        window += patch.content.mask[: patch.rows, : patch.columns]
    return count


def test_each_masked_pixel_is_in_exactly_one_patch():
    rng = np.random.default_rng(2)
    mask = text()
    for _ in range(30):
        top, left = rng.integers(0, 150), rng.integers(0, 190)
        mask[top : top + rng.integers(1, 20), left : left + rng.integers(1, 40)] = True
    assert (times_written(mask, cut_all(scene(), mask)) == mask).all()


def test_empty_surroundings_are_filled_and_anatomy_is_cropped():
    patches = cut_all(scene(), text())
    fills = [patch for is_fill, patch in patches if is_fill]
    crops = [patch for is_fill, patch in patches if not is_fill]
    assert len(fills) == 1 and len(crops) == 2  # near lines share a crop
    filled = fills[0].content.pixels[fills[0].content.mask]
    assert filled.min() >= 85 and filled.max() <= 115
    assert 1.5 < filled.std() < 4.5  # noise like the surroundings', 3
    side = max(patch.content.pixels.shape[0] for patch in crops)
    assert side == 128


def test_a_flat_place_of_one_value_gets_exactly_that_value():
    stored = np.full((80, 90), 17, np.uint8)
    mask = np.zeros((80, 90), bool)
    mask[10:22, 10:60] = True
    stored[mask] = 255
    ((is_fill, patch),) = cut_all(stored, mask, crop.Kind((0, 255)))
    apply(stored, patch)
    assert is_fill and (stored == 17).all()


def test_low_contrast_structure_is_not_flat():
    picture = np.random.default_rng(1).normal(1000, 2, (90, 120, 1))
    ring = np.zeros((90, 120), bool)
    ring[30:50, 20:100] = True
    assert crop.is_flat(picture, ring, tolerance=60)
    picture[:, 60:] += 30
    assert not crop.is_flat(picture, ring, tolerance=60)


def test_nothing_that_was_masked_is_in_a_patch():
    mask = text()
    stored = scene()
    stored[mask] = 54321
    for _, patch in cut_all(stored, mask):
        assert not (patch.content.pixels == 54321).any()


def test_two_inputs_that_differ_under_the_mask_give_equal_patches():
    mask = text()
    one, two = scene(), scene()
    one[mask] = 0
    two[mask] = np.random.default_rng(3).integers(0, 65535, int(mask.sum()))
    digests = [[patch.content.digest() for _, patch in cut_all(p, mask)] for p in (one, two)]
    assert digests[0] == digests[1]


@pytest.mark.parametrize("dtype", [np.uint8, np.int16, np.uint16, np.int32, np.uint32])
def test_all_dtypes_stay_what_they_are(dtype):
    limits = (int(np.iinfo(dtype).min), int(np.iinfo(dtype).max))
    stored = (scene(dtype=np.float64) / (12 if dtype == np.uint8 else 1)).astype(dtype)
    for _, patch in cut_all(stored, text(), crop.Kind(limits)):
        assert patch.content.pixels.dtype == dtype


def test_a_frame_smaller_than_its_crop_is_continued_and_marked():
    stored = scene((40, 150))
    mask = np.zeros((40, 150), bool)
    mask[10:20, 105:145] = True
    ((is_fill, patch),) = cut_all(stored, mask)
    assert not is_fill
    assert (patch.top, patch.rows, patch.content.pixels.shape) == (0, 40, (128, 128, 1))
    assert patch.content.hidden[40:].all() and not patch.content.mask[40:].any()


def test_a_frame_masked_wholly_becomes_its_kind_of_black():
    mask = np.ones((30, 40), bool)
    stored = np.random.default_rng(1).integers(0, 255, (30, 40, 3)).astype(np.uint8)
    ((is_fill, patch),) = cut_all(stored, mask, crop.Kind((0, 255), zero=(0, 128, 128)))
    apply(stored, patch)
    assert is_fill and (stored == (0, 128, 128)).all()


def test_palette_indices_are_copied_never_mixed():
    stored = np.full((80, 100), 3, np.uint8)
    stored[:, 50:] = 200
    mask = np.zeros((80, 100), bool)
    mask[30:44, 20:80] = True
    stored[mask] = 77
    ((is_fill, patch),) = cut_all(stored, mask, crop.Kind((0, 255), palette=True))
    apply(stored, patch)
    assert is_fill and set(np.unique(stored)) == {3, 200}


def test_limits_are_those_of_the_surroundings_within_bits_stored_and_without_padding():
    kind = crop.Kind((-2048, 2047), padding=(-2000, -2000))
    known = np.array([[-2000], [-900], [3000]], np.int16)
    assert crop.context_limits(known, kind) == (-900, 2047)
    assert crop.context_limits(known[:1], kind) == (-2000, -2000)
    assert crop.context_limits(known[:0], kind) == (-2048, 2047)


def test_sides_leave_context_and_are_powers_of_two():
    boxes = ((10, 20), (12, 100), (60, 90), (200, 90), (500, 500))
    sides = [crop.side_for(*box, largest=512) for box in boxes]
    assert sides == [64, 256, 128, 256, 512]


# --- files


def write_ct(path, stored, **more):
    dataset = Dataset()
    dataset.SOPClassUID = CTImageStorage
    dataset.SOPInstanceUID = "1.2.3"
    dataset.Rows, dataset.Columns = stored.shape[-2:]
    dataset.NumberOfFrames = len(stored)
    dataset.SamplesPerPixel = 1
    dataset.PhotometricInterpretation = "MONOCHROME2"
    dataset.BitsAllocated, dataset.BitsStored, dataset.HighBit = 16, 12, 11
    dataset.PixelRepresentation = 0
    for keyword, value in more.items():
        setattr(dataset, keyword, value)
    dataset.PixelData = stored.astype("<u2").tobytes()
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    dataset.save_as(path, enforce_file_format=True)
    return path


@pytest.fixture
def shard(tmp_path):
    """Two masked items of several frames and their files."""
    mask = text()
    for item in (1, 2):
        stored = np.stack([scene(seed=seed) for seed in (item, item, 9)])
        write_ct(tmp_path / f"{item}.dcm", np.where(mask, 4095, stored))
    with h5py.File(tmp_path / "masks.h5", "w") as file:
        for item in (1, 2):
            file[f"items/{item}"] = np.stack((mask, mask, mask)).astype(np.uint8)
    rows = [{"item": k, "path": tmp_path / f"{k}.dcm", "modality": "CT"} for k in (1, 2)]
    tables.write(tmp_path / "00000.tsv", rows, ("item", "path", "modality"))
    return tmp_path


def run(folder, out, threads=1):
    arguments = {
        "shard": folder / "00000.tsv",
        "masks": folder / "masks.h5",
        "settings": json.dumps(vars(CLASSIC)),
        "threads": threads,
        "fills": folder / out / "fills.h5",
        "crops": folder / out / "crops.h5",
    }
    crop.main([part for key, value in arguments.items() for part in (f"--{key}", str(value))])
    return [(folder / out / name).read_bytes() for name in ("fills.h5", "crops.h5")]


def test_main_cuts_every_frame_and_stores_equal_crops_once(shard):
    run(shard, "out")
    with Reader(shard / "out/fills.h5") as fills, Reader(shard / "out/crops.h5") as crops:
        assert sorted(set(zip(crops.table["item"], crops.table["frame"], strict=True))) == [
            (item, frame) for item in (1, 2) for frame in (0, 1, 2)
        ]
        assert len(fills.table) == 6 and len(crops.table) == 12
        assert len(list(crops.contents())) == 6  # three different frames


def test_main_gives_the_same_bytes_with_two_processes(shard):
    assert run(shard, "one") == run(shard, "two", threads=2)


def test_an_item_that_cannot_be_read_gets_no_patches_and_stops_no_other(shard):
    shutil.copy(__file__, shard / "1.dcm")
    run(shard, "out")
    with Reader(shard / "out/crops.h5") as crops:
        assert set(crops.table["item"]) == {2}


def test_the_header_gives_bits_padding_and_colour(tmp_path):
    stored = scene()[None]
    padding = {"PixelPaddingValue": 0, "PixelPaddingRangeLimit": 10}
    with crop.open_frames(write_ct(tmp_path / "a.dcm", stored, **padding)) as source:
        assert crop.kind_of(source, "CT") == crop.Kind((0, 4095), (0, 10), False, (0,), "CT")
    with crop.open_frames(write_ct(tmp_path / "b.dcm", stored)) as source:
        assert crop.kind_of(source, "").padding == (1, 0)
    # a value that no cell holds stopped the shard
    dataset = dcmread(write_ct(tmp_path / "c.dcm", stored))
    dataset.add_new("PixelPaddingValue", "IS", "9" * 30)
    dataset.save_as(tmp_path / "c.dcm")
    with crop.open_frames(tmp_path / "c.dcm") as source:
        low, high = crop.kind_of(source, "").padding
        assert 0 <= low == high <= 65535
