import json

import cv2
import numpy as np
import pydicom
import pytest
from PIL import Image
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian

from unburn import detect, mask_pictures
from unburn.errors import UserError
from unburn.rendering import Style, plant

LOOKER, MASKING = mask_pictures.standard()
SHAPE = (96, 160)


@pytest.fixture(autouse=True)
def in_this_process(monkeypatch):
    """Processes are compared in tests/rules; here they would take seconds each."""

    def in_order(work, tasks, threads, crashed):
        return map(work, tasks)

    monkeypatch.setattr(mask_pictures, "in_order", in_order)


def frame_with(text, ground=None):
    if ground is None:
        ground = np.random.default_rng(0).normal(40, 4, SHAPE).clip(0, 255).astype(np.uint8)
    return plant(ground, [(text, 30, 20, Style(size=20, level=220))])


def run(inputs, out, looker=LOOKER):
    return mask_pictures.folder(inputs, out, 1, looker, MASKING)


def mask_at(path):
    found = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
    assert found.dtype == np.uint8 and set(np.unique(found)) <= {0, 255}
    return found == 255


def write_dicom(path, frames):
    """Frames uint8 or uint16 (frames, rows, columns)."""
    meta = FileMetaDataset()
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    data = Dataset()
    data.file_meta = meta
    data.SOPClassUID, data.SOPInstanceUID = "1.2.840.10008.5.1.4.1.1.7.2", "1.2.3"
    data.NumberOfFrames, data.Rows, data.Columns = frames.shape
    data.SamplesPerPixel, data.PhotometricInterpretation = 1, "MONOCHROME2"
    data.BitsAllocated = data.BitsStored = 8 * frames.itemsize
    data.HighBit, data.PixelRepresentation = data.BitsStored - 1, 0
    data.PixelData = frames.tobytes()
    pydicom.dcmwrite(path, data, enforce_file_format=True)


def test_each_picture_has_a_mask_and_its_regions_without_text(tmp_path):
    frame, ink = frame_with("DOE^JANE")
    (tmp_path / "in" / "a").mkdir(parents=True)
    cv2.imwrite(str(tmp_path / "in" / "a" / "b.png"), frame)
    cv2.imwrite(str(tmp_path / "in" / "c.jpg"), np.zeros((40, 40), np.uint8))
    assert run([tmp_path / "in"], tmp_path / "out") == 0
    found = mask_at(tmp_path / "out" / "a" / "b.mask.png")
    assert found.shape == frame.shape and found[ink].mean() > 0.99
    assert not mask_at(tmp_path / "out" / "c.mask.png").any()
    text = (tmp_path / "out" / "regions.json").read_text()
    listed = json.loads(text)
    assert listed["c"] == [{"suspicion": 0.0, "regions": []}]
    (region,) = listed["a/b"][0]["regions"]
    left, top, right, bottom = region["box"]
    rows, columns = np.nonzero(ink)
    assert left <= columns.min() and columns.max() < right
    assert top <= rows.min() and rows.max() < bottom
    assert region["orientation"] == 0 and 0.3 <= region["score"] <= 1
    assert set(region) == {
        "box", "quad", "orientation", "height", "score", "source", "kind"
    }  # fmt: skip
    assert "DOE" not in text


@pytest.mark.parametrize("turn, expected", [(0, 0), (1, 90), (30, 30), (-30, -30), (89.9, 90)])
def test_orientation_is_that_of_the_longer_side_counter_clockwise(turn, expected):
    turn = 90 * turn if abs(turn) == 1 else turn
    quad = cv2.boxPoints(((50, 50), (60, 10), -turn))  # OpenCV turns clockwise
    assert mask_pictures.orientation(detect._ordered(quad)) == pytest.approx(expected, abs=0.2)


def test_frames_of_one_file_get_numbered_masks(tmp_path):
    frame, ink = frame_with("A1 77")
    blank = np.zeros_like(frame)
    cv2.imwritemulti(str(tmp_path / "cine.tif"), [frame, blank])
    write_dicom(tmp_path / "IM1", np.stack([blank, frame]))
    assert run([tmp_path / "cine.tif", tmp_path / "IM1"], tmp_path / "out") == 0
    names = sorted(path.name for path in (tmp_path / "out").iterdir())
    assert names == [
        "IM1.f0001.mask.png", "IM1.f0002.mask.png",
        "cine.f0001.mask.png", "cine.f0002.mask.png", "regions.json",
    ]  # fmt: skip
    for name, empty in (("cine.f0001", False), ("IM1.f0001", True)):
        found = mask_at(tmp_path / "out" / f"{name}.mask.png")
        assert not found.any() if empty else found[ink].all()


def test_text_is_found_at_16_bits_and_in_dicom_without_suffix(tmp_path):
    frame, ink = frame_with("ID 4711")
    deep = frame.astype(np.uint16) * 16 + 1000
    cv2.imwrite(str(tmp_path / "deep.png"), deep)
    write_dicom(tmp_path / "1.2.840.77", deep[None])
    assert run([tmp_path], tmp_path / "out") == 0
    for name in ("deep", "1.2.840.77"):
        assert mask_at(tmp_path / "out" / f"{name}.mask.png")[ink].mean() > 0.99


def test_text_in_the_transparency_is_found(tmp_path):
    frame, ink = frame_with("DOE^JANE")
    hidden = np.dstack([np.zeros((*SHAPE, 3), np.uint8), frame])
    cv2.imwrite(str(tmp_path / "hidden.png"), hidden)
    beneath = np.dstack([frame, frame, frame, np.zeros(SHAPE, np.uint8)])
    cv2.imwrite(str(tmp_path / "beneath.png"), beneath)
    assert run([tmp_path], tmp_path / "out") == 0
    for name in ("hidden", "beneath"):
        assert mask_at(tmp_path / "out" / f"{name}.mask.png")[ink].mean() > 0.99


def test_the_mask_lies_in_the_stored_matrix_whatever_the_orientation_tag_says(tmp_path):
    frame, ink = frame_with("DOE^JANE")
    picture = Image.fromarray(np.rot90(frame))
    tags = picture.getexif()
    tags[0x0112] = 6
    picture.save(tmp_path / "turned.jpg", exif=tags, quality=95)
    assert run([tmp_path / "turned.jpg"], tmp_path / "out") == 0
    found = mask_at(tmp_path / "out" / "turned.mask.png")
    assert found.shape == (SHAPE[1], SHAPE[0])
    assert found[np.rot90(ink)].mean() > 0.99


def test_masks_of_jpeg_consist_of_its_blocks(tmp_path):
    frame, _ = frame_with("DOE^JANE")
    cv2.imwrite(str(tmp_path / "x.jpg"), frame)
    run([tmp_path / "x.jpg"], tmp_path / "out")
    blocks = mask_at(tmp_path / "out" / "x.mask.png").reshape(12, 8, 20, 8)
    assert blocks.any() and (blocks.all((1, 3)) == blocks.any((1, 3))).all()


@pytest.mark.parametrize(
    "name, options",
    [
        ("x.tif", {"compression": "jpeg", "quality": 60}),
        ("x.webp", {"quality": 60}),
        ("x.jp2", {"quality_mode": "rates", "quality_layers": [20]}),
    ],
)
def test_masks_of_other_lossy_pictures_cover_traces_too(tmp_path, name, options):
    frame, _ = frame_with("DOE^JANE", np.full(SHAPE, 40, np.uint8))
    Image.fromarray(frame).save(tmp_path / name, **options)
    Image.fromarray(frame).save(tmp_path / "exact.tif", compression="tiff_lzw")
    run([tmp_path / name, tmp_path / "exact.tif"], tmp_path / "out")
    exact = mask_at(tmp_path / "out" / "exact.mask.png")
    lossy = mask_at(next((tmp_path / "out").glob("x.*mask.png")))
    with Image.open(tmp_path / name) as picture:
        traces = np.abs(np.asarray(picture.convert("L")).astype(int) - 40) > 2
    assert traces[exact].any() and not traces[~lossy].any()
    assert lossy.sum() > 1.1 * exact.sum()


@pytest.mark.parametrize("shape", [(1, 1), (1, 700), (3, 2), (1500, 2)])
def test_the_smallest_pictures_have_masks(tmp_path, shape):
    stored = (np.arange(np.prod(shape)) % 200).astype(np.uint8).reshape(shape)
    cv2.imwrite(str(tmp_path / "x.png"), stored)
    assert run([tmp_path / "x.png"], tmp_path / "out") == 0
    assert mask_at(tmp_path / "out" / "x.mask.png").shape == shape


def test_what_cannot_be_read_gets_a_sentence_and_the_others_go_on(tmp_path, caplog):
    caplog.set_level("INFO")
    frame, _ = frame_with("A1")
    folder = tmp_path / "in"
    folder.mkdir()
    cv2.imwrite(str(folder / "good.png"), frame)
    cv2.imwrite(str(folder / "cut.png"), frame)
    (folder / "cut.png").write_bytes((folder / "cut.png").read_bytes()[:999])
    cv2.imwrite(str(folder / "float.tif"), frame.astype(np.float32))
    (folder / "random.dcm").write_bytes(np.random.default_rng(1).bytes(3000))
    (folder / "note.txt").write_text("no picture")
    write_dicom(folder / "short", frame[None])
    (folder / "short").write_bytes((folder / "short").read_bytes()[:-999])
    assert run([folder], tmp_path / "out") == 4
    for sentence in (
        "cut.png: The pixels could not be decoded",
        "float.tif: its pixels are not whole numbers of 8 or 16 bits",
        "random.dcm: Its name or first bytes promise an image, but it cannot be read",
        "short: The pixels could not be decoded",
        "note.txt: neither a picture nor a DICOM image",
        "1 frames of 1 files looked at, 4 files not read",
    ):
        assert sentence in caplog.text
    assert {path.name for path in (tmp_path / "out").iterdir()} == {"good.mask.png", "regions.json"}
    assert list(json.loads((tmp_path / "out" / "regions.json").read_text())) == ["good"]


def test_a_file_that_was_named_must_be_a_picture(tmp_path, caplog):
    (tmp_path / "note.txt").write_text("no picture")
    assert run([tmp_path], tmp_path / "out") == 0
    assert run([tmp_path / "note.txt"], tmp_path / "out") == 1


@pytest.mark.parametrize("ends", ["breaks off", "ends its process"])
def test_no_mask_is_left_of_a_file_that_is_not_read_to_its_end(tmp_path, monkeypatch, ends):
    frame, _ = frame_with("A1")
    cv2.imwritemulti(str(tmp_path / "[1].tif"), [frame, frame[::-1]])
    cv2.imwrite(str(tmp_path / "[1].a.png"), frame)
    pages = mask_pictures.pictures.frames

    def breaks_off(path):
        yield next(pages(path))
        if path.suffix == ".tif":
            raise mask_pictures.ItemError("undecodable") if ends == "breaks off" else SystemExit

    def in_order(work, tasks, threads, crashed):
        for task in tasks:
            try:
                yield work(task)
            except SystemExit:
                yield crashed(task)

    monkeypatch.setattr(mask_pictures.pictures, "frames", breaks_off)
    monkeypatch.setattr(mask_pictures, "in_order", in_order)
    assert run([tmp_path], tmp_path / "out") == 1
    left = sorted(path.name for path in (tmp_path / "out").iterdir())
    assert left == ["[1].a.mask.png", "regions.json"]


def test_missing_weights_stop_before_any_work(tmp_path):
    cv2.imwrite(str(tmp_path / "x.png"), np.zeros((8, 8), np.uint8))
    looker = detect.Looker(tmp_path / "none.safetensors", LOOKER.reader_weights, LOOKER.settings)
    with pytest.raises(UserError, match="weights are missing"):
        run([tmp_path / "x.png"], tmp_path / "out", looker)
    assert not (tmp_path / "out").exists()
