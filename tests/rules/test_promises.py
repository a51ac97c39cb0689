"""What several stages promise together: from a folder to a ledger on made images, in seconds.

What `detect` would find is written by hand, so that nothing hangs on its weights.
"""

import logging
import shutil
import socket
from pathlib import Path

import cv2
import h5py
import numpy as np
import pydicom
import pytest
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.encaps import encapsulate
from pydicom.uid import ExplicitVRLittleEndian, JPEGBaseline8Bit, UltrasoundImageStorage

from runs import tree
from unburn import (
    crop,
    detect,
    frames,
    gate,
    inpaint,
    keys,
    mask,
    plan,
    reassemble,
    release,
    settings,
    submissions,
    tables,
)
from unburn.detect import EXAMINED, REGION
from unburn.errors import UserError
from unburn.readers import Line

NAMES = ("DOE JANE 1957", "ROE MAX 23-11")
PLACES = ((21, 47), (277, 47))  # left and top of a name: on empty ground and on tissue
WIDTH, HEIGHT = 108, 11  # of the ink of either name; its blocks of a JPEG reach 7 px above it


def scene(colour=False):
    """Tissue with texture beside empty ground: masks are painted there and filled flat here."""
    tissue = cv2.GaussianBlur(np.random.default_rng(5).normal(0, 1, (96, 480)), (0, 0), 1.5)
    picture = np.clip(110 + 60 * tissue / tissue.std(), 0, 255).astype(np.uint8)
    picture[:, :240] = 0
    return np.dstack([picture, picture // 2, picture // 3]) if colour else picture


def with_name(picture, name):
    """The scene with a name written at both places; coloured where the scene is."""
    picture = picture.copy()
    ink = (40, 230, 250) if picture.ndim == 3 else 250
    for left, top in PLACES:
        at = (left - 1, top + HEIGHT)
        cv2.putText(picture, name, at, cv2.FONT_HERSHEY_SIMPLEX, 0.5, ink, 1)
    return picture


def image(path, picture, number=1, lossy=False):
    """Write an ultrasound image, stored as it is or as baseline JPEG."""
    dataset = Dataset()
    dataset.file_meta = FileMetaDataset()
    dataset.SOPClassUID, dataset.SOPInstanceUID = UltrasoundImageStorage, f"1.2.3.4.{number}"
    dataset.StudyInstanceUID, dataset.SeriesInstanceUID = "1.2.3", "1.2.3.1"
    dataset.PatientName, dataset.PatientID, dataset.Modality = "Doe^Jane", "4711-0815", "US"
    dataset.Rows, dataset.Columns = picture.shape[:2]
    dataset.SamplesPerPixel, dataset.PhotometricInterpretation = 1, "MONOCHROME2"
    if picture.ndim == 3:
        dataset.SamplesPerPixel, dataset.PlanarConfiguration = 3, 0
        dataset.PhotometricInterpretation = "YBR_FULL_422" if lossy else "RGB"
    dataset.BitsAllocated, dataset.BitsStored, dataset.HighBit = 8, 8, 7
    dataset.PixelRepresentation = 0
    dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    dataset.PixelData = picture.tobytes()
    if lossy:
        dataset.file_meta.TransferSyntaxUID = JPEGBaseline8Bit
        dataset.LossyImageCompression = "01"
        encoded = cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, 70])[1]
        dataset.PixelData = encapsulate([encoded.tobytes()])
    dataset["PixelData"].VR = "OB"
    pydicom.dcmwrite(path, dataset, enforce_file_format=True)


class Run:
    """A submission and what becomes of it; the stages are called as their rules call them."""

    def __init__(self, folder: Path, **config):
        self.config = config
        self.folder, self.work = folder, folder / "work" / "lab"
        self.data, self.results = folder / "DOE JANE 1957", folder / "results" / "lab"
        self.data.mkdir(parents=True, exist_ok=True)
        self.sheet = folder / "sheet.tsv"
        self.sheet.write_text(f"submission\tpath\nlab\t{self.data}\n")
        self.key = folder / "unburn.key"
        if not self.key.exists():
            keys.new(self.key)
        self.shard = self.work / "shards" / "00000.tsv"

    def __getattr__(self, name):
        """A file of the shard: `masks` is masks.h5."""
        return self.work / "00000" / f"{name}.h5"

    @property
    def table(self):
        return self.work / "00000" / "candidates.tsv"

    @property
    def verdicts(self):
        return self.work / "00000" / "verdicts.tsv"

    def stage(self, module, section="", *more, **options):
        """Call a stage on one process; settings come from the schema."""
        if section:
            known = settings.load({"sheet": str(self.sheet), **self.config}, [])
            options["settings"] = submissions.section(known, "lab", section, more)
            if module is gate:
                options["metadata"] = submissions.section(known, "lab", "metadata")
        arguments = []
        for name, value in options.items():
            arguments += [f"--{name}", str(value)]
        module.main(arguments)

    def decode(self):
        """Plan and decode."""
        self.stage(
            plan,
            "plan",
            **{"sheet": self.sheet, "submission": "lab", "key": self.key},
            **{"inventory": self.work / "inventory.tsv", "shards": self.shard.parent},
        )
        self.stage(frames, shard=self.shard, out=self.frames)

    def look(self, places=PLACES, unseen=()):
        """Plan, decode, and write what a detector could find: a line at each of the places.

        ``unseen`` items are missing from its list of frames that it looked at.
        """
        self.decode()
        with h5py.File(self.frames) as file:
            items = [int(item) for item in file["items"] if int(item) not in unseen]
        quads = [
            [(x, y), (x + WIDTH, y), (x + WIDTH, y + HEIGHT), (x, y + HEIGHT)] for x, y in places
        ]
        unagreed = (0.9, HEIGHT, b"crnn", b"text", False, b"")
        found = [(k, 0, quad, *unagreed) for k in items for quad in quads]
        with h5py.File(self.regions, "w") as file:
            file["regions"] = np.array(found, REGION)
            file["examined"] = np.array([(k, 0, 0.9, len(quads), True) for k in items], EXAMINED)

    def clean(self):
        """From regions to candidates."""
        looked = {"shard": self.shard, "frames": self.frames, "regions": self.regions}
        cut = {"fills": self.fills, "crops": self.crops}
        self.stage(mask, "mask", **looked, out=self.masks)
        self.stage(crop, "inpaint", "seed", shard=self.shard, masks=self.masks, **cut)
        self.stage(inpaint, "inpaint", "seed", crops=self.crops, out=self.painted)
        self.stage(
            reassemble,
            "metadata",
            **{"shard": self.shard, "regions": self.regions},
            **{"masks": self.masks, "fills": self.fills, "painted": self.painted},
            **{"key": self.key, "project": "lab", "table": self.table},
            **{"candidates": self.table.with_suffix(""), "uids": self.work / "00000" / "uids.tsv"},
        )

    def check(self):
        """The gate's verdicts."""
        self.stage(
            gate,
            "gate",
            "seed",
            **{"shard": self.shard, "regions": self.regions, "masks": self.masks},
            **{"table": self.table, "candidates": self.table.with_suffix(""), "out": self.verdicts},
        )

    def release(self):
        """Release; returns how each input file ended."""
        self.stage(
            release,
            "gate",
            **{"submission": "lab", "inventory": self.work / "inventory.tsv", "work": self.work},
            **{"results": self.results, "project": "lab", "threads": 1},
            **{"key": self.key, "key-mode": "keyed"},
        )
        ledger = tables.read(self.work / "ledger.tsv")
        assert {self.results / name for name in ledger.output if name} == self.handed_out()
        return {Path(row.input).name: row.reason_code or row.status for row in ledger.itertuples()}

    def handed_out(self):
        """The objects among the results."""
        return set((self.results / "dicom").rglob("*.dcm"))


class Blind:
    """A reader that sees no text."""

    def read(self, picture):
        return []


class Sharp:
    """A reader that reads a line in every picture."""

    def read(self, picture):
        quad = np.array([(10, 10), (90, 10), (90, 20), (10, 20)], np.float32)
        return [Line("DOE JANE 4711-0815", 0.99, quad)]


class Broken:
    """A reader that fails."""

    def read(self, picture):
        raise RuntimeError("the reader broke")


@pytest.fixture
def reader(monkeypatch):
    """Set the gate's reader; it is one that sees nothing until a test says otherwise."""

    def use(kind):
        monkeypatch.setitem(gate.READERS, "rapidocr", kind)
        gate._reader.cache_clear()

    use(Blind)
    yield use
    gate._reader.cache_clear()


@pytest.fixture
def lab(tmp_path):
    """Two images with a name."""
    run = Run(tmp_path / "run")
    for number, name in enumerate(NAMES, start=1):
        image(run.data / f"{number}.dcm", with_name(scene(), name), number)
    return run


# --- 1 conservation, and 2 closed by default


def test_clean_images_are_released(lab, reader):
    lab.look()
    lab.clean()
    lab.check()
    assert lab.release() == {"1.dcm": "released", "2.dcm": "released"}


def test_a_file_that_cannot_be_read_is_held_and_stops_no_other(lab, reader):
    broken = lab.data / "2.dcm"
    broken.write_bytes(broken.read_bytes()[:-5000])
    broken.with_name("note.txt").write_text("call DOE JANE")
    lab.look()
    lab.clean()
    lab.check()
    ended = lab.release()
    assert ended == {"1.dcm": "released", "2.dcm": "undecodable", "note.txt": "not_an_image"}


def test_an_image_that_the_detector_did_not_look_at_is_held(lab, reader):
    lab.look(unseen={2})
    lab.clean()
    lab.check()
    assert lab.release() == {"1.dcm": "released", "2.dcm": "not_examined"}


def test_a_reader_that_fails_holds_what_it_should_have_read(lab, reader):
    (lab.data / "2.dcm").unlink()  # of a single frame there are no pictures of its series
    reader(Broken)
    lab.look()
    lab.clean()
    lab.check()
    assert lab.release() == {"1.dcm": "gate_failed"}


def test_what_the_gate_reads_text_in_is_held(lab, reader):
    reader(Sharp)
    lab.look()
    lab.clean()
    lab.check()
    assert set(lab.release().values()) == {"residual_identifier"}
    assert not lab.handed_out()


def test_an_image_without_a_verdict_is_held(lab, reader):
    lab.look()
    lab.clean()
    lab.check()
    lines = lab.verdicts.read_text().splitlines(keepends=True)
    lab.verdicts.write_text("".join(lines[:-1]))
    assert lab.release() == {"1.dcm": "released", "2.dcm": "gate_failed"}


# --- 3 pixels outside the mask are equal


@pytest.mark.parametrize("lossy", [False, True], ids=["lossless", "jpeg"])
def test_an_image_without_a_mask_keeps_its_pixel_bytes(tmp_path, lossy):
    run = Run(tmp_path / "run")
    image(run.data / "1.dcm", scene(), lossy=lossy)
    run.look(places=())
    run.clean()
    before, after = (
        pydicom.dcmread(path)
        for path in (run.data / "1.dcm", run.table.parent / "candidates/1.dcm")
    )
    assert before.file_meta.TransferSyntaxUID == after.file_meta.TransferSyntaxUID
    assert before.PixelData == after.PixelData and "Doe" not in str(after)


# --- 4 what is painted does not depend on what was hidden


@pytest.mark.parametrize("lossy", [False, True], ids=["lossless", "jpeg"])
@pytest.mark.parametrize("colour", [False, True], ids=["grey", "colour"])
def test_two_inputs_that_differ_under_the_mask_become_the_same_file(tmp_path, colour, lossy):
    pictures = [with_name(scene(colour), name) for name in NAMES]
    assert (pictures[0] != pictures[1]).sum() > 100
    made = []
    for number, picture in enumerate(pictures):
        folder = tmp_path / str(number)
        if made:
            folder.mkdir()
            shutil.copy(tmp_path / "0" / "unburn.key", folder)
        run = Run(folder)
        image(run.data / "1.dcm", picture, lossy=lossy)
        run.look()
        run.clean()
        (row,) = tables.read(run.table).to_dict("records")
        assert (row["status"], row["outside_differing"]) == ("candidate", "0")
        assert int(row["flat_pixels"]) and int(row["painted_pixels"])
        made.append((run.table.with_suffix("") / row["file"]).read_bytes())
    assert made[0] == made[1]


def test_what_is_cut_out_for_painting_holds_nothing_of_what_was_hidden(lab):
    lab.look()
    lab.clean()
    with h5py.File(lab.masks) as masks:
        assert np.array_equal(masks["items/1"], masks["items/2"])
    for file in (lab.fills, lab.crops):
        with h5py.File(file) as archive:
            table = archive["patches"][:]
        first, second = (table[table["item"] == item] for item in (1, 2))
        # Equal contents are stored once: both images name the same ones.
        assert len(first) and np.array_equal(first["index"], second["index"])


# --- 5 nothing identifying leaves work/


@pytest.mark.parametrize("kind", [Blind, Sharp, Broken])
def test_neither_log_nor_result_names_the_patient(lab, reader, caplog, kind):
    caplog.set_level(logging.DEBUG)
    reader(kind)
    (lab.data / "JANE broken.dcm").write_bytes((lab.data / "1.dcm").read_bytes()[:-5000])
    lab.look()
    lab.clean()
    lab.check()
    lab.release()
    there = tree(lab.results)
    texts = [caplog.text, *there, *(data.decode("latin-1") for data in there.values())]
    assert len(there) >= 2 and len(caplog.messages) > 5
    for text in texts:
        for name in ("doe", "jane", "4711", "1.2.3.4", str(lab.folder).casefold()):
            assert name not in text.casefold(), name


# --- 7 a killed job leaves nothing that looks finished


def test_a_release_that_breaks_off_leaves_no_table_of_what_is_released(lab, reader, monkeypatch):
    lab.look()
    lab.clean()
    lab.check()
    lab.release()
    assert (lab.results / "released.tsv").is_file()

    def full(*_):
        raise OSError("no space left")

    monkeypatch.setattr(release, "place", full)
    with pytest.raises(OSError, match="no space left"):
        lab.release()
    assert not (lab.results / "released.tsv").exists()


# --- 9 no job needs the network


def test_no_stage_opens_a_connection(lab, monkeypatch):
    def refused(*_):
        raise AssertionError("a connection was opened")

    for name in ("connect", "connect_ex"):
        monkeypatch.setattr(socket.socket, name, refused)
    monkeypatch.setattr(socket, "getaddrinfo", refused)
    gate._reader.cache_clear()
    lab.look()
    known = settings.load({"sheet": str(lab.sheet)}, []).config["detect"]
    lab.stage(
        detect,
        "detect",
        **{"shard": lab.shard, "frames": lab.frames, "out": lab.work / "found.h5"},
        **{"weights": known["weights"], "reader-weights": known["reader_weights"]},
    )
    with h5py.File(lab.work / "found.h5") as file:
        assert len(file["examined"]) == 2
    lab.clean()
    lab.check()
    assert "gate_failed" not in lab.release().values()


# --- 10 keys are handled as keys


def test_another_key_than_the_ledgers_releases_nothing(lab, reader):
    lab.look()
    lab.clean()
    lab.check()
    lab.release()
    before = lab.handed_out()
    lab.key.unlink()
    with pytest.raises(UserError, match="-m unburn key new"):
        lab.clean()
    keys.new(lab.key)
    with pytest.raises(UserError, match="its ledger was made with another key"):
        lab.release()
    assert lab.handed_out() == before
