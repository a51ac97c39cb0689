import errno

import pytest

from unburn import takeover
from unburn.errors import UserError
from unburn.files import replacing, temporary


@pytest.fixture
def run(tmp_path, monkeypatch):
    work, results = tmp_path / "work", tmp_path / "results"
    for folder in (work / "lab" / "00000", results / "lab"):
        folder.mkdir(parents=True)

    def start():
        token = takeover.claim(work, results, ["lab", "other"])
        monkeypatch.setenv(takeover.VARIABLE, token)
        return token

    return tmp_path, start


def test_the_latest_start_may_write(run):
    tmp_path, start = run
    start()
    with replacing(tmp_path / "out.txt") as tmp:
        tmp.write_text("new")
    assert (tmp_path / "out.txt").read_text() == "new"


def test_a_job_of_a_former_start_replaces_nothing_and_says_why(run, monkeypatch):
    tmp_path, start = run
    former = start()
    (tmp_path / "out.txt").write_text("by the later one")
    start()
    monkeypatch.setenv(takeover.VARIABLE, former)
    with pytest.raises(UserError, match="started again"), replacing(tmp_path / "out.txt") as tmp:
        tmp.write_text("too late")
    assert (tmp_path / "out.txt").read_text() == "by the later one"
    assert not list(tmp_path.glob(".*.part*"))


def test_a_start_beside_another_that_makes_other_files_ends_none_of_its_jobs(run, monkeypatch):
    tmp_path, start = run
    monkeypatch.chdir(tmp_path)
    takeover.LOCKS.mkdir(parents=True)
    (takeover.LOCKS / "0.output.lock").touch()
    first = start()
    begun = temporary(tmp_path / "work" / "lab" / "inventory.tsv")
    begun.touch()
    (takeover.LOCKS / "1.output.lock").touch()
    assert start() == first and begun.is_file()
    (takeover.LOCKS / "1.output.lock").unlink()
    assert start() != first and not begun.exists()


def test_a_job_whose_run_is_gone_may_not_write(run):
    tmp_path, start = run
    start()
    (tmp_path / "work" / takeover.FILE).unlink()
    with pytest.raises(UserError):
        takeover.check()


def test_what_was_started_by_hand_may_write(tmp_path, monkeypatch):
    monkeypatch.delenv(takeover.VARIABLE, raising=False)
    takeover.check()


def test_a_start_removes_what_killed_jobs_had_begun_and_nothing_else(run):
    tmp_path, start = run
    places = [tmp_path / "work/lab", tmp_path / "work/lab/00000", tmp_path / "results/lab"]
    for place in places:
        temporary(place / "frames.h5").touch()
        folder = temporary(place / "candidates")
        folder.mkdir()
        (folder / "a.dcm").touch()
        (place / "frames.h5").touch()
        (place / ".hidden").touch()
    start()
    for place in places:
        files = {file.name for file in place.iterdir() if file.is_file()}
        assert files == {"frames.h5", ".hidden"}
        assert {folder.name for folder in place.iterdir() if folder.is_dir()} <= {"00000"}


def test_a_start_on_a_full_disk_leaves_nothing(run, monkeypatch):
    tmp_path, start = run
    before = sorted(tmp_path.rglob("*"))

    def half(path, *_):
        path.touch()
        raise OSError(errno.ENOSPC, "full")

    monkeypatch.setattr(type(tmp_path), "write_text", half)
    with pytest.raises(OSError):
        start()
    assert sorted(tmp_path.rglob("*")) == before
