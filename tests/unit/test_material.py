import csv

import cv2
import numpy as np
import pytest

from unburn import material
from unburn.errors import UserError


def test_every_group_is_in_one_split_and_all_splits_occur():
    splits = {str(group): material.split_of(str(group), 3) for group in range(500)}
    assert splits == {group: material.split_of(group, 3) for group in splits}
    shares = {name: list(splits.values()).count(name) / 500 for name in set(splits.values())}
    assert shares["test"] == pytest.approx(0.17, abs=0.06)
    assert shares["validation"] == pytest.approx(0.10, abs=0.05)
    assert shares["training"] > 0.6


def write_frames(folder, groups):
    with open(folder / "frames.csv", "w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["path", "group", "left", "right"])
        for number, group in enumerate(groups):
            picture = np.full((10, 20), number, np.uint8)
            cv2.imwrite(str(folder / f"{number}.png"), picture)
            writer.writerow([f"{number}.png", group, 2, 12])
    return folder / "frames.csv"


def test_frames_of_a_split_are_read_between_left_and_right(tmp_path):
    table = write_frames(tmp_path, [f"patient {number}" for number in range(20)])
    counts = {split: material.read_frames(table, split, 3) for split in ("training", "test")}
    assert len(counts["training"]) + len(counts["test"]) <= 20
    assert all(frame.shape == (10, 10) for frame in counts["training"])


def test_a_split_without_frames_is_named(tmp_path):
    table = write_frames(tmp_path, ["one patient"])
    other = {"training", "validation", "test"} - {material.split_of("one patient", 3)}
    with pytest.raises(UserError, match="no frame for"):
        material.read_frames(table, other.pop(), 3)


def test_a_table_without_the_columns_is_explained(tmp_path):
    (tmp_path / "frames.csv").write_text("file,patient\nx.png,a\n")
    with pytest.raises(UserError, match="no columns path and group"):
        material.read_frames(tmp_path / "frames.csv", "test", 3)
