"""The page of the benchmark `tables` in a real browser."""

import pytest
from test_paper_tables import DETECTORS, everything

from unburn import paper_page


@pytest.fixture(scope="module")
def file(browser, tmp_path_factory):
    """The page of hand-made measurements, of which some engines did not run."""
    folder = tmp_path_factory.mktemp("tables")
    everything(folder)
    paper_page.tabulate(folder, DETECTORS, 50, folder / "out")
    return folder / "out" / "tables.html"


def test_the_tables_open_without_an_error_and_ask_for_nothing(page, file):
    page.open(file)
    assert page.problems == []
    assert page.requests == [file.resolve().as_uri()]
    assert page.evaluate("document.querySelectorAll('table').length") == 6
    drawn = "[...document.querySelectorAll('svg')].map((e) => e.getBoundingClientRect().width)"
    assert min(page.evaluate(drawn)) > 100


def test_a_phone_needs_no_sideways_scroll_of_the_page(page, file):
    page.view(390, 844)
    page.open(file)
    assert page.evaluate("document.documentElement.scrollWidth") <= 390


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_axe_finds_no_serious_problem_in_the_tables(page, file, axe, dark):
    page.view(1280, 900, dark=dark)
    page.open(file)
    held, serious = page.audit(axe)
    assert held > 10  # rules that were looked at
    assert serious == []
