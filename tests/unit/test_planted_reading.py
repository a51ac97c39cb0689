import numpy as np
import pytest

from unburn import identifiers, planted_reading
from unburn.planted import Planted


def quad(left, top, right, bottom):
    return np.array([[left, top], [right, top], [right, bottom], [left, bottom]], np.float32)


def test_readings_stand_at_a_line_when_enough_of_either_overlaps():
    line = quad(10, 10, 110, 30)
    assert planted_reading.at(line, quad(12, 11, 40, 29))  # a word of it
    assert planted_reading.at(line, quad(0, 0, 300, 300))  # a block around it
    assert not planted_reading.at(line, quad(105, 10, 205, 30))
    assert not planted_reading.at(line, quad(10, 40, 110, 60))


@pytest.mark.parametrize(
    ("said", "like"),
    [("Kroslin, Alma", 1.0), ("KROSLIN ALMA", 1.0), ("Kroslin", 7 / 11), ("xyz", 0.0), ("", 0.0)],
)
def test_likeness(said, like):
    assert planted_reading.likeness("Kroslin, Alma", said) == pytest.approx(like)


def test_a_header_is_named_by_its_name_or_number():
    header = planted_reading.header("Kroslin, Alma", "83920174")
    for text in ("KROSLIN\n1999", "no 83920174"):
        assert identifiers.found_in_text(header, text)
    assert not identifiers.found_in_text(header, "Trenvao, Bruno 17463920")


def test_lines_are_judged_by_the_best_reading_at_their_place():
    places = np.stack([quad(10, 10, 110, 30), quad(10, 50, 110, 70)])
    found = [("Kroslin", 0.9, quad(10, 10, 60, 30)), ("Kroslin Alma", 0.9, quad(8, 8, 112, 32)),
             ("83920174", 0.1, quad(10, 50, 110, 70))]  # fmt: skip
    judged = planted_reading.judged(found, ["Kroslin, Alma", "ID 83920174"], places, (200, 200))
    assert judged[0] == (1, 1.0)
    assert judged[1][0] == 0 and judged[1][1] == pytest.approx(0.8)  # too unsure to be legible


def test_lines_of_few_letters_and_of_other_scripts_are_left_out():
    texts = ("AB", "ABC", "张伟张伟", "R 1 2", "")
    one = Planted(0, 0, 0, "", "CT", "", "", "", *(np.zeros((1, 1)),) * 4, texts)
    assert planted_reading.counted(one) == [1, 3]
