import pytest

from unburn import destinations
from unburn.errors import UserError


def test_folders_that_are_there_and_that_are_not_pass_and_nothing_is_left(tmp_path):
    (tmp_path / "there").mkdir()
    (tmp_path / "link").symlink_to("there")
    for name in ("there", "there/new/newer", "link", "with blank and ü"):
        destinations.check("results", str(tmp_path / name))
    assert {path.name for path in tmp_path.rglob("*")} == {"link", "there"}


@pytest.mark.parametrize(
    ("folder", "why"),
    [
        ("file.tsv", "`work` is a file"),
        ("file.tsv/below", "`work` is a file, or lies below one"),
        ("/dev/null", "`work` is a file"),
        ("dangling", "nothing can be written where `work` is to be ("),
        ("/proc/unburn", "nothing can be written where `work` is to be ("),
        ("w{x}rk", "`work` has a sign that stands for something else"),
        ("{submission}", "`work` has a sign"),
        ("<results>", "`work` has a sign"),
        ("a\0b", "`work` has a sign"),
    ],
)
def test_what_no_run_can_write_into_is_refused_in_a_sentence(tmp_path, monkeypatch, folder, why):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "file.tsv").touch()
    (tmp_path / "dangling").symlink_to("nowhere")
    with pytest.raises(UserError) as stop:
        destinations.check("work", folder)
    assert str(stop.value).startswith(f"settings: {why}") and "\n    hint: " in str(stop.value)
