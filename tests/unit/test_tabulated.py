from xml.etree import ElementTree

import numpy as np
import pandas as pd
import pytest

from unburn import tabulated
from unburn.intervals import Figure, share
from unburn.tabulated import Table

TABLE = Table(
    "small", "A small table", "50 % & more.", ("what", "share", "note"),
    (
        {"what": "found_all", "share": Figure(0.9, 0.8, 0.95, 10), "note": "a < b"},
        {"what": "none", "share": share(0, 40)},
        {"what": "not run", "note": "x"},
    ),
    {"share": 2}, ("a note",),
)  # fmt: skip


def test_zero_of_n_is_printed_with_its_bound():
    assert tabulated.printed(share(0, 40), 3) == "0 of 40 (at most 0.088)"
    assert tabulated.printed(share(0, 100000), 3) == "0 of 100000 (at most 4e-05)"
    assert tabulated.printed(Figure(0.5, 0.4, 0.6, 3), 2) == "0.50 (0.40–0.60)"
    assert tabulated.printed(Figure(np.nan, np.nan, np.nan, 0), 2) == ""


def test_the_files_say_the_same(tmp_path):
    tabulated.write(TABLE, tmp_path)
    csv = pd.read_csv(tmp_path / "small.csv", keep_default_na=False)
    assert list(csv.columns) == ["what", "share", "share: low", "share: high", "share: of", "note"]
    assert csv["share: of"][1] == "40" and csv["share"][2] == ""
    text = (tmp_path / "small.md").read_text()
    assert "| found_all | 0.90 (0.80–0.95) | a < b |" in text and "- a note" in text
    tex = (tmp_path / "small.tex").read_text()
    assert r"found\_all & 0.90 (0.80--0.95) & a \textless{} b \\" in tex
    assert r"50 \% \& more." in tex and tex.count(r"\\") == 4


def test_html_is_escaped_and_scrolls_by_keyboard():
    page = str(tabulated.html(TABLE))
    assert "a &lt; b" in page and 'tabindex="0"' in page
    assert ElementTree.fromstring(page).tag == "div"


@pytest.fixture
def panels():
    return list(tabulated.panels_of(TABLE, "what", "", {"share": "share"}))


def test_a_picture_has_a_dot_for_each_figure_and_always_the_same_bytes(panels, tmp_path):
    assert set(panels[0].figures) == {("found_all", ""), ("none", "")}
    texts = [tabulated.save(tabulated.drawn(panels), tmp_path / k, "picture") for k in "ab"]
    assert texts[0] == texts[1] == (tmp_path / "a" / "picture.svg").read_text()
    one, two = ((tmp_path / k / "picture.pdf").read_bytes() for k in "ab")
    assert one == two and one.startswith(b"%PDF")
    drawn = str(tabulated.inline("picture", texts[0], "a < b"))
    tree = ElementTree.fromstring(drawn.replace("xlink:", ""))
    assert tree.get("aria-label") == "a < b"
    assert all(e.get("id", "picture-").startswith("picture-") for e in tree.iter())
