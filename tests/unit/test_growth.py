import json
import math

import pytest

from unburn import growth


def cost(wall, cpu=1.0):
    return {
        "wall_s": wall, "cpu_s": cpu, "memory_mib": 100.0, "read_mib": 10.0, "written_mib": 5.0,
    }  # fmt: skip


def plan_of(files, wall):
    return {
        "files": files, "cores": 2, "shard_mib": 0, "plan": cost(wall), "plan_memory_mib": 200.0,
        "dry_run": cost(1.0), "jobs": 15,
    }  # fmt: skip


def clean_of(frames, wall, cores=2, shard_mib=0):
    stage = {"jobs": 1, "s": 0.8 * wall, "start_s": 0.1 * wall, "memory_mib": 500.0}
    return {
        "frames": frames, "released": frames, "cores": cores, "shard_mib": shard_mib,
        "decoded_mib": frames / 2, "first": cost(wall), "second": cost(3.0), "scratch_mib": frames,
        "scratch_left_mib": 1.0, "stages": {"frames": stage}, "peer_s": 0.25,
    }  # fmt: skip


@pytest.mark.parametrize("power", [0, 0.5, 1, 2])
def test_the_exponent_is_that_of_a_power_law(power):
    sizes = [10, 100, 5000]
    assert growth.exponent(sizes, [3 * size**power for size in sizes]) == pytest.approx(power)


def test_one_size_and_no_cost_have_no_exponent():
    assert math.isnan(growth.exponent([10, 10], [1, 2]))
    assert math.isnan(growth.exponent([10, 20], [0, 2]))


def test_figures_tell_speed_shares_gain_and_growth(tmp_path):
    measured = {
        "plan-100-2-0": plan_of(100, 0.5), "plan-1000-2-0": plan_of(1000, 5.0),
        "clean-100-2-0": clean_of(100, 10.0), "clean-400-2-0": clean_of(400, 40.0),
        "clean-400-1-0": clean_of(400, 72.0, cores=1),
        "clean-400-2-64": clean_of(400, 44.0, shard_mib=64),
    }  # fmt: skip
    for name, one in measured.items():
        (tmp_path / f"{name}.json").write_text(json.dumps(one))
    found = dict(growth.tabulate(tmp_path, tmp_path))
    assert found["plan of 1000 files, 2 cores"].startswith("200 files/s, 1.00 ms CPU a file")
    assert found["400 frames, 2 cores: speed"].startswith("10.0 frames/s")
    assert found["400 frames, 2 cores: beside RapidOCR's detector alone on one core"] == "2.5 x"
    assert found["400 frames, 2 cores: wall time in jobs; their own work"] == "80%; 70%"
    assert (
        found["400 frames, 2 cores: scratch beside results at the peak, of decoded bytes"]
        == "2.00 x"
    )
    assert found["400 frames, 1 core to 2 cores"] == "1.80 x"
    assert found["exponent: clean, wall time"] == "1.00"
    assert found["exponent: frames, memory of its jobs"] == "0.00"
    assert "| frames | 80.0 ms; 1.0 s, 500 MiB |" in (tmp_path / "table.md").read_text()
    assert (tmp_path / "scale.csv").read_text().count("\n") == 1 + 2 * 6
    assert (tmp_path / "cost.svg").read_text().startswith("<svg")
