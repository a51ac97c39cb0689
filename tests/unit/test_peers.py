import json
import shutil
import sys
from pathlib import Path

import pytest
from pydicom.data import get_testdata_file

from unburn import answer_key, answer_kinds, canaries, peers
from unburn.metadata import quiet


@pytest.fixture
def key(tmp_path, monkeypatch):
    monkeypatch.setattr(answer_key, "KINDS", answer_kinds.KINDS[:1])
    answer_key.write(4, tmp_path / "key")
    return tmp_path / "key"


def copies(python, name, source, out, repeats):
    """A stand-in of ``peers.run``: one program changes nothing, the other fails on every file."""
    files = sorted(path.name for path in source.iterdir())
    out.mkdir(parents=True)
    if name == "dicognito":
        return {"version": "2", "files": len(files), "failed": files, "seconds": {"clean": 0.0}}
    shutil.copytree(source, out, dirs_exist_ok=True)
    seconds = {"clean": 0.5, "all": 1.0}
    return {"version": "1", "files": len(files), "failed": [], "seconds": seconds}


def test_every_program_is_given_the_same_files(key, tmp_path, monkeypatch):
    monkeypatch.setattr(peers, "run", copies)
    (tmp_path / "venvs" / "dicognito" / "bin").mkdir(parents=True)
    (tmp_path / "venvs" / "dicognito" / "bin" / "python").touch()
    folder = tmp_path / "folder"
    folder.mkdir()
    for name in ("CT_small.dcm", "MR_small.dcm"):
        shutil.copy(get_testdata_file(name), folder)
    (folder / "note.txt").write_text("no DICOM")
    peers.compare(key, {"some": folder}, tmp_path / "venvs", tmp_path)
    about = json.loads((tmp_path / "peers.json").read_text())
    assert about["unburn"]["times"] == {"some": {"files": 2, "clean": 0.5, "all": 1.0}}
    assert about["dicognito"]["times"]["some"]["files"] == 0
    assert about["dicognito"]["failed"] == {"canaries": 2, "key": 1, "headers of some": 2}
    facts = (tmp_path / "peers_answers.csv").read_text()
    assert "unburn,UID changed,0,4" in facts and "dicognito,UID changed,0,0" in facts
    rows = (tmp_path / "peers_canaries.csv").read_text()
    assert "unburn,,top,00100010,Patient's Name,PN,left" in rows and "dicognito" not in rows


def test_programs_that_are_not_installed_are_left_out(tmp_path):
    assert peers.interpreters(tmp_path) == {"unburn": Path(sys.executable)}


def test_ours_is_run_as_the_others_are(tmp_path):
    source = tmp_path / "in"
    source.mkdir()
    with quiet():
        for depth in (canaries.TOP, canaries.NESTED):
            canaries.planted(depth, True).save_as(source / f"{depth}.dcm")
    (source / "broken.dcm").write_bytes(b"no DICOM")
    said = peers.run(Path(sys.executable), "unburn", source, tmp_path / "out", 1)
    assert said["files"] == 3 and said["failed"] == ["broken.dcm"]
    assert 0 < said["seconds"]["clean"] < said["seconds"]["all"]
    rows = list(peers.of_canaries("unburn", tmp_path / "out"))
    assert rows and not [row for row in rows if row["outcome"] == canaries.LEFT]


def test_a_program_that_does_not_start_cleans_nothing(tmp_path):
    broken = tmp_path / "python"
    broken.write_text("#!/bin/sh\nexit 1\n")
    broken.chmod(0o755)
    said = peers.run(broken, "deid", tmp_path, tmp_path / "out", 1)
    assert said["files"] == 0 and said["version"] == ""
