import numpy as np
from pydicom.dataset import Dataset

from unburn import devices, known

RULE = "manufacturer\tmodel\tmodality\trectangles\nAcme\t\tUS\t0,0,900,10;0,70,20,30\n"


def rules(folder):
    (folder / "rules.tsv").write_text(RULE)
    return devices.read(folder / "rules.tsv", "own")


def test_rules_add_to_what_is_outside_of_ultrasound_areas(tmp_path):
    area = Dataset()
    area.RegionLocationMinX0 = area.RegionLocationMinY0 = 0
    area.RegionLocationMaxX1, area.RegionLocationMaxY1 = 39, 99
    header = Dataset()
    header.Manufacturer, header.SequenceOfUltrasoundRegions = "ACME", [area]
    found = known.of(header, 80, 60, rules(tmp_path), outside=True)
    assert found.unusable == 1 and found.shown == ()
    area.RegionLocationMaxY1 = 79
    found = known.of(header, 80, 60, rules(tmp_path), outside=True)
    expected = np.zeros((80, 60), np.uint8)
    expected[:, 40:] = expected[:10] = expected[70:, :20] = 1
    assert (found.mask((80, 60)) == expected).all()
    assert found.rules == ("own:2",)
    only = known.of(header, 80, 60, rules(tmp_path), outside=False)
    assert only.shown == () and only.hidden == found.hidden


def test_a_rule_whose_places_lie_outside_of_the_frame_is_not_named(tmp_path):
    (tmp_path / "far.tsv").write_text("manufacturer\tmodel\trectangles\nAcme\t\t900,900,5,5\n")
    header = Dataset()
    header.Manufacturer = "ACME"
    far = devices.read(tmp_path / "far.tsv", "far")
    found = known.of(header, 80, 60, [*far, *rules(tmp_path)], outside=False)
    assert found.rules == ("own:2",)


def test_a_header_that_says_nothing_is_not_read(tmp_path):
    absent = tmp_path / "absent.dcm"
    assert known.read(absent, "CT", 80, 60, rules(tmp_path), outside=False) == known.NOTHING
    assert known.NOTHING.mask((80, 60)) is None


def test_a_file_that_cannot_be_read_any_more_is_masked_whole(tmp_path):
    found = known.read(tmp_path / "absent.dcm", "US", 80, 60, rules(tmp_path), outside=False)
    assert found.mask((80, 60)).all()
