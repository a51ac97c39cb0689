import json

import jsonschema
import pytest
from scipy import stats

from unburn import judging, ledger, metrics, recall
from unburn.errors import UserError
from unburn.recall import Class, Line

CT = Class("CT 1", "CT", "digest", items=80, calm_frames=70, frames=4)
US = Class("US 1", "US", "another", items=20, calm_frames=0, frames=0)


def line(found=True, name="CT 1", size="9 to 12 px", empty=True, held=False, read=True, frame=1):
    return Line(frame, name, size, empty, found, held, read)


def test_a_class_is_held_back_only_where_chance_is_no_excuse():
    assert not recall.too_few(0, 0, 0.95)
    assert not recall.too_few(3, 5, 0.95)  # by chance in 2 of 100 cases
    assert recall.too_few(2, 5, 0.95)
    assert not recall.too_few(186, 200, 0.95)
    assert recall.too_few(180, 200, 0.95)
    assert not recall.too_few(0, 100, 0.0)
    assert recall.too_few(99, 100, 1.0)


def test_a_good_class_is_hardly_ever_held_back():
    """With 0.98 of the lines found, the recall that counts as good enough being 0.95."""
    for lines in (4, 10, 50, 200):
        fewest = next(n for n in range(lines + 1) if not recall.too_few(n, lines, 0.95))
        by_chance = stats.binom.cdf(fewest - 1, lines, 0.98)
        assert by_chance < 1e-3, lines


def test_figures_have_bounds_and_null_of_nothing():
    lines = [line(frame=k // 5, found=k > 0) for k in range(50)]
    found = recall.figures(lines)
    assert (found["lines"], found["found"], found["recall"]) == (50, 49, 0.98)
    assert (found["lower_bound"], found["upper_bound"]) == judging.bounds_by_frame(lines)
    assert found["lower_bound"] < judging.bounds(49, 50)[0]  # lines of a copy are alike
    assert recall.figures([])["recall"] is None and recall.figures([])["upper_bound"] is None


def test_missed_lines_are_told_by_what_the_gate_made_of_them():
    lines = [line(), line(held=True), line(found=False, held=True)]
    lines += [line(found=False, held=True, read=False), line(found=False)]
    assert recall.gated(lines) == {"missed": 3, "held": 1, "held_if_read": 1, "left": 1}


def test_the_section_is_as_the_schema_says_and_names_no_device():
    lines = [line(), line(found=False, size="8 px and less", empty=False)]
    section = recall.section(
        [CT, US],
        lines,
        0.02,
        0.95,
        faint=[True, False],
        masked=[("CT 1", 0.1), ("CT 1", 0.3)],
    )
    schema = json.loads(metrics.SCHEMA.read_text())
    rules = {**schema["properties"]["controls"], "$defs": schema["$defs"]}
    jsonschema.validate(section, rules)
    jsonschema.validate(recall.measured([], 0.02, 0.95), rules)
    jsonschema.validate(rules["examples"][0], rules)
    assert "digest" not in json.dumps(section)
    assert [row["class"] for row in section["by_class"]] == ["CT 1", "US 1"]
    assert [row["lines"] for row in section["by_class"]] == [2, 0]
    assert [row["masked_share"] for row in section["by_class"]] == [0.2, None]
    assert [row["failed_frames"] for row in section["by_class"]] == [2, 0]
    assert section["failed_frames"] == 2
    assert section["hardly_visible"] == {"lines": 2, "found": 1}
    assert [row["height"] for row in section["by_size"]] == ["8 px and less", "9 to 12 px"]
    assert {row["place"]: row["found"] for row in section["by_place"]} == {
        "empty ground": 1,
        "over anatomy": 0,
    }


@pytest.mark.parametrize(("share", "reason"), [(0.02, "too_few_frames"), (0, "off")])
def test_without_controls_the_metrics_say_why(share, reason):
    found = recall.measured([], share, 0.95)
    assert (found["reason"], found["lines"], found["recall"]) == (reason, 0, None)


def test_a_device_that_showed_too_few_is_written_down_for_the_release(tmp_path):
    lines = [line(found=False)] * 3 + [line()] * 2
    failed = Class("XA 1", "XA", "a third", items=5, calm_frames=5, frames=2)
    classes = [CT, US, failed]
    section = recall.section(classes, lines, 0.02, 0.95, masked=[("CT 1", 0.1)])
    assert [row["held_back"] for row in section["by_class"]] == [True, False, True]
    devices = [
        {"class": one.name, "modality": one.modality, "device": one.device} for one in classes
    ]
    recall.write(tmp_path / ledger.SHOWED, section, devices)
    assert ledger.held_back(tmp_path / ledger.SHOWED) == {
        ("CT", "digest"): "controls_missed",
        ("XA", "a third"): "controls_failed",
    }
    assert recall.measured([tmp_path / ledger.SHOWED], 0.02, 0.95) == section


def test_a_file_of_an_earlier_version_is_told_with_a_way_out(tmp_path):
    file = tmp_path / "lab" / ledger.SHOWED
    file.parent.mkdir()
    file.write_text('{"metrics": {}, "devices": [], "held_back": [["CT", "digest"]]}')
    with pytest.raises(UserError, match="start the run again") as error:
        ledger.held_back(file)
    assert str(error.value).startswith("submission lab, controls.json: ")
    assert "digest" not in str(error.value)
