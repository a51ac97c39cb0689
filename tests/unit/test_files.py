import stat

import pytest

from unburn.files import make_private, replacing, sha256


def test_a_file_appears_only_when_it_is_whole(tmp_path):
    out = tmp_path / "deep" / "out.h5"
    with pytest.raises(RuntimeError), replacing(out) as tmp:
        tmp.write_text("half")
        raise RuntimeError
    assert list(out.parent.iterdir()) == []
    with replacing(out) as tmp:
        tmp.write_text("whole")
        assert tmp.suffix == ".h5" and not out.exists()
    assert out.read_text() == "whole" and list(out.parent.iterdir()) == [out]


def test_a_folder_is_replaced_whole(tmp_path):
    out = tmp_path / "out"
    for name in ("first", "second"):
        with replacing(out) as tmp:
            tmp.mkdir()
            (tmp / name).touch()
    assert [file.name for file in out.iterdir()] == ["second"]
    assert list(tmp_path.iterdir()) == [out]


def test_a_failed_replacement_keeps_the_old(tmp_path):
    out = tmp_path / "out.txt"
    out.write_text("old")
    with pytest.raises(RuntimeError), replacing(out) as tmp:
        tmp.write_text("new")
        raise RuntimeError
    assert out.read_text() == "old"


def test_sha256_is_that_of_the_bytes(tmp_path):
    file = tmp_path / "abc"
    file.write_bytes(b"abc")
    assert sha256(file) == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"


def test_a_private_folder_is_closed_also_when_it_was_open(tmp_path):
    folder = tmp_path / "work"
    folder.mkdir(mode=0o755)
    assert stat.S_IMODE(make_private(folder).stat().st_mode) == 0o700
