import json

import pytest

from unburn import demand


@pytest.fixture
def summary(tmp_path):
    file = tmp_path / "plan.json"
    sizes = {"00000": 2**30, "00001": 8 * 2**30}
    file.write_text(json.dumps({"files": 30_000, "shard_bytes": sizes}))
    return file


def test_a_larger_shard_gets_more_time(summary):
    one, eight = (demand.shard_minutes("detect", summary, shard) for shard in ("00000", "00001"))
    assert eight - one == 7 * demand.MINUTES_PER_GIB["detect"]


def test_a_small_shard_gets_time_to_start(summary):
    summary.write_text(json.dumps({"shard_bytes": {"00000": 1}}))
    assert demand.shard_minutes("mask", summary, "00000") > demand.LEAST_MINUTES


def test_without_a_plan_a_usual_shard_is_assumed(tmp_path):
    minutes = demand.shard_minutes("gate", tmp_path / "plan.json", "00000")
    assert minutes == demand.LEAST_MINUTES + 2 * demand.MINUTES_PER_GIB["gate"]
    assert demand.submission_minutes(tmp_path / "plan.json") == 2 * demand.LEAST_MINUTES


def test_a_submission_gets_time_by_its_files(summary):
    more = demand.submission_minutes(summary) - 2 * demand.LEAST_MINUTES
    assert more == 30 * demand.MINUTES_PER_THOUSAND_FILES
