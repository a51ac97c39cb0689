import json
from dataclasses import replace

import h5py
import numpy as np
import pytest
from pydicom.dataset import Dataset

from unburn import decisions, known, mask, tables
from unburn.errors import UserError
from unburn.files import sha256

REGION = np.dtype(
    [
        ("item", "i4"),
        ("frame", "i4"),
        ("quad", "f4", (4, 2)),
        ("score", "f4"),
        ("height", "f4"),
        ("source", "S12"),
        ("kind", "S12"),
        ("agreed", "?"),
        ("fact", "S48"),
    ]
)
EXAMINED = [("item", "i4"), ("frame", "i4"), ("comparable", "?")]
PLAIN = mask.Settings(
    pool=True,
    pool_fraction=0.2,
    dilate_px=0,
    dilate_relative=0.0,
    lossy_margin_px=8,
    outside_ultrasound_regions="text",
    policy="all",
)
JPEG = "1.2.840.10008.1.2.4.50"
NATIVE = "1.2.840.10008.1.2.1"


def box(left, top, width, height):
    right, bottom = left + width, top + height
    return [(left, top), (right, top), (right, bottom), (left, bottom)]


def regions(*rows, kind="text", fact=""):
    """Rows of (item, frame, quad); of a kind on which two readers agree, but for text."""
    return np.array(
        [
            (item, frame, quad, 0.9, quad[2][1] - quad[0][1], b"crnn", kind, kind != "text", fact)
            for item, frame, quad in rows
        ],
        REGION,
    )


def item(number, frames=1, series="s00001", rows=60, columns=80, block=1, margin=0):
    return mask.Item(number, series, frames, rows, columns, block, margin)


def empty(one, frame):
    """Views of a frame in which nothing stands still."""
    return np.zeros((1, one.rows, one.columns), np.uint8)


def made(items, found, settings=PLAIN, pictures=empty):
    """Masks by (item, frame)."""
    found = mask.by_frame(found)
    return {
        (one.number, frame): picture
        for pool in mask.pools(items, settings)
        for one, frame, picture in mask.masks(pool, found, settings, pictures)
    }


@pytest.mark.parametrize("angle", [0, 0.3, 1.2, 2.5])
def test_draw_covers_a_turned_quadrangle_and_little_more(angle):
    turn = np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
    quad = np.array([(-30, -6), (30, -6), (30, 6), (-30, 6)]) @ turn + 50
    picture = np.zeros((100, 100), np.uint8)
    mask.draw(picture, quad, 3)
    rows, columns = np.mgrid[:100, :100]
    along, across = np.moveaxis((np.stack((columns, rows), -1) - 50) @ turn.T, -1, 0)
    inside = (np.abs(along) <= 32) & (np.abs(across) <= 8)
    outside = (np.abs(along) > 35.5) | (np.abs(across) > 11.5)
    assert picture[inside].all()
    assert not picture[outside].any()


def test_draw_takes_corners_beyond_the_frame():
    picture = np.zeros((20, 20), np.uint8)
    mask.draw(picture, np.array(box(-1e9, 5, 2e9, 4)), 0)
    assert picture[5:9].all()
    assert not picture[12:].any()


def test_masks_are_filled_and_dilated_relative_to_text_height():
    settings = replace(PLAIN, pool=False, dilate_px=2, dilate_relative=0.25)
    found = made([item(1)], regions((1, 0, box(20, 20, 30, 8))), settings)[1, 0]
    assert found[17:32, 20:51].all() and found[20:29, 17:54].all()
    rows, columns = np.nonzero(found)
    assert rows.min() >= 15 and rows.max() <= 33 and columns.min() >= 15 and columns.max() <= 55


def test_a_line_found_once_is_masked_in_every_frame_in_which_it_stands():
    background = np.random.default_rng(4).integers(0, 60, (6, 1, 60, 80), np.uint8)
    line = np.array([[1, 0, 1, 1, 0, 1, 0, 1], [1, 1, 1, 0, 0, 1, 1, 1]] * 3, np.uint8) * 200
    for frame in (1, 2, 3, 5):
        background[frame, 0, 20:26, 30:38] = np.maximum(background[frame, 0, 20:26, 30:38], line)
    seen = regions((1, 2, box(30, 20, 8, 6)))
    found = made([item(1, frames=6)], seen, pictures=lambda one, frame: background[frame])
    assert sorted(found) == [(1, 1), (1, 2), (1, 3), (1, 5)]
    assert all((picture == found[1, 2]).all() for picture in found.values())
    slices = [item(number) for number in range(1, 7)]
    seen = regions((3, 0, box(30, 20, 8, 6)))
    found = made(slices, seen, pictures=lambda one, _: background[one.number - 1])
    assert sorted(found) == [(2, 0), (3, 0), (4, 0), (6, 0)]


def test_changing_text_at_one_place_is_masked_in_every_frame():
    seen = regions(*[(1, frame, box(10 + frame % 2, 10, 30, 8)) for frame in (0, 3, 7)])
    found = made([item(1, frames=10)], seen)
    assert sorted(found) == [(1, frame) for frame in range(10)]
    assert found[1, 5][11:17, 12:38].all()


def test_a_false_alarm_in_a_volume_stays_in_its_slice():
    items = [item(number) for number in range(1, 51)]
    everywhere = [(number, 0, box(5, 5, 30, 6)) for number in range(1, 51)]
    alarms = [(7, 0, box(40, 40, 20, 10)), (8, 0, box(40, 40, 20, 10))]
    found = made(items, regions(*everywhere, *alarms))
    assert found[7, 0][45, 50] and found[8, 0][45, 50]
    assert not found[9, 0][45, 50]
    assert len(found) == 50


def test_one_frame_of_two_is_not_enough_to_pool():
    found = made([item(1), item(2)], regions((1, 0, box(5, 5, 30, 6))))
    assert sorted(found) == [(1, 0)]


def test_split_boxes_of_one_line_are_pooled_whole():
    wide = [(1, frame, box(10, 10, 60, 8)) for frame in range(3)]
    split = [(1, frame, box(left, 10, 28, 8)) for frame in (3, 4) for left in (10, 42)]
    found = made([item(1, frames=12)], regions(*wide, *split))
    assert found[1, 11][10:19, 10:71].all()


def test_series_and_sizes_are_pooled_apart():
    items = [item(1), item(2), item(3, series="s00002"), item(4, rows=61)]
    found = made(items, regions(*[(number, 0, box(5, 5, 30, 6)) for number in (1, 2)]))
    assert sorted(found) == [(1, 0), (2, 0)]


def test_without_pooling_each_frame_has_its_own_regions():
    settings = replace(PLAIN, pool=False)
    found = made(
        [item(1, frames=4)], regions(*[(1, k, box(5, 5, 30, 6)) for k in (0, 2)]), settings
    )
    assert sorted(found) == [(1, 0), (1, 2)]


def test_grow_takes_whole_blocks_and_contains_the_mask():
    picture = np.zeros((21, 30), np.uint8)
    picture[7:9, 15:18] = 1
    picture[20, 29] = 1
    grown = mask.grow(picture, 8, 0)
    assert grown[0:16, 8:24].all() and grown[16:, 24:].all()
    assert grown.sum() == 16 * 16 + 5 * 6
    assert mask.grow(picture, 1, 3)[4:12, 12:21].all()
    assert (mask.grow(picture, 1, 0) == picture).all()


def test_reach_knows_the_codecs():
    assert mask.reach(False, NATIVE, 1, PLAIN) == (1, 0)
    assert mask.reach(True, JPEG, 1, PLAIN) == (8, 0)
    assert mask.reach(True, JPEG, 3, PLAIN) == (16, mask.CHROMA_BLEED_PX)
    assert mask.reach(True, "1.2.840.10008.1.2.4.91", 1, PLAIN) == (1, 8)
    assert mask.reach(True, NATIVE, 1, PLAIN) == (1, 8)


def shard(folder, *rows, modality="MR"):
    """A shard's table and its frames; rows of (item, frames, rows, columns, lossy, syntax)."""
    with h5py.File(folder / "frames.h5", "w") as file:
        file.attrs["failed"] = "{}"
        for number, frames, height, width, _, _ in rows:
            file.create_dataset(f"items/{number}", (frames, 1, height, width), np.uint8)
    columns = ("item", "series", "samples", "lossy", "transfer_syntax", "path", "modality")
    tables.write(
        folder / "00000.tsv",
        [
            dict(
                zip(
                    columns,
                    (r[0], "s00001", 1, r[4], r[5], folder / f"{r[0]}.dcm", modality),
                    strict=True,
                )
            )
            for r in rows
        ],
        columns,
    )


def run(folder, found, name="masks.h5", settings=PLAIN, named=()):
    """Masks of the shard; ``named`` items have a header that names the patient."""
    with h5py.File(folder / "regions.h5", "w") as file:
        file["regions"] = found
        file["examined"] = np.array([(k, 0, k in named) for k in range(1, 10)], EXAMINED)
    arguments = {
        "shard": folder / "00000.tsv",
        "frames": folder / "frames.h5",
        "regions": folder / "regions.h5",
        "settings": json.dumps(vars(settings)),
        "out": folder / name,
    }
    mask.main([part for key, value in arguments.items() for part in (f"--{key}", str(value))])
    return folder / name


def test_main_writes_masked_items_only_and_the_same_bytes_twice(tmp_path):
    shard(tmp_path, (1, 3, 40, 50, 0, NATIVE), (2, 1, 40, 48, 1, JPEG), (3, 1, 30, 30, 0, NATIVE))
    found = regions((2, 0, box(9, 9, 10, 5)), (1, 1, box(0, 0, 50, 38)))
    first = run(tmp_path, found)
    with h5py.File(first) as file:
        assert sorted(file["items"]) == ["1", "2"]
        assert file["items/1"].shape == (3, 40, 50)
        assert file["items/1"].chunks == (1, 40, 50)
        assert not file["items/1"][0].any()
        assert file["items/1"][1].mean() > 0.9
        assert file["items/2"][0].sum() == 16 * 8
    assert first.read_bytes() == run(tmp_path, found, "again.h5").read_bytes()


def test_main_writes_an_empty_file_when_nothing_was_found(tmp_path):
    shard(tmp_path, (1, 1, 40, 50, 0, NATIVE))
    with h5py.File(run(tmp_path, regions())) as file:
        assert len(file["items"]) == 0


def test_regions_of_another_run_are_refused(tmp_path):
    shard(tmp_path, (1, 3, 40, 50, 0, NATIVE))
    with pytest.raises(UserError, match="2 regions lie in frames that the shard does not have"):
        run(tmp_path, regions((1, 3, box(1, 1, 5, 5)), (9, 0, box(1, 1, 5, 5))))
    assert not (tmp_path / "masks.h5").exists()


def test_regions_without_a_place_are_refused():
    with pytest.raises(UserError, match="1 regions have no place"):
        mask.check(regions((1, 0, box(np.nan, 1, 5, 5))), [item(1)], "regions.h5")


def test_known_places_are_masked_in_every_frame_and_counted(tmp_path):
    shard(tmp_path, (1, 3, 40, 50, 0, NATIVE), (2, 1, 40, 50, 0, NATIVE), modality="US")
    area = Dataset()
    area.RegionLocationMinX0, area.RegionLocationMinY0 = 10, 8
    area.RegionLocationMaxX1, area.RegionLocationMaxY1 = 39, 29
    header = Dataset()
    header.SequenceOfUltrasoundRegions = [area]
    for number in (1, 2):
        header.save_as(tmp_path / f"{number}.dcm", implicit_vr=False, little_endian=True)
        header.SequenceOfUltrasoundRegions = [Dataset()]
    settings = replace(PLAIN, outside_ultrasound_regions="all")
    with h5py.File(run(tmp_path, regions((1, 1, box(15, 15, 6, 4))), settings=settings)) as file:
        assert sorted(file["items"]) == ["1"]
        stack = file["items/1"][:]
        assert file["known"][:].tolist() == [
            (1, b"ultrasound", b"all"),
            (2, b"ultrasound", b"unusable"),
        ]
    assert not stack[[0, 2], 8:30, 10:40].any()
    assert stack[1, 15:19, 15:21].all()
    assert stack[:, :8].all() and stack[:, :, 40:].all()


def test_a_device_rule_of_the_user_is_masked_beside_the_shipped_ones(tmp_path):
    shard(tmp_path, (1, 2, 600, 800, 0, NATIVE), modality="US")
    header = Dataset()
    header.Manufacturer, header.ManufacturerModelName = "Philips Medical Systems", "iU22"
    header.save_as(tmp_path / "1.dcm", implicit_vr=False, little_endian=True)
    (tmp_path / "own.tsv").write_text(
        "manufacturer\tmodel\trectangles\nPHILIPS\tIU 22\t0,590,800,50\n"
    )
    with h5py.File(tmp_path / "regions.h5", "w") as file:
        file["regions"], file["examined"] = regions(), np.zeros(0, EXAMINED)
    arguments = ["--shard", "00000.tsv", "--frames", "frames.h5", "--regions", "regions.h5"]
    paths = [part if part[0] == "-" else str(tmp_path / part) for part in arguments]
    out = tmp_path / "masks.h5"
    own = ["--device-rules", str(tmp_path / "own.tsv")]
    mask.main([*paths, *own, "--settings", json.dumps(vars(PLAIN)), "--out", str(out)])
    with h5py.File(out) as file:
        stack = file["items/1"][:]
        rules = file["known"]["rule"].tolist()
    assert [rule.split(b":")[0] for rule in rules] == [b"shipped", b"own"]
    assert rules[1] == b"own:2"
    assert stack[:, :59].all() and stack[:, 590:].all() and not stack[:, 59:590].any()


# --- what the policy lets stay


def kept_in(path):
    """Policy, kept lines as (item, frame, kind), items that fell back, masks by item."""
    with h5py.File(path) as file:
        rows = [(int(r["item"]), int(r["frame"]), r["kind"].decode()) for r in file["kept"][:]]
        masks = {int(name): stack[:] for name, stack in file["items"].items()}
        return file.attrs["policy"], rows, file["fell_back"][:].tolist(), masks


def both(*more):
    """A marker and a name far from it in each of two items, and more rows."""
    marker = regions(*[(k, 0, box(5, 5, 8, 8)) for k in (1, 2)], kind="marker", fact="R")
    name = regions(*[(k, 0, box(30, 30, 30, 8)) for k in (1, 2)])
    return np.concatenate([marker, name, *more])


@pytest.mark.parametrize("policy", ["all", "keep", "phi"])
def test_only_the_policy_s_classes_stay(tmp_path, policy):
    shard(tmp_path, *[(k, 1, 60, 80, 0, NATIVE) for k in (1, 2)])
    described = regions((1, 0, box(5, 50, 40, 8)), kind="descriptor")
    unsure = regions((2, 0, box(60, 5, 8, 8)), kind="marker")
    unsure["agreed"] = False
    settings = replace(PLAIN, policy=policy, pool=False)
    out = run(tmp_path, both(described, unsure), settings=settings, named=[1])
    said, kept, fell_back, masks = kept_in(out)
    assert said == policy
    stays = {
        "all": [],
        "keep": [(1, 0, "marker"), (2, 0, "marker")],
        "phi": [(1, 0, "descriptor"), (1, 0, "marker")],
    }
    assert sorted(kept) == stays[policy]
    assert fell_back == ([2] if policy == "phi" else [])
    assert masks[1][0, 34, 45] and masks[2][0, 34, 45] and masks[2][0, 9, 64]
    assert bool(masks[1][0, 9, 9]) is (policy == "all")
    assert bool(masks[1][0, 54, 25]) is (policy != "phi")
    assert bool(masks[2][0, 9, 9]) is (policy != "keep")


def test_a_line_near_a_masked_one_is_trimmed_or_masked_whole(tmp_path):
    shard(tmp_path, (1, 1, 60, 80, 0, NATIVE))
    name = regions((1, 0, box(20, 20, 30, 10)))
    for top, stays in ((28, False), (32, True), (40, True)):
        marker = regions((1, 0, box(20, top, 10, 10)), kind="marker")
        settings = replace(PLAIN, policy="keep", dilate_px=2, dilate_relative=0.0)
        _, kept, _, masks = kept_in(run(tmp_path, np.concatenate([name, marker]), "m", settings))
        assert bool(kept) is stays
        assert masks[1][0, 18:33, 20:51].all()  # the name's mask is whole, whatever stays beside
        assert bool(masks[1][0, top + 9, 25]) is not stays


def test_a_place_that_is_masked_in_one_frame_is_masked_in_all_of_the_pool(tmp_path):
    shard(tmp_path, (1, 5, 60, 80, 0, NATIVE))
    rows = [(1, frame, box(20, 20, 20, 8)) for frame in (0, 1, 4)]
    marker = regions(*rows, kind="measurement")
    for pool in (True, False):
        settings = replace(PLAIN, policy="keep", pool=pool)
        _, kept, _, _ = kept_in(run(tmp_path, marker, "m", settings))
        assert len(kept) == 3
        other = regions((1, 3, box(22, 19, 40, 9)))
        _, kept, _, masks = kept_in(run(tmp_path, np.concatenate([marker, other]), "m", settings))
        assert kept == []
        assert masks[1][[0, 1, 3, 4], 24, 30].all()


def test_one_line_that_gives_way_takes_its_neighbour_with_it(tmp_path):
    shard(tmp_path, (1, 1, 60, 80, 0, NATIVE))
    chain = [regions((1, 0, box(10 + 6 * k, 20, 10, 8)), kind="scale") for k in range(4)]
    far = regions((1, 0, box(60, 50, 10, 8)), kind="scale")
    first = regions((1, 0, box(4, 20, 10, 8)))
    settings = replace(PLAIN, policy="keep")
    found = np.concatenate([*chain, far, first])
    assert kept_in(run(tmp_path, found, "m", settings))[1] == [(1, 0, "scale")]
    assert len(kept_in(run(tmp_path, np.concatenate([*chain, far]), "m", settings))[1]) == 5


def test_given_places_win_over_kept_lines(tmp_path):
    given = replace(item(1), given=known.Known(hidden=((0, 0, 80, 30),)))
    found, kept = {}, mask.by_frame(regions((1, 0, box(20, 20, 10, 8)), kind="marker"))
    ((_, _, picture),) = mask.with_kept([given], found, kept, PLAIN, empty)
    assert not len(kept[1, 0]) and picture[29, 25]


def test_facts_are_written_whatever_stays(tmp_path):
    shard(tmp_path, *[(k, 1, 60, 80, 0, NATIVE) for k in (1, 2)])
    more = regions((1, 0, box(60, 5, 8, 8)), kind="marker", fact="AP;SUPINE")
    stayed = mask.policy.read(run(tmp_path, both(more)))
    assert stayed.facts == {1: {"R", "AP", "SUPINE"}, 2: {"R"}}
    assert (stayed.policy, stayed.kept, stayed.fell_back) == ("all", {}, frozenset())


def test_a_fact_outside_the_closed_list_is_refused(tmp_path):
    shard(tmp_path, (1, 1, 60, 80, 0, NATIVE))
    with pytest.raises(ValueError, match="item 1: a fact outside the closed list") as error:
        run(tmp_path, regions((1, 0, box(5, 5, 8, 8)), kind="marker", fact="R;DOE"))
    assert not (tmp_path / "masks.h5").exists()
    assert "DOE" not in str(error.value)


# --- what people drew


def drawn(folder, item, frame, place, original=None):
    """Write a line of decisions.tsv for a run of which ``folder`` holds the shard's table."""
    box_ = decisions.box_of(frame, place)
    original = original or sha256(folder / f"{item}.dcm")
    one = decisions.Decision(str(item), "mask", box_, "Ana", "2026-01-31", "0" * 64, original)
    decisions.write(folder.parent, [*decisions.read(folder.parent), one])


def private(tmp_path):
    """The folder of the shards' tables of a submission."""
    folder = tmp_path / "lab" / "shards"
    folder.mkdir(parents=True)
    return folder


def test_boxes_of_people_are_masked_in_their_frames_and_items_alone(tmp_path):
    folder = private(tmp_path)
    shard(folder, (1, 3, 40, 50, 0, NATIVE), (2, 3, 40, 50, 0, NATIVE), (3, 1, 40, 48, 1, JPEG))
    for number in (1, 2, 3):
        (folder / f"{number}.dcm").write_bytes(b"%d" % number)
    found = regions((1, 1, box(30, 30, 6, 4)))
    without = run(folder, found, "without.h5")
    drawn(folder, 1, "2", "10,5,20,8")
    drawn(folder, 1, "all", "0,0,3,2")
    drawn(folder, 3, "1", "9,9,12,12")
    out = run(folder, found)
    assert decisions.drawn_in(out, "1") == {
        decisions.Box(10, 5, 20, 8, 1),
        decisions.Box(0, 0, 3, 2),
    }
    with h5py.File(out) as file, h5py.File(without) as before:
        assert sorted(file["items"]) == ["1", "3"]
        stack, lossy = file["items/1"][:], file["items/3"][0]
        assert len(file["drawn"]) == 3 and len(before["drawn"]) == 0
        assert stack[:, :2, :3].all()
        assert stack[1, 5:8, 10:20].all() and not stack[[0, 2], 5:8, 10:20].any()
        assert (stack[1] >= before["items/1"][1]).all()
        assert stack[1].sum() == before["items/1"][1].sum() + 30 + 6
        assert lossy.sum() == 64 and lossy[8:16, 8:16].all()  # whole blocks


def test_a_box_on_another_original_masks_nothing(tmp_path):
    folder = private(tmp_path)
    shard(folder, (1, 1, 40, 50, 0, NATIVE))
    (folder / "1.dcm").write_bytes(b"now")
    drawn(folder, 1, "all", "0,0,3,2", original="0" * 64)
    with h5py.File(run(folder, regions())) as file:
        assert len(file["items"]) == 0


@pytest.mark.parametrize(("frame", "place"), [("2", "0,0,3,2"), ("1", "50,0,60,2")])
def test_a_box_outside_of_the_frames_stops_with_a_sentence(tmp_path, frame, place):
    folder = private(tmp_path)
    shard(folder, (1, 1, 40, 50, 0, NATIVE))
    (folder / "1.dcm").write_bytes(b"1")
    drawn(folder, 1, frame, place)
    with pytest.raises(UserError, match=r"item 1: a box lies outside of its frames"):
        run(folder, regions())


def test_a_line_that_may_stay_does_not_where_a_person_drew(tmp_path):
    folder = private(tmp_path)
    shard(folder, (1, 1, 60, 80, 0, NATIVE))
    (folder / "1.dcm").write_bytes(b"1")
    settings = replace(PLAIN, policy="keep")
    line = regions((1, 0, box(20, 20, 30, 8)), kind="marker")
    _, kept, _, masks = kept_in(run(folder, line, settings=settings))
    assert (kept, masks) == ([(1, 0, "marker")], {})
    drawn(folder, 1, "1", "25,22,30,25")
    _, kept, _, masks = kept_in(run(folder, line, settings=settings))
    assert kept == [] and masks[1][0, 20:28, 20:50].all()  # all of it, and not what the box covers
