"""The index of several runs in a real browser."""

import shutil

import pytest

from unburn import index


@pytest.fixture(scope="module")
def file(lab, tmp_path_factory):
    """The index of two runs, each with a finished submission and one that was only planned."""
    other = tmp_path_factory.mktemp("index") / "a run with a long name of many words"
    shutil.copytree(lab, other)
    (other / "work" / "planned").mkdir()
    (other / "work" / "planned" / "inventory.tsv").write_text("item\n")
    page, _, rows = index.index([lab, other], other.parent)
    assert [row["state"] for row in rows] == ["handed out", "handed out", "not finished"]
    return page


def test_the_index_opens_without_an_error_and_asks_for_nothing(page, file):
    page.open(file)
    assert page.problems == []
    assert page.requests == [file.resolve().as_uri()]
    assert page.evaluate("document.querySelectorAll('tbody tr').length") == 3


def test_a_phone_needs_no_sideways_scroll_of_the_index(page, file):
    page.view(390, 844)
    page.open(file)
    assert page.evaluate("document.documentElement.scrollWidth") <= 390


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_axe_finds_no_serious_problem_in_the_index(page, file, axe, dark):
    page.view(1280, 900, dark=dark)
    page.open(file)
    held, serious = page.audit(axe)
    assert held > 10  # rules that were looked at
    assert serious == []
