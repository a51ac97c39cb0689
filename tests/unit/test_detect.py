from collections import defaultdict
from pathlib import Path

import cv2
import h5py
import numpy as np
import pytest
import torch

from unburn import crnn, detect, wording
from unburn.rendering import Style, plant

MODELS = Path(__file__).parents[2] / "resources" / "models"
WEIGHTS, READER = MODELS / "detector.safetensors", MODELS / "lines.safetensors"
SCORE = 0.95
SETTINGS = detect.Settings(0.3, False, 0.5)
NO_HEADERS = defaultdict(lambda: Path("no such file"))


def frame_with(text_lines, shape=(128, 192), seed=0):
    ground = np.random.default_rng(seed).normal(40, 4, shape).clip(0, 255).astype(np.uint8)
    return plant(ground, text_lines)


def covered(regions, shape):
    mask = np.zeros(shape, np.uint8)
    for region in regions:
        cv2.fillPoly(mask, [np.round(region.quad).astype(np.int32)], 1)
    return mask > 0


def maps_with(*boxes, shape=(40, 60)):
    """Maps in which (top, left, rows, columns) are text with a core."""
    maps = np.zeros((2, *shape), np.float32)
    for top, left, rows, columns in boxes:
        maps[0, top : top + rows, left : left + columns] = SCORE
        maps[1, top + 1 : top + rows - 1, left + 1 : left + columns - 1] = 0.9
    return maps


# ------------------------------------------------------------------ regions from maps


def test_a_region_extends_over_the_faint_ends_of_a_line():
    maps = np.zeros((2, 40, 60), np.float32)
    maps[0, 10:16, 5:50] = 0.21
    maps[0, 10:16, 20:30] = 0.9
    maps[1, 12:14, 20:30] = 0.9
    (region,) = detect.find(maps, 0.5)
    mask = covered([region], (80, 120))
    assert mask[20:32, 10:100].all()


def test_a_place_that_never_reaches_the_threshold_is_no_region():
    maps = maps_with((5, 10, 6, 30))
    maps[0, 30:34, 40:44] = 0.49
    assert len(detect.find(maps, 0.5)) == 1
    assert len(detect.find(maps, 0.49)) == 2


def test_regions_cover_all_their_places():
    rng = np.random.default_rng(0)
    maps = rng.random((2, 40, 60)).astype(np.float32) ** 4
    maps[0, 0, 0] = 1
    mask = covered(detect.find(maps, 0.05), (80, 120))
    assert mask[(maps[0] >= 0.05).repeat(2, 0).repeat(2, 1)].all()


def test_quads_are_in_pixels_of_the_picture():
    (region,) = detect.find(maps_with((5, 10, 6, 30)), 0.2)
    assert np.array_equal(region.quad, [[19, 9], [81, 9], [81, 23], [19, 23]])
    assert region.height == 12
    assert region.score == pytest.approx(SCORE)


def test_lines_that_touch_are_told_apart_by_their_cores():
    regions = detect.find(maps_with((4, 5, 6, 40), (10, 5, 6, 40)), 0.2)
    assert len(regions) == 2
    assert all(region.height == 12 for region in regions)


def test_a_place_without_a_core_is_a_region_too():
    maps = maps_with((5, 10, 6, 30))
    maps[1] = 0
    assert len(detect.find(maps, 0.2)) == 1


def test_a_turned_line_gets_a_turned_rectangle():
    maps = np.zeros((2, 80, 80), np.float32)
    corners = cv2.boxPoints(((40, 40), (60, 8), 30)).astype(np.int32)
    for channel in maps:
        cv2.fillPoly(channel, [corners], 0.9)
    (region,) = detect.find(maps, 0.2)
    width, height = (np.hypot(*(region.quad[k] - region.quad[0])) for k in (1, 3))
    assert width == pytest.approx(124, abs=8) and height == pytest.approx(20, abs=5)
    angle = np.degrees(np.arctan2(*(region.quad[1] - region.quad[0])[::-1]))
    assert angle == pytest.approx(30, abs=3)


def test_a_bent_shape_does_not_mask_what_it_encloses():
    maps = np.zeros((2, 100, 100), np.float32)
    cv2.circle(maps[0], (50, 50), 40, 0.9, 3)
    mask = covered(detect.find(maps, 0.2), (200, 200))
    assert not mask[80:120, 80:120].any()
    assert mask[(maps[0] > 0.5).repeat(2, 0).repeat(2, 1)].all()


def test_nothing_above_the_threshold_gives_no_region():
    assert detect.find(np.full((2, 10, 10), 0.19, np.float32), 0.2) == []


# ------------------------------------------------------------------ large pictures


def test_a_reduced_picture_adds_large_lines_and_no_small_or_known_ones():
    large, small, known = (60, 10, 30, 60), (10, 5, 8, 40), (10, 60, 20, 30)
    seen = [
        detect.Seen(1, maps_with((20, 120, 40, 60), shape=(200, 200))),
        detect.Seen(2, maps_with(large, small, known, shape=(100, 100))),
    ]
    regions, suspicion = detect.regions_of(seen, (400, 400), 0.2)
    assert len(regions) == 2
    assert np.array_equal(regions[1].quad, [[38, 238], [282, 238], [282, 362], [38, 362]])
    assert regions[1].height == 120
    assert suspicion == pytest.approx(SCORE)


def test_a_large_line_of_which_a_part_was_found_before_is_covered_whole():
    part, whole = (120, 20, 60, 80), (60, 10, 30, 60)  # two thirds of it
    seen = [
        detect.Seen(1, maps_with(part, shape=(200, 200))),
        detect.Seen(2, maps_with(whole, shape=(100, 100))),
    ]
    regions, _ = detect.regions_of(seen, (400, 400), 0.2)
    assert covered(regions, (400, 400))[240:360, 40:280].all()


def test_a_letter_with_the_wider_rim_of_a_reduced_picture_is_given_once():
    seen = [
        detect.Seen(1, maps_with((50, 50, 30, 30), shape=(200, 200))),
        detect.Seen(4, maps_with((12, 12, 9, 9), shape=(50, 50))),
    ]
    assert len(detect.regions_of(seen, (400, 400), 0.2)[0]) == 1


@pytest.mark.parametrize(("score", "count"), [(0.5, 0), (0.95, 1)])
def test_what_fills_a_small_frame_must_be_sure_to_be_text(score, count):
    maps = maps_with((2, 2, 28, 28), shape=(32, 32)) * (score / SCORE)
    regions, suspicion = detect.regions_of([detect.Seen(1, maps)], (64, 64), 0.2)
    assert len(regions) == count
    assert suspicion == pytest.approx(score)


def test_small_pictures_are_not_reduced(monkeypatch):
    sizes = []

    def maps(network, pair):
        sizes.append(pair.shape[1:])
        return np.zeros((2, 1, 1), np.float32)

    monkeypatch.setattr(detect, "_tiled", maps)
    for shape in ((128, 128), (511, 2000), (512, 652), (1024, 1300)):
        detect.look(
            None, np.arange(np.prod(shape), dtype=np.uint64).astype(np.uint8).reshape(1, *shape)
        )
    assert sizes == [
        *((128, 128), (511, 2000)),
        *((512, 652), (128, 163)),
        *((1024, 1300), (256, 325)),
    ]


@pytest.mark.parametrize(
    ("views", "chosen"),
    [(1, [(0, 0)]), (2, [(0, 1)]), (3, [(0, 1), (2, 2)]), (4, [(0, 1), (2, 3)])],
)
def test_views_are_looked_at_two_by_two(views, chosen):
    pictures = np.stack([np.full((4, 5), number, np.uint8) for number in range(views)])
    assert [tuple(pair[:, 0, 0]) for pair in detect.pairs(pictures)] == chosen


@pytest.mark.parametrize("length", [1, 100, 1280, 1281, 2048, 3001, 4097, 9999])
def test_tiles_give_each_place_of_the_map_once(length):
    seen = np.zeros((length + 1) // 2, int)
    for span in detect._spans(length):
        tile = np.arange(length)[span.seen]
        assert 0 < len(tile) <= detect.TILE + crnn.STRIDE
        assert np.array_equal(tile[::2][span.near] // 2, np.arange(len(seen))[span.to])
        seen[span.to] += 1
    assert (seen == 1).all()


def test_tiled_maps_are_those_of_their_tiles(monkeypatch):
    looked = []

    def half(network, pictures):
        looked.append(pictures.shape)
        rows, columns = pictures.shape[2:]
        padded = np.pad(pictures, ((0, 0), (0, 0), (0, rows % 2), (0, columns % 2)))
        return padded[..., ::2, ::2].astype(np.float32)

    monkeypatch.setattr(detect.crnn, "probabilities", half)
    pair = np.random.default_rng(0).integers(0, 255, (2, 1501, 2303)).astype(np.uint8)
    assert np.array_equal(detect._tiled(None, pair), half(None, pair[None])[0])
    looked.clear()
    pair[:] = 0
    pair[1, 1400, 2200] = 9  # all tiles but one are constant
    assert np.array_equal(detect._tiled(None, pair), half(None, pair[None])[0])
    assert len(looked) == 1 + 1


# ------------------------------------------------------------------ with the shipped weights


@pytest.fixture(scope="module")
def networks():
    torch.set_num_threads(1)
    return detect._networks(WEIGHTS, READER)


@pytest.mark.parametrize(
    "line",
    [
        ("DOE^JANE 1961", 20, 12, Style(size=16, level=220)),
        ("ID 4711-08", 60, 20, Style(size=12, level=150)),
        ("SMITH, TOM", 8, 30, Style(size=18, level=230, angle=90)),
        ("SMITH, TOM", 8, 30, Style(size=18, level=230, angle=270)),
        ("R", 30, 60, Style(size=60, level=240)),
        ("CITY HOSPITAL", 40, 10, Style(size=14, level=0)),
    ],
    ids=["bright", "grey", "upwards", "downwards", "large", "dark"],
)
def test_planted_lines_are_covered(networks, line):
    frame, ink = frame_with([line])
    found = detect.examine(frame[None], *networks, SETTINGS)
    assert covered(found.regions, frame.shape)[ink].mean() > 0.97
    assert found.suspicion > 0.5
    assert all(region.kind in wording.KINDS for region in found.regions)


def test_a_constant_frame_has_no_text_and_no_suspicion(networks):
    found = detect.examine(np.full((2, 64, 64), 7, np.uint8), *networks, SETTINGS)
    assert found == detect.Frame((), 0.0)


def test_a_frame_without_lines_asks_for_no_header(networks, monkeypatch):
    def never():
        raise AssertionError("the header was read")

    monkeypatch.setattr(detect, "regions_of", lambda *_: ([], 0.1))
    picture = np.tile(np.arange(64, dtype=np.uint8), (64, 1))
    assert detect.examine(picture[None], *networks, SETTINGS, never) == detect.Frame((), 0.1)


def test_a_code_is_a_region_that_no_reader_sees(networks, monkeypatch):
    code = cv2.QRCodeEncoder.create().encode("made up")
    frame = np.full((200, 240), 90, np.uint8)
    large = cv2.resize(code, None, fx=3, fy=3, interpolation=cv2.INTER_NEAREST)
    frame[30 : 30 + len(large), 40 : 40 + len(large)] = large
    read = []
    monkeypatch.setattr(detect.reading, "classes", lambda *given: read.extend(given[3]) or [])
    monkeypatch.setattr(detect, "regions_of", lambda *_: ([], 0.1))
    (found,) = detect.examine(frame[None], *networks, SETTINGS).regions
    assert (found.source, found.kind, found.score, found.agreed) == ("code", "code", 1.0, False)
    assert covered([found], frame.shape)[50:90, 60:100].all()
    assert not read


def test_text_that_only_one_view_shows_is_found(networks):
    frame, ink = frame_with([("HIDDEN 42", 20, 20, Style(size=18, level=220))])
    views = np.stack([np.zeros_like(frame), frame])
    found = detect.examine(views, *networks, SETTINGS)
    assert covered(found.regions, frame.shape)[ink].mean() > 0.97


def write_frames(path, frames):
    with h5py.File(path, "w") as file:
        for item, pictures in frames.items():
            file.create_dataset(f"items/{item}", data=pictures)


def test_every_frame_is_examined_and_bytes_do_not_depend_on_processes(tmp_path, networks):
    text, _ = frame_with([("DOE", 20, 20, Style(size=20, level=220))], (64, 96))
    blank = np.zeros_like(text)
    write_frames(
        tmp_path / "frames.h5",
        {2: np.stack([text, blank, text])[:, None], 10: text[None, None], 1: blank[None, None]},
    )
    looker = detect.Looker(WEIGHTS, READER, SETTINGS)
    for threads in (1, 2):
        out = tmp_path / f"{threads}.h5"
        detect.search(tmp_path / "frames.h5", NO_HEADERS, looker, threads, out)
    assert (tmp_path / "1.h5").read_bytes() == (tmp_path / "2.h5").read_bytes()
    with h5py.File(tmp_path / "1.h5") as file:
        examined, regions = file["examined"][:], file["regions"][:]
    assert examined[["item", "frame"]].tolist() == [(1, 0), (2, 0), (2, 1), (2, 2), (10, 0)]
    assert (examined["suspicion"] > 0.5).tolist() == [False, True, False, True, True]
    assert examined["regions"].sum() == len(regions) > 0
    assert set(regions["source"]) == {b"crnn"}
    assert set(regions["item"]) == {2, 10}


def test_equal_frames_are_looked_at_once(tmp_path, monkeypatch):
    write_frames(
        tmp_path / "frames.h5", {1: np.arange(64, dtype=np.uint8).reshape(1, 1, 8, 8).repeat(5, 0)}
    )
    looked = []
    monkeypatch.setattr(detect.Looker, "look", lambda self, pictures, header: looked.append(1))
    (block,) = detect.blocks(tmp_path / "frames.h5", NO_HEADERS)
    assert len(detect.look_at(block, detect.Looker(WEIGHTS, READER, SETTINGS))) == 5
    assert len(looked) == 1


def test_large_items_are_cut_into_blocks(tmp_path, monkeypatch):
    monkeypatch.setattr(detect, "BLOCK_BYTES", 2 * 64)
    write_frames(tmp_path / "frames.h5", {3: np.zeros((5, 1, 8, 8), np.uint8)})
    cut = detect.blocks(tmp_path / "frames.h5", NO_HEADERS)
    cut = [(block.first, block.count) for block in cut]
    assert cut == [(0, 2), (2, 2), (4, 1)]


# ------------------------------------------------------------------ the cross-check


def test_what_tesseract_reads_adds_regions_but_no_text(networks, monkeypatch):
    quad = np.array([[5, 5], [50, 5], [50, 15], [5, 15]], np.float32)

    class Fake:
        def read(self, picture):
            sure, unsure = (detect.readers.Line("SECRET", score, quad) for score in (0.9, 0.3))
            return [sure, unsure]

    monkeypatch.setattr(detect, "_tesseract", Fake)
    picture = np.zeros((64, 64), np.uint8)
    picture[0, 0] = 1
    found = detect.examine(picture[None], *networks, detect.Settings(0.9, True, 0.5))
    extra = [region for region in found.regions if region.source == "tesseract"]
    assert len(extra) == 1
    assert "SECRET" not in repr(found)
