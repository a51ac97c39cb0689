import os

from unburn.folders import entries_below


def names(root):
    return sorted(os.path.relpath(entry.path, root) for entry in entries_below(str(root)))


def test_files_and_links_are_met_once_and_loops_are_not_followed(tmp_path):
    (tmp_path / "a" / "b").mkdir(parents=True)
    (tmp_path / "a" / "b" / "c.dcm").touch()
    (tmp_path / "d.dcm").touch()
    (tmp_path / "a" / "up").symlink_to(tmp_path)
    (tmp_path / "self").symlink_to("self")
    (tmp_path / "empty").mkdir()
    assert names(tmp_path) == ["a/b/c.dcm", "a/up", "d.dcm", "self"]


def test_a_folder_that_cannot_be_read_is_an_entry(tmp_path, monkeypatch):
    (tmp_path / "closed").mkdir()
    (tmp_path / "open").mkdir()
    (tmp_path / "open" / "a").touch()
    scan = os.scandir  # tests may run as root, whom no mode stops

    def refuse(folder):
        if os.fspath(folder).endswith("closed"):
            raise PermissionError(folder)
        return scan(folder)

    monkeypatch.setattr(os, "scandir", refuse)
    assert names(tmp_path) == ["closed", "open/a"]
