"""What the policy lets stay, from files to released files, with the real stages and readers.

The line reader is stood in for by RapidOCR's, so that nothing hangs on its weights.
"""

import cv2
import h5py
import numpy as np
import pydicom
import pytest
from test_promises import NAMES, Run, image, with_name
from test_promises import scene as tissue

from runs import REPO
from unburn import detect, readers, reading, tables
from unburn.ledger import records
from unburn.pixels import StoredFrames

MODELS = REPO / "resources" / "models"
# text: left and baseline
HARMLESS = {"R": (20, 40), "120 kV": (20, 90), "12.5 mm": (20, 140)}
DESCRIBED = {"CHEST": (300, 40)}
PERSONAL = {"DOE JANE": (20, 190), "12.03.1970": (20, 240), "MUELLER": (300, 140)}
PERSONAL |= {"AP DOE": (300, 90), "47110815": (300, 190), "047Y": (300, 240)}
EVERYTHING = HARMLESS | DESCRIBED | PERSONAL
FONT = (cv2.FONT_HERSHEY_SIMPLEX, 0.7, 235, 2, cv2.LINE_AA)


def scene(lines, seed=0):
    picture = np.random.default_rng(seed).normal(25, 3, (264, 520)).clip(0, 255).astype(np.uint8)
    for text, place in lines.items():
        cv2.putText(picture, text, place, *FONT)
    return picture


def ink(text):
    """Where a text's pixels are, bool (rows, columns)."""
    picture = np.zeros((264, 520), np.uint8)
    cv2.putText(picture, text, EVERYTHING[text], *FONT)
    return picture > 60


def cleaned(run):
    """Run all stages; returns how files ended, and each text that is whole in each output."""
    run.decode()
    run.stage(
        detect,
        "detect",
        **{"shard": run.shard, "frames": run.frames, "out": run.regions},
        **{"weights": MODELS / "detector.safetensors"},
        **{"reader-weights": MODELS / "lines.safetensors"},
    )
    run.clean()
    run.check()
    ends = run.release()
    whole = {}
    ledger = {row.input: row.output for row in tables.read(run.work / "ledger.tsv").itertuples()}
    for name, output in ledger.items():
        if not output:
            continue
        with StoredFrames(run.results / output) as now, StoredFrames(name) as before:
            equal = now[0] == before[0]
        whole[run.data / name] = {text for text in EVERYTHING if equal[ink(text)].all()}
        partly = {text for text in EVERYTHING if equal[ink(text)].mean() > 0.2}
        assert partly == whole[run.data / name]  # what goes, goes whole
    return ends, {path.name: texts for path, texts in whole.items()}


@pytest.fixture
def two_readers(monkeypatch):
    second = readers.Recogniser()

    def first(network, picture, quads):
        return [second.read_line(picture, quad) for quad in quads]

    monkeypatch.setattr(reading, "first_readings", first)


@pytest.fixture
def lab(tmp_path, two_readers):
    """Two images with the same text; the header of the second names nobody."""

    def made(policy):
        run = Run(tmp_path / policy, mask={"policy": policy})
        for number in (1, 2):
            path = run.data / f"{number}.dcm"
            image(path, scene(EVERYTHING, number), number)
            dataset = pydicom.dcmread(path)
            dataset.PatientBirthDate, dataset.StudyDate = "19700312", "20170401"
            dataset.SeriesInstanceUID = f"1.2.3.{number}"
            if number == 2:
                dataset.PatientName, dataset.PatientID = "Anonymous", ""
            dataset.save_as(path)
        return run

    return made


def markers(run):
    return [row["markers"] for row in records(run.results / "released.tsv") if row["markers"]]


@pytest.mark.parametrize(
    ("policy", "named", "nameless"),
    [
        ("keep", set(HARMLESS), set(HARMLESS)),
        ("phi", {*HARMLESS, *DESCRIBED}, set()),
    ],
)
def test_only_what_the_policy_lets_stay_is_released(lab, policy, named, nameless):
    run = lab(policy)
    ends, whole = cleaned(run)
    assert ends == {"1.dcm": "released", "2.dcm": "released"}
    assert whole == {"1.dcm": named, "2.dcm": nameless}
    assert markers(run) == ["R", "R"]
    for file in (run.results / "released.tsv", run.regions, run.masks):
        data = file.read_bytes()
        assert not any(text.encode() in data for text in (*PERSONAL, "120 kV", "CHEST"))


@pytest.mark.parametrize("name", NAMES)
def test_a_name_that_was_taken_for_a_marker_is_held(tmp_path, name):
    """Both readers of `detect` were wrong, so the gate's reading decides."""
    run = Run(tmp_path / "run", mask={"policy": "keep"})
    image(run.data / "1.dcm", with_name(tissue(), name))
    run.look()
    with h5py.File(run.regions, "r+") as file:
        regions = file["regions"][:]
        regions["kind"], regions["agreed"] = b"marker", True
        file["regions"][:] = regions
    run.clean()
    run.check()
    assert run.release() == {"1.dcm": "residual_text"}
