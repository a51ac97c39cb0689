import numpy as np
import pytest

from unburn.patches import Content, Patch, Reader, Writer, apply


def content(value=7, side=64, samples=1, dtype=np.int16, **more):
    mask = np.zeros((side, side), bool)
    mask[4:9, 3:20] = True
    pixels = np.full((side, side, samples), value, dtype)
    hidden = mask.copy()
    hidden[0] = True
    return Content(pixels, mask, hidden, limits=(-5, 900), **more)


def write(path, *patches):
    with Writer(path) as writer:
        for patch in patches:
            writer.add(patch)
    return path


def test_a_patch_comes_back_as_it_was(tmp_path):
    patch = Patch(3, 1, 10, 20, 64, 60, content(padding=(-2000, -1999), modality="CT"))
    with Reader(write(tmp_path / "p.h5", patch)) as reader:
        (found,) = reader.of(3, 1)
        assert list(reader.of(3, 0)) == []
        assert list(reader.contents()) == [("int16-1-64", 0)]
    assert (found.top, found.left, found.rows, found.columns) == (10, 20, 64, 60)
    for field in ("pixels", "mask", "hidden"):
        assert np.array_equal(getattr(found.content, field), getattr(patch.content, field))
    assert found.content.limits == (-5, 900)
    assert found.content.padding == (-2000, -1999)
    assert found.content.modality == "CT"
    assert found.content.digest() == patch.content.digest()


def test_equal_contents_are_stored_once(tmp_path):
    patches = [Patch(1, frame, 0, 0, 64, 64, content()) for frame in range(5)]
    other = Patch(1, 5, 0, 0, 64, 64, content(8))
    with Reader(write(tmp_path / "p.h5", *patches, other)) as reader:
        assert len(reader.table) == 6
        assert len(list(reader.contents())) == 2
        assert next(reader.of(1, 5)).content.pixels[0, 0, 0] == 8


def test_the_same_patches_give_the_same_bytes(tmp_path):
    patches = [Patch(1, k, 0, 0, 64, 64, content(k, samples=1 + 2 * (k % 2))) for k in range(4)]
    first = write(tmp_path / "one.h5", *patches)
    assert first.read_bytes() == write(tmp_path / "two.h5", *patches).read_bytes()


def test_apply_writes_under_the_mask_and_nowhere_else():
    rng = np.random.default_rng(1)
    frame = rng.integers(-100, 100, (40, 90)).astype(np.int16)
    before = frame.copy()
    assert apply(frame, Patch(1, 0, 0, 20, 40, 64, content())) == 5 * 17
    where = np.zeros(frame.shape, bool)
    where[4:9, 23:40] = True
    assert (frame[where] == 7).all()
    assert (frame[~where] == before[~where]).all()


def test_apply_writes_all_samples_of_colour():
    frame = np.zeros((64, 64, 3), np.uint8)
    apply(frame, Patch(1, 0, 0, 0, 64, 64, content(samples=3, dtype=np.uint8)))
    assert (frame[4:9, 3:20] == 7).all()
    assert frame.sum() == 5 * 17 * 3 * 7


def test_apply_refuses_another_dtype():
    with pytest.raises(TypeError, match="a patch of int16 for a frame of uint16"):
        apply(np.zeros((64, 64), np.uint16), Patch(1, 0, 0, 0, 64, 64, content()))


def test_an_empty_file_has_no_patches(tmp_path):
    with Reader(write(tmp_path / "p.h5")) as reader:
        assert len(reader.table) == 0
        assert list(reader.contents()) == []
