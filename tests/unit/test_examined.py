import h5py
import numpy as np

from unburn import examined

ROWS = np.array(
    [(1, 0, 0.9, 0), (1, 1, 0.01, 0), (2, 0, 0.0, 3), (2, 2, 0.0, 0)],
    [("item", "i4"), ("frame", "i4"), ("suspicion", "f4"), ("regions", "i4")],
)


def test_load_reads_the_table(tmp_path):
    with h5py.File(tmp_path / "regions.h5", "w") as file:
        file["examined"] = ROWS
    assert (examined.load(tmp_path / "regions.h5") == ROWS).all()


def test_unexamined_names_items_with_a_missing_frame():
    assert examined.unexamined({1: 2, 2: 3, 3: 1}, ROWS) == {2, 3}


def test_suspicious_takes_faint_suspicion_and_found_regions():
    assert examined.suspicious(ROWS, 0.05) == {1: {0}, 2: {0}}
    assert examined.suspicious(ROWS, 0.005) == {1: {0, 1}, 2: {0}}


def test_an_item_of_no_frames_and_a_suspicion_that_is_no_number_are_not_trusted():
    assert examined.unexamined({9: 0}, ROWS) == {9}
    rows = ROWS.copy()
    rows["suspicion"][1] = np.nan
    assert examined.suspicious(rows, 0.05) == {1: {0, 1}, 2: {0}}
