import errno
import os
import pickle
import shlex
import signal
import subprocess
import sys
from pathlib import Path

import pytest

import unburn
from unburn.errors import ItemError, Mistakes, UserError, all_of, command, verb


def exit_of(error, capsys):
    def main(argv):
        raise error

    with pytest.raises(SystemExit) as stop:
        command(main)
    return str(stop.value.code)


def test_what_the_user_can_mend_is_a_sentence(capsys):
    text = exit_of(UserError("sheet.tsv:2", "no folder", "mount it"), capsys)
    assert text == "error: sheet.tsv:2: no folder\n    hint: mount it"


def failing(where):
    def check():
        raise UserError(where, "not there", "put it there")

    return check


def test_what_several_checks_find_is_told_at_once():
    assert all_of(lambda: 1, lambda: None) == [1, None]
    with pytest.raises(UserError, match=r"^key: not there\n    hint: put it there$"):
        all_of(lambda: 1, failing("key"))
    with pytest.raises(Mistakes) as stop:
        all_of(failing("key"), lambda: 1, lambda: all_of(failing("rules"), failing("truth")))
    text = str(stop.value)
    assert text.startswith("settings: 3 to mend\nkey: not there\n    hint: put it there\nrules: ")
    assert [each.where for each in stop.value.errors] == ["key", "rules", "truth"]
    assert str(pickle.loads(pickle.dumps(stop.value))) == text


def test_a_fault_shows_where_it_is_but_not_its_message(capsys):
    text = exit_of(ValueError("bad value 'DOE^JANE'"), capsys)
    assert "test_errors.py" in text and "ValueError" in text
    assert "DOE" not in text and "not of your data" in text


def test_a_full_disk_and_a_lack_of_memory_are_named(capsys):
    assert "disk: it is full" in exit_of(OSError(errno.ENOSPC, "x"), capsys)
    assert "disk: it is full" in exit_of(RuntimeError("write: No space left on device"), capsys)
    try:
        try:
            raise OSError("Can't write data (file write failed: errno = 28)")
        finally:
            raise RuntimeError("Can't decrement id ref count")
    except RuntimeError as error:
        assert "disk: it is full" in exit_of(error, capsys)
    assert "memory: it ran out" in exit_of(MemoryError(), capsys)


def test_a_verb_is_named_so_that_it_can_be_called():
    python, *words = shlex.split(verb("key new FILE"))
    assert Path(python).samefile(sys.executable)
    assert words == ["-m", "unburn", "key", "new", "FILE"]


def test_errors_travel_between_processes():
    error = pickle.loads(pickle.dumps(UserError("a", "b", "c")))
    assert (error.where, error.found, error.advice) == ("a", "b", "c")
    assert pickle.loads(pickle.dumps(ItemError("broken"))).code == "broken"


def test_a_job_that_is_ended_removes_what_it_had_begun(tmp_path):
    script = (
        "import pathlib, sys, time\n"
        "from unburn.errors import command\n"
        "from unburn.files import replacing\n"
        "def main(argv):\n"
        "    with replacing(pathlib.Path('out.h5')) as tmp:\n"
        "        tmp.write_text('half')\n"
        "        print(flush=True)\n"
        "        time.sleep(60)\n"
        "command(main)\n"
    )
    environment = os.environ | {"PYTHONPATH": str(Path(unburn.__file__).parents[1])}
    job = subprocess.Popen(
        [sys.executable, "-c", script], cwd=tmp_path, env=environment, stdout=subprocess.PIPE
    )
    assert job.stdout and job.stdout.readline() and list(tmp_path.iterdir())
    job.terminate()
    assert job.wait(30) == 128 + signal.SIGTERM
    assert not list(tmp_path.iterdir())
