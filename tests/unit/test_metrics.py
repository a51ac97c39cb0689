import json
from pathlib import Path

import jsonschema
import pytest
from test_evaluate import lab, measured, write_truth

from unburn import metrics

__all__ = ["lab"]  # a fixture


def test_schema_is_one():
    jsonschema.Draft202012Validator.check_schema(json.loads(metrics.SCHEMA.read_text()))


def test_what_is_measured_is_as_the_schema_says(lab, tmp_path):
    metrics.write(measured(lab), tmp_path / "metrics.json")
    assert json.loads((tmp_path / "metrics.json").read_text())["submission"] == "lab"


def test_planted_lines_are_in_the_schema(lab, tmp_path):
    line = ("Doe_Jane_3", 1, 4, 3, 8, 2, "JANE DOE", "identifier")
    found = measured(lab, write_truth(tmp_path / "truth.tsv", [line]))
    assert found["truth"]["released"]["lines"] == 1
    assert metrics.mistakes(found) == []


def test_a_figure_that_the_schema_does_not_name_is_not_written(lab, tmp_path):
    found = measured(lab)
    found["privacy"]["patient"] = "NOTREAL"
    with pytest.raises(ValueError, match=r"\$\.privacy: additionalProperties") as error:
        metrics.write(found, tmp_path / "metrics.json")
    assert "NOTREAL" not in str(error.value)
    assert not list(Path(tmp_path).glob("*.json"))


@pytest.mark.parametrize(
    ("section", "name", "value"),
    [("release", "found", -1), ("release", "release_rate", 1.1), ("quality", "seam_step", None)],
)
def test_a_figure_out_of_its_limits_is_named(lab, section, name, value):
    found = measured(lab)
    found[section][name] = value
    assert metrics.mistakes(found)[0].startswith(f"$.{section}.{name}: ")


def test_sections_can_be_absent_where_their_data_are(lab):
    assert {"truth", "controls", "decisions"}.isdisjoint(measured(lab))
    assert metrics.mistakes(measured(lab)) == []
