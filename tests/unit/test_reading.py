from dataclasses import asdict
from pathlib import Path

import cv2
import numpy as np
import pytest
from pydicom.dataset import Dataset

from unburn import lines, readers, reading
from unburn.identifiers import NOBODY, identifiers
from unburn.reading import Class

WEIGHTS = Path(__file__).parents[2] / "resources" / "models" / "lines.safetensors"
PICTURE = np.zeros((200, 400), np.uint8)


def quad(left, top=20, width=40, height=14):
    right, bottom = left + width, top + height
    return np.array([[left, top], [right, top], [right, bottom], [left, bottom]], np.float32)


def width(text):
    return 9 * len(text) + 5


def along(parts, gap):
    """Texts by the left end of their places, one after the other."""
    lefts = [10]
    for part in parts:
        lefts.append(lefts[-1] + width(part) + gap)
    return dict(zip(lefts, parts, strict=False))


def header(name):
    dataset = Dataset()
    dataset.PatientName, dataset.PatientID = name, "4711-0815"
    return identifiers(dataset)


class Readers:
    """Two readers that read given texts, by the left end of a line's place."""

    def __init__(self, monkeypatch, first, second=None, sure=(0.95, 0.95), views=()):
        self.asked = []
        self.second = first if second is None else second
        self.sure = sure
        readings = iter([first, *views])

        def look(network, picture, quads):
            texts = next(readings)
            return [(texts[int(q[0, 0])], sure[0]) for q in quads]

        monkeypatch.setattr(reading, "first_readings", look)

    def read_line(self, picture, quad):
        left = int(quad[0, 0])
        self.asked.append(left)
        return self.second[left], self.sure[1]

    def classes(self, quads=None, ids=NOBODY, views=0):
        if quads is None:
            quads = [quad(left, width=width(text)) for left, text in self.second.items()]
        return reading.classes(None, self, np.stack([PICTURE] * (1 + views)), quads, ids)


def test_a_line_that_both_read_is_agreed(monkeypatch):
    both = Readers(monkeypatch, {10: "RMLO", 100: "120 kV", 200: "50 mm", 300: "15"})
    both.second = {10: "R MLO", 100: "120kV", 200: "50mm", 300: "15"}
    assert both.classes() == [
        Class("marker", True, "MLO;R"),
        *(Class(kind, True) for kind in ("technique", "measurement", "scale")),
    ]


@pytest.mark.parametrize("sure", [(0.95, 0.85), (0.7, 0.95)])
def test_an_unsure_reader_does_not_agree(monkeypatch, sure):
    assert Readers(monkeypatch, {10: "R"}, sure=sure).classes() == [Class("marker", False)]


def test_readers_that_differ_do_not_agree(monkeypatch):
    both = Readers(monkeypatch, {10: "PA", 100: "120 kV"}, {10: "PAUL", 100: "126 kV"})
    assert both.classes() == [Class("marker", False), Class("technique", False)]


def test_what_nobody_read_is_unread(monkeypatch):
    both = Readers(monkeypatch, {10: "R", 100: ""}, sure=(reading.SURE - 0.01, 1.0))
    assert both.classes() == [reading.UNREAD, reading.UNREAD]


def test_the_second_is_asked_only_about_what_could_stay(monkeypatch):
    both = Readers(monkeypatch, {10: "R", 100: "DOE JANE", 200: "12.03.1970", 350: "ABDOMEN"})
    kinds = [one.kind for one in both.classes()]
    assert kinds == ["marker", "text", "identifier", "descriptor"]
    assert both.asked == [10, 350]


def test_no_character_leaves_but_markers(monkeypatch):
    both = Readers(monkeypatch, {10: "R", 100: "DOE JANE", 200: "SECRET-42", 300: "120 kV"})
    found = [asdict(one) for one in both.classes()]
    assert {one["fact"] for one in found} == {"R", ""}
    for text in ("DOE", "SECRET", "42", "120"):
        assert text not in repr(found)


@pytest.mark.parametrize(("name", "agreed"), [("Doe^Jane", True), ("Pa^Wa", False)])
def test_a_patient_called_like_a_marker_has_no_fact(monkeypatch, name, agreed):
    both = Readers(monkeypatch, {10: "PA"})
    (one,) = both.classes(ids=header(name))
    assert (one.agreed, one.fact) == (agreed, "PA" if agreed else "")


def test_other_text_in_another_view_speaks_against_a_line(monkeypatch):
    for hidden, agreed in (("R", True), ("", True), ("R ROE", False)):
        both = Readers(monkeypatch, {10: "R"}, views=[{10: hidden}])
        assert both.classes(views=1)[0].agreed is agreed


def test_a_region_wider_than_its_text_holds_more_than_was_read(monkeypatch):
    both = Readers(monkeypatch, {10: "R"})
    wide, fitting = quad(10, width=80), quad(10, width=20)
    assert [one.agreed for one in both.classes([wide])] == [False]
    both = Readers(monkeypatch, {10: "R"})
    assert [one.agreed for one in both.classes([fitting])] == [True]
    assert reading.fits("120 kV", quad(10, width=14, height=60))  # up or down


@pytest.mark.parametrize(
    "parts",
    [
        *(("12", "345", "678"), ("PA", "MUELLER"), ("12", "03", "1970"), ("R", "R 4711")),
        *(("A", "S"), ("63", "F")),
    ],
)
def test_parts_of_one_line_do_not_stay(monkeypatch, parts):
    assert not any(
        one.agreed or one.fact for one in Readers(monkeypatch, along(parts, 8)).classes()
    )
    assert any(one.agreed for one in Readers(monkeypatch, along(parts, 60)).classes())


def test_a_number_cut_in_three_is_an_identifier(monkeypatch):
    both = Readers(monkeypatch, along(("12", "345", "678"), 8))
    assert both.classes() == [Class("identifier")] * 3


def test_harmless_neighbours_do_not_disturb(monkeypatch):
    both = Readers(monkeypatch, along(("R", "120 kV", "KNEE"), 8))
    assert [one.agreed for one in both.classes()] == [True, True, True]


def test_a_bare_number_or_f_does_not_stay_in_a_block_of_other_text():
    texts = ["DOE JANE", "F", "63", "L", "F", "63"]
    kinds = ["text", "marker", "scale", "marker", "marker", "scale"]
    tops = [20, 40, 60, 80, 120, 140]  # the last two stand by themselves
    quads = [quad(10, top, 10 * len(text)) for text, top in zip(texts, tops, strict=True)]
    found = [Class(kind, kind != "text") for kind in kinds]
    agreed = [one.agreed for one in reading.outside_blocks(found, texts, quads)]
    assert agreed == [False, False, False, True, True, True]
    assert reading.outside_blocks([], [], []) == []


def test_rows_follow_lines_of_text():
    across = [quad(100), quad(10), quad(55, top=23)]
    below = [quad(10, top=60), quad(130, top=60)]
    numbers = [quad(300, top, 12, 12) for top in (20, 40, 60)]  # of a scale: not one line
    found = reading.rows([*across, *below, *numbers])
    assert sorted(found) == [[1, 2, 0], [3], [4], [5], [6], [7]]
    tall = [quad(300, top, 12, 40) for top in (70, 20)]
    assert reading.rows(tall) == [[1, 0]]
    assert reading.rows([]) == []


def test_both_real_readers_agree_on_nothing_that_names_somebody():
    """Whatever the weights read, a name and a date stay unagreed."""
    picture = np.full((120, 400), 20, np.uint8)
    for text, top in (("DOE JANE", 30), ("12.03.1970", 60), ("MRN 4711081", 90)):
        cv2.putText(picture, text, (10, top), cv2.FONT_HERSHEY_SIMPLEX, 0.7, 230, 2, cv2.LINE_AA)
    network = lines.load(WEIGHTS)
    quads = [quad(6, top - 19, 180, 24) for top in (30, 60, 90)]
    second = readers.Recogniser()
    found = reading.classes(network, second, picture[None], quads, NOBODY)
    assert not any(one.agreed or one.fact for one in found)
    texts = [second.read_line(picture, place)[0] for place in quads]
    assert texts[1] == "12.03.1970" and "DOE" in texts[0]
