import pytest

from unburn import code


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
