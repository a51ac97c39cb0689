from pathlib import Path

import pytest

from unburn import code

RULES = Path(__file__).resolve().parents[2] / "workflow" / "rules"


@pytest.fixture
def package(tmp_path, monkeypatch):
    (tmp_path / "stage.py").write_text('"""Doc."""\nfrom unburn import helper\nX = 1\n')
    (tmp_path / "helper.py").write_text("from unburn.deep import f\n")
    (tmp_path / "deep.py").write_text("def f():\n    return 1\n")
    (tmp_path / "other.py").write_text("Y = 1\n")
    monkeypatch.setattr(code, "PACKAGE", tmp_path)

    def digest():
        code._parse.cache_clear()
        code.code_digest.cache_clear()
        return code.code_digest("stage")

    yield tmp_path, digest
    code._parse.cache_clear()
    code.code_digest.cache_clear()


def test_comments_docstrings_and_formatting_do_not_change_it(package):
    folder, digest = package
    before = digest()
    (folder / "stage.py").write_text(
        '"""Other."""\n\nfrom unburn import helper  # why\n\nX = (1)\n'
    )
    assert digest() == before


def test_a_helper_of_a_helper_changes_it_and_a_stranger_does_not(package):
    folder, digest = package
    before = digest()
    (folder / "other.py").write_text("Y = 2\n")
    assert digest() == before
    (folder / "deep.py").write_text("def f():\n    return 2\n")
    assert digest() != before


@pytest.mark.parametrize(
    ("stage", "lists"),
    [
        (
            "reassemble",
            "vocabulary.txt terms.txt makers.txt ps3.15/table_e1-1.csv ps3.3/type_1.txt"
            " safe_private.tsv",
        ),
        ("gate", "vocabulary.txt ps3.15/table_e1-1.csv"),
        ("release", "vocabulary.txt terms.txt makers.txt"),  # for what lies beside NIfTI volumes
    ],
)
def test_a_word_that_is_added_to_a_list_makes_anew_what_the_list_cleaned(stage, lists):
    _, _, call = (RULES / f"{stage}.smk").read_text().partition("data_digest(")
    named = {word.strip(' "\n') for word in call.partition(")")[0].split(",")} - {""}
    assert named == set(lists.split())


def test_a_changed_template_style_or_script_changes_the_digest_of_pages(tmp_path, monkeypatch):
    (tmp_path / "sections").mkdir()
    page = tmp_path / "sections" / "page.html.j2"
    page.write_text("one")
    monkeypatch.setattr(code, "TEMPLATES", tmp_path)

    def digest():
        code.pages_digest.cache_clear()
        return code.pages_digest()

    before = digest()
    page.write_text("two")
    changed = digest()
    page.rename(tmp_path / "page.html.j2")
    assert len({before, changed, digest()}) == 3
    code.pages_digest.cache_clear()
