import numpy as np
import pandas as pd
import pytest
from pydicom import dcmread

from unburn import glyphs, keys, planted, planted_release


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    folder = tmp_path_factory.mktemp("set")
    planted.make(planted.Bench(5, None, "test", 3, 2, 2, glyphs.OWN), 1, folder)
    return folder / "planted.h5"


def test_a_run_is_prepared_whose_headers_name_the_persons(made, tmp_path):
    planted_release.prepare(made, 1, tmp_path / "run")
    data = tmp_path / "run" / "data"
    assert len(list((data / "text").iterdir())) == 4 and len(list((data / "clean").iterdir())) == 2
    one, two = planted.load(made, 1), dcmread(data / "text" / "00001.dcm")
    assert two.PatientID == one.number and str(two.PatientName) == one.name.replace(", ", "^")
    assert np.array_equal(two.pixel_array // 16, one.burned) and two.BitsStored == 12
    keys.load(tmp_path / "run" / "unburn.key")
    assert "read: all" in (tmp_path / "run" / "config.yaml").read_text()


def test_the_key_of_a_set_is_the_same_again(tmp_path):
    for name in "ab":
        keys.write_known(tmp_path / name, "a phrase")
    keys.write_known(tmp_path / "c", "another")
    one, two, three = (keys.load(tmp_path / name) for name in "abc")
    assert one == two != three


def test_lines_left_are_told_by_truth(made):
    one = planted.load(made, 0)
    mask = one.owner > 1  # all but the first line
    rows = pd.DataFrame(planted_release.measure((0, False, mask, None), made))
    first, rest = rows[rows.line == 0], rows[rows.line > 0]
    assert (first.masked == 0).all() and (rest.masked == rest.ink).all()
    nothing = pd.DataFrame(planted_release.measure((0, True, None, None), made))
    assert (nothing.masked == 0).all() and (nothing.released == 1).all()
