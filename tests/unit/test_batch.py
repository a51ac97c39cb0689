import h5py
import numpy as np
import pytest

from unburn import batch, dealt, tables
from unburn.patches import Content, Patch, Reader, Writer


def content(value, side=64, **more):
    mask = np.zeros((side, side), bool)
    mask[4:9, 3:20] = True
    pixels = np.full((side, side, 1), value, np.int16)
    return Content(pixels, mask, mask.copy(), limits=(-5, 900), **more)


def shards(work, values):
    """Write a shard's crops for each list of values."""
    (work / "shards").mkdir(parents=True)
    places = {}
    for number, row in enumerate(values):
        shard = f"{number:05d}"
        (work / "shards" / f"{shard}.tsv").touch()
        places[shard] = work / shard / "crops.h5"
        places[shard].parent.mkdir()
        with Writer(places[shard]) as writer:
            for frame, value in enumerate(row):
                writer.add(Patch(1, frame, 0, 0, 64, 64, content(value)))
    return places


def test_equal_crops_of_all_shards_are_dealt_once(tmp_path):
    batches, pairs = batch.deal(shards(tmp_path, [[1, 2, 3], [3, 4], [1]]), size=100)
    assert [len(rows) for rows in batches] == [4]
    assert pairs == {("00000", "00000"), ("00001", "00000"), ("00002", "00000")}


def test_batches_are_the_same_for_any_shards(tmp_path):
    dealt_crops = []
    for name, values in (("one", [[1, 2, 3, 4, 5]]), ("many", [[5], [4, 3], [2, 1]])):
        batches, _ = batch.deal(shards(tmp_path / name, values), size=2)
        dealt_crops.append([[row["digest"] for row in rows] for rows in batches])
    assert dealt_crops[0] == dealt_crops[1]
    assert [len(rows) for rows in dealt_crops[0]] == [2, 2, 1]


def test_shards_of_other_deals_are_left_alone(tmp_path):
    shards(tmp_path, [[1, 2, 3], [3, 9]])
    batch.write_batches(tmp_path, ["00001"], tmp_path / "batches", size=10)
    assert dealt.shards_of(tmp_path / "batches" / "00000.tsv") == ["00001"]
    assert dealt.batches_of(tmp_path / "batches", "00000") == []


def test_a_submission_without_crops_has_no_batch(tmp_path):
    places = shards(tmp_path, [[], []])
    assert batch.write_batches(tmp_path, sorted(places), tmp_path / "batches", size=10) == 0
    assert [path.name for path in (tmp_path / "batches").iterdir()] == [dealt.OF_SHARDS]
    assert dealt.batches_of(tmp_path / "batches", "00000") == []


def test_a_shard_needs_the_batches_its_crops_are_in(tmp_path):
    places = shards(tmp_path, [[1, 2, 3], [3], []])
    batch.write_batches(tmp_path, sorted(places), tmp_path / "batches", size=1)
    of = [dealt.batches_of(tmp_path / "batches", shard) for shard in ("00000", "00001", "00002")]
    assert len(of[0]) == 3 and len(of[1]) == 1 and set(of[1]) <= set(of[0]) and of[2] == []
    tables_of = sorted((tmp_path / "batches").glob("[0-9]*.tsv"))
    assert [dealt.shards_of(table) for table in tables_of] == [["00000"]] * 3


def test_what_a_gpu_job_reads_holds_pixels_masks_and_labels_of_ours(tmp_path):
    places = shards(tmp_path, [[1, 2]])
    batch.write_batches(tmp_path, sorted(places), tmp_path / "batches", size=10)
    table = tables.read(tmp_path / "batches" / "00000.tsv")
    assert tuple(table.columns) == dealt.COLUMNS
    with h5py.File(places["00000"]) as file:
        assert set(file) == {"patches", "int16-1-64"} and not file.attrs
        fields = {"pixels", "mask", "hidden", "limits", "modality", "ybr", "engine"}
        assert set(file["int16-1-64"]) == fields
        labels = {"item", "frame", "top", "left", "rows", "columns", "group", "index"}
        assert set(file["patches"].dtype.names) == labels


def test_painted_crops_come_back_to_every_shard(tmp_path):
    places = shards(tmp_path, [[1, 2, 3], [3, 9]])
    batch.write_batches(tmp_path, sorted(places), tmp_path / "batches", size=2)
    painted = []
    for table in sorted((tmp_path / "batches").glob("[0-9]*.tsv")):
        done = (
            Content(one.pixels + 100, one.mask, one.hidden, one.limits, engine="x")
            for one in batch.contents_of(table, tmp_path)
        )
        painted.append(tmp_path / f"{table.stem}.h5")
        assert batch.write_painted(table, done, painted[-1]) == {"x": 2}
    for path, values in zip(places.values(), ([1, 2, 3], [3, 9]), strict=True):
        with Reader(path) as reader, batch.Gathered(painted) as gathered:
            found = [gathered.of(reader.content(*place)) for place in reader.contents()]
        assert [one.pixels[0, 0, 0] for one in found] == [value + 100 for value in values]
        assert {one.engine for one in found} == {"x"}


def test_a_crop_that_no_batch_painted_is_an_error(tmp_path):
    with batch.Gathered([]) as gathered, pytest.raises(KeyError):
        gathered.of(content(1))
