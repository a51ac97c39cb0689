"""One browser for all tests of pages, and the pages of a made submission."""

from collections.abc import Iterator
from pathlib import Path

import chromium
import many
import pytest
from test_report import CONTROLS, PROVENANCE

from unburn import metrics, report

AXE = Path(__file__).with_name("node_modules") / "axe-core" / "axe.min.js"
HINT = "make test-browser installs it where it can"
SERIES = 10  # two of each kind


@pytest.fixture(scope="session")
def browser(tmp_path_factory) -> Iterator[chromium.Browser]:
    """A headless Chromium; the tests are skipped where there is none."""
    if chromium.program() is None:
        pytest.skip(f"Chromium is missing, so no page was opened; {HINT}")
    with chromium.running(tmp_path_factory.mktemp("chromium")) as running:
        yield running


@pytest.fixture(scope="session")
def axe() -> str:
    """The code of axe-core."""
    if not AXE.is_file():
        pytest.skip(f"axe-core is missing, so accessibility was not looked at; {HINT}")
    return AXE.read_text("utf-8")


@pytest.fixture(scope="session")
def lab(browser, tmp_path_factory) -> Path:
    """A run with one submission, ``lab7``, with every section, and its pages.

    It asks for the browser so that nothing is made where there is none.
    """
    run = tmp_path_factory.mktemp("pages") / "run"
    many.make(run, "lab7", SERIES, PROVENANCE)
    decided = {"items": 2, "released": 1, "released_by_reason": {"face": 1}, "masked": 1}
    decided |= {"boxes": 1, "rejected": 0, "not_in_force": 0}
    many.add(run, "lab7", controls=CONTROLS, decisions=decided)
    assert metrics.mistakes(many.metrics(run, "lab7")) == []
    report.main(many.arguments(run, "lab7"))
    return run


PAGES = {"report": "results/lab7/report.html", "review": "work/lab7/review.html"}


@pytest.fixture(params=PAGES)
def file(request, lab) -> Path:
    """Each of the two pages."""
    return lab / PAGES[request.param]


@pytest.fixture
def page(browser) -> chromium.Page:
    """A new tab, as wide as a desk's."""
    tab = browser.page()
    tab.view(1280, 900)
    return tab
