import pytest

from unburn.distance import edits


@pytest.mark.parametrize(
    ("one", "other", "count"), [("", "abc", 3), ("abc", "abc", 0), ("kitten", "sitting", 3)]
)
def test_edits(one, other, count):
    assert edits(one, other) == edits(other, one) == count
