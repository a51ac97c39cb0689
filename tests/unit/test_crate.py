"""The RO-Crate record: complete in itself, and without anything that identifies."""

import json

import pytest
from test_release import Made, box

from unburn import crate, provenance, settings
from unburn.errors import UserError


@pytest.fixture
def lab(tmp_path):
    lab = Made(tmp_path)
    lab.image(mask=box())
    lab.image(series="s00002")
    lab.release()
    record = provenance.provenance(settings.defaults(), "0123456789abcdef")
    (lab.results / "provenance.json").write_text(json.dumps(record))
    for name in ("metrics.json", "report.html"):
        (lab.results / name).write_text("{}")
    return lab


def written(lab, tmp_path):
    out = tmp_path / crate.FILE
    assert crate.write("lab", lab.results, out) == 3
    return json.loads(out.read_text())


def references(value):
    """Every @id that an entity's properties point to."""
    if isinstance(value, dict):
        yield value["@id"]
    elif isinstance(value, list):
        for one in value:
            yield from references(one)


def test_every_entity_is_there_once_and_nothing_points_nowhere(lab, tmp_path):
    graph = written(lab, tmp_path)["@graph"]
    names = [entity["@id"] for entity in graph]
    assert len(names) == len(set(names))
    outside = {crate.CRATE}
    for entity in graph:
        for name, value in entity.items():
            if name != "@id" and not isinstance(value, str | int | float):
                assert set(references(value)) <= {*names, *outside}, name


def test_the_profile_s_required_parts_are_there(lab, tmp_path):
    found = {entity["@id"]: entity for entity in written(lab, tmp_path)["@graph"]}
    assert found[crate.FILE]["about"] == {"@id": "./"}
    root, action = found["./"], found[crate.ACTION]
    assert root["conformsTo"] == {"@id": crate.PROFILE}
    assert {"name", "description", "datePublished", "license"} <= root.keys()
    assert action["@type"] == "CreateAction"
    assert found[action["instrument"]["@id"]]["@type"] == "SoftwareApplication"
    files = [found[one["@id"]] for one in action["result"]]
    assert {one["@id"] for one in files} >= {"released.tsv", "report.html"}
    cleaned = [one for one in files if one["@id"].startswith("dicom/")]
    assert len(cleaned) == 2 and all(len(one["sha256"]) == 64 for one in cleaned)
    kinds = {found[one["@id"]]["@id"].split("-")[0] for one in action["object"]}
    assert kinds == {"#input", "#setting", "#weights", "#lock"}


def test_nothing_in_it_identifies(lab, tmp_path):
    text = json.dumps(written(lab, tmp_path))
    for word in ("Doe", "Jane", "MRN-4711", "1.2.3.4.1", str(lab.work), str(lab.inputs)):
        assert word not in text


def test_an_unfinished_submission_is_refused(lab, tmp_path):
    (lab.results / "provenance.json").write_text("{}")
    with pytest.raises(UserError, match="an earlier version recorded it"):
        crate.write("lab", lab.results, tmp_path / crate.FILE)
    (lab.results / "report.html").unlink()
    with pytest.raises(UserError, match="submission lab: it is not finished"):
        crate.write("lab", lab.results, tmp_path / crate.FILE)
