import os
import subprocess
import sys

import pytest

from unburn import __main__ as cli
from unburn import keys
from unburn.errors import UserError


def test_every_verb_is_explained(capsys):
    with pytest.raises(SystemExit) as stop:
        cli.main(["--help"])
    assert stop.value.code == 0
    text = capsys.readouterr().out
    for verb in ("doctor", "status", "key", "detect", "inpaint"):
        assert verb in text


def test_key_new_makes_a_key_that_loads_and_is_never_overwritten(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    cli.main(["key", "new"])
    assert keys.key_id(keys.load(tmp_path / "unburn.key")) in capsys.readouterr().out
    with pytest.raises(UserError, match="cannot be made again"):
        cli.main(["key", "new"])


def test_a_mistake_is_a_sentence_and_exit_code_1(tmp_path):
    command = [sys.executable, "-m", "unburn", "status", "--configfile", "absent.yaml"]
    result = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path)
    assert result.returncode == 1
    assert result.stderr.startswith("error: absent.yaml: there is no such file\n    hint: ")


def test_no_processes_is_a_mistake(capsys):
    with pytest.raises(SystemExit):
        cli.parser().parse_args(["detect", "--input", "x", "--out", "y", "--threads", "0"])
    assert "a whole number from 1" in capsys.readouterr().err


def test_a_reader_that_has_seen_enough_is_no_error(tmp_path):
    read, write = os.pipe()
    os.close(read)  # as `| head` does
    command = [sys.executable, "-m", "unburn", "key", "new", tmp_path / "unburn.key"]
    result = subprocess.run(command, stdout=write, stderr=subprocess.PIPE, text=True)
    os.close(write)
    assert result.stderr == "" and result.returncode == 0
    assert (tmp_path / "unburn.key").is_file()
