import json

import pytest

from unburn import (
    answer_key,
    answers,
    canaries,
    conformance,
    peers,
    second_decoders,
    tables,
    validation,
)
from unburn.presets import PRESETS


def answer(met, action=answer_key.RETAINED, preset="research"):
    return {"preset": preset, "object": "0", "kind": "CT", "action": action, "meaning": "word",
            "path": "StudyDescription", "met": met}  # fmt: skip


def canary(method, outcome):
    return {"method": method, "preset": "research", "depth": canaries.TOP, "tag": "00100010",
            "name": "Patient's Name", "vr": "PN", "outcome": outcome}  # fmt: skip


@pytest.fixture
def measured(tmp_path):
    """What the steps of the benchmark write, small."""
    (tmp_path / "key").mkdir()
    about = {"seed": 4, "objects": 2, "kinds": 2, "facts": 9, "digest": "abc"}
    (tmp_path / "key" / "about.json").write_text(json.dumps(about))
    tables.write_csv(
        tmp_path / "answers.csv", [answer(1), answer(1), answer(0), answer("")], answers.COLUMNS
    )
    held = [{"preset": "public", "kind": "DX", "reason_code": "face", "as_the_policy_says": 0}]
    suv = {"research": 0.0, "safe_harbor": None, "public": None}
    (tmp_path / "answers.json").write_text(json.dumps({"suv": suv, "held": held}))
    rows = [canary("unburn", "gone"), canary("unburn", "kept by an option")]
    tables.write_csv(tmp_path / "canaries.csv", [*rows, canary("unburn", "left")], canaries.COLUMNS)
    (tmp_path / "canaries.json").write_text('{"table_rows": 621, "rows_built": 3}')
    one = {
        "preset": "research", "folder": "some", "file": "a.dcm", "painted": 0, "kind": "image",
        "transfer_syntax": "1.2", "outcome": "cleaned", "errors_before": 3, "errors_after": 2,
        "new_kinds": "Error - one; Error - two",
    }  # fmt: skip
    damaged = {"outcome": "undecodable", "file": "b.dcm", "errors_before": "", "new_kinds": ""}
    tables.write_csv(tmp_path / "conformance.csv", [one, one | damaged], conformance.COLUMNS)
    decoded = {"folder": "some", "file": "a.dcm", "state": "original", "transfer_syntax": "1.2",
               "lossy": 0, "decoder": "gdcm", "outcome": "different", "difference": 7}  # fmt: skip
    tables.write_csv(tmp_path / "decoders.csv", [decoded], second_decoders.COLUMNS)
    others = [canary("unburn", "gone"), canary("dicognito", "left")]
    tables.write_csv(tmp_path / "peers_canaries.csv", others, canaries.COLUMNS)
    facts = [
        {"method": name, "action": answer_key.REMOVED, "met": met, "asked": 2}
        for name, met in (("unburn", 2), ("dicognito", 1))
    ]
    tables.write_csv(tmp_path / "peers_answers.csv", facts, peers.COLUMNS)
    times = {
        name: {"version": "1", "times": {"some": {"files": 100, "clean": s, "all": 2 * s}}}
        for name, s in (("unburn", 0.1), ("dicognito", 0.5))
    }
    (tmp_path / "peers.json").write_text(json.dumps(times))
    return tmp_path


def test_the_table_holds_every_figure(measured):
    validation.main(["--measured", str(measured)])
    table = (measured / "table.md").read_text()
    for text in (
        "| text retained | 2 of 3 = 0.6667 (0.0943 to 0.9916) | not asked | not asked |",
        "- 1 x research, text retained, word, StudyDescription", "- public: DX, face",
        "research 0.0e+00; safe_harbor cannot be computed",
        "| research | top | 2 of 3 (66.67 %) | 1 | 1 |", "| some | research | 1 | 3 | 2 | 1 |",
        "- 1 x research: Error - two (first: some/a.dcm)", "- some, undecodable: b.dcm",
        "| original, lossless | gdcm | 0 | 1 | 0 | 0 | 0 | 7 |",
        "- original, gdcm, different: a.dcm", "left out: dicom-anonymizer, deid",
        "| canaries handled, top | 1 of 1 (100.00 %) | 0 of 1 (0.00 %) |",
        "| some | cleaning alone | 1000 (1.0) | 200 (5.0) |",
    ):  # fmt: skip
        assert text in table, text
    assert (measured / "shares.csv").read_text().splitlines()[1].startswith("research,text ret")
    assert json.loads((measured / "about.json").read_text())["key"]["digest"] == "abc"


def test_parts_whose_program_is_missing_say_so(measured, monkeypatch):
    (measured / "conformance.csv").write_text(",".join(conformance.COLUMNS) + "\n")
    (measured / "decoders.csv").write_text(",".join(second_decoders.COLUMNS) + "\n")
    monkeypatch.setattr(validation, "PROGRAMS", {"dciodvfy": "no-such-program"})
    validation.main(["--measured", str(measured)])
    table = (measured / "table.md").read_text()
    assert "dciodvfy (Debian: dicom3tools) is missing" in table
    assert "Neither dcmtk nor gdcm is there" in table and "dciodvfy missing." in table


def test_long_lists_are_cut_and_say_so():
    lines = [f"- {k}" for k in range(100)]
    assert validation.shortened(lines)[-1] == "- and 70 more"
    assert validation.shortened(lines[:3]) == lines[:3]


def test_shares_are_those_of_released_objects():
    rows = [answer("1"), answer(""), answer("0", preset="public")]
    found = {row["preset"]: row for row in validation.shares(rows)}
    assert (found["research"]["met"], found["research"]["asked"]) == (1, 1)
    assert found["research"]["not_released"] == 1 and found["public"]["share"] == "0.0000"
    assert set(found) <= set(PRESETS)
