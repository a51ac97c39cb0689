import re
from xml.etree import ElementTree

from unburn import drawing


def bars(name="bars", rows=(("a", "1"),)):
    def draw(axes):
        drawing.histogram(axes, [3, 1234], ["a", "b"], "things", [drawing.FIRST, drawing.SECOND])

    return drawing.figure(name, "Bars", "Some.", ("what", "n"), rows, draw)


def test_a_figure_is_text_and_shapes_in_the_colours_of_the_page():
    drawn = bars().svg
    root = ElementTree.fromstring(drawn)
    texts = ["".join(node.itertext()).strip() for node in root.iterfind(".//{*}text")]
    assert {"a", "b", "things", "3", "1\u202f234"} <= set(texts)
    assert root.find(".//{*}image") is None and len(drawn) < 20_000
    assert "var(--first, #14708a)" in drawn and "var(--second, #b35900)" in drawn
    assert not [stand_in for stand_in in drawing.COLOURS if stand_in in drawn]


def test_a_figure_is_the_same_each_time_and_says_nothing_of_when():
    assert bars().svg == bars().svg
    assert "<metadata" not in bars().svg and "20" not in re.findall(r"<dc:date>(..)", bars().svg)


def test_identifiers_of_two_figures_on_one_page_do_not_clash():
    found = [set(re.findall(r'\bid="([^"]*)"', bars(name).svg)) for name in ("one", "two")]
    assert found[0] and not found[0] & found[1]
    used = re.findall(r"url\(#([^)]*)\)", bars("one").svg)
    assert set(used) <= found[0]


def test_a_figure_of_nothing_says_so():
    drawn = bars(rows=())
    assert drawn.rows == () and "nothing to draw" in drawn.svg and "things" not in drawn.svg
