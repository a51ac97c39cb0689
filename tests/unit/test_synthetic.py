import numpy as np
from pydicom import dcmread

from unburn.synthetic import Shape, write


def test_a_submission_has_series_of_real_headers_with_uids_of_their_own(tmp_path):
    assert write(Shape(series=2, slices=3, side=64), tmp_path / "in") == 6
    made = [dcmread(path) for path in sorted((tmp_path / "in").rglob("IM*"))]
    assert [one.Modality for one in made] == ["CT"] * 3 + ["MR"] * 3
    assert len({one.SOPInstanceUID for one in made}) == 6
    assert len({one.SeriesInstanceUID for one in made}) == 2
    assert len({one.PatientID for one in made}) == 1
    assert [float(one.ImagePositionPatient[2]) for one in made[:3]] == [0, 5, 10]
    assert all(one.file_meta.MediaStorageSOPInstanceUID == one.SOPInstanceUID for one in made)
    assert any(element.tag.is_private for element in made[0])
    pictures = [one.pixel_array for one in made]
    assert all(picture.shape == (64, 64) and picture.std() > 50 for picture in pictures)
    assert not np.array_equal(pictures[0], pictures[1])


def test_the_same_seed_makes_the_same_bytes_and_another_one_other_uids(tmp_path):
    for name, seed in (("a", 1), ("b", 1), ("c", 2)):
        write(Shape(series=1, slices=1, side=32, seed=seed), tmp_path / name)
    one, same, other = (next((tmp_path / n).rglob("IM*")).read_bytes() for n in "abc")
    assert one == same != other


def test_holes_take_no_room_and_read_as_zeros(tmp_path):
    write(Shape(series=1, slices=1, side=1024, empty=True, flat=True), tmp_path / "in")
    (file,) = (tmp_path / "in").iterdir()
    assert file.stat().st_size > 2 << 20 > 64 << 10 > 512 * file.stat().st_blocks
    assert not dcmread(file).pixel_array.any()
