import json
import sys
from pathlib import Path

import pytest
from pydicom.data import get_testdata_file

from unburn import answer_key, answer_kinds, canaries, peers
from unburn.metadata import quiet

KEEP = "def clean(dataset):\n    return dataset\n"
CRASH = "def clean(dataset):\n    raise ValueError\n"


@pytest.fixture
def key(tmp_path, monkeypatch):
    monkeypatch.setattr(answer_key, "KINDS", answer_kinds.KINDS[:1])
    answer_key.write(4, tmp_path / "key")
    return tmp_path / "key"


def test_every_program_cleans_the_same_files(key, tmp_path, monkeypatch):
    monkeypatch.setattr(peers, "REPEATS", 1)
    # a package that is installed beside this Python stands for each of the others
    monkeypatch.setattr(peers, "CLEANERS", {"unburn": KEEP, "pydicom": KEEP, "numpy": CRASH})
    for name in ("pydicom", "numpy"):
        (tmp_path / "venvs" / name / "bin").mkdir(parents=True)
        python = tmp_path / "venvs" / name / "bin" / "python"
        python.write_text(f'#!/bin/sh\nexec "{sys.executable}" "$@"\n')
        python.chmod(0o755)
    folder = tmp_path / "folder"
    folder.mkdir()
    for name in ("CT_small.dcm", "MR_small.dcm"):
        with open(get_testdata_file(name), "rb") as file:
            (folder / name).write_bytes(file.read())
    (folder / "note.txt").write_text("no DICOM")
    peers.compare(key, {"some": folder}, tmp_path / "venvs", tmp_path)
    about = json.loads((tmp_path / "peers.json").read_text())
    times = {name: one["times"]["some"] for name, one in about.items()}
    assert times["pydicom"]["files"] == times["unburn"]["files"] == 2
    assert about["numpy"]["failed"] == {"canaries": 2, "key": 1, "headers of some": 2}
    assert times["pydicom"]["clean"] < times["pydicom"]["all"]
    facts = (tmp_path / "peers_answers.csv").read_text()
    assert "pydicom,UID changed,0,4" in facts and "numpy,UID changed,0,0" in facts
    assert "left" in (tmp_path / "peers_canaries.csv").read_text()


def test_programs_that_are_not_installed_are_left_out(tmp_path):
    assert peers.interpreters(tmp_path) == {"unburn": Path(sys.executable)}


def test_ours_handles_the_canaries_of_files(tmp_path):
    source = tmp_path / "in"
    source.mkdir()
    for depth in (canaries.TOP, canaries.NESTED):
        with quiet():
            canaries.planted(depth, True).save_as(source / f"{depth}.dcm")
    said = peers.run(Path(sys.executable), "unburn", source, tmp_path / "out", 1)
    assert said["files"] == 2 and said["failed"] == []
    rows = list(peers.of_canaries("unburn", tmp_path / "out"))
    assert rows and not [row for row in rows if row["outcome"] == canaries.LEFT]
