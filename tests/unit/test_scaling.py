import os
import sys

import pytest

from unburn import scaling
from unburn.errors import UserError

HUNGRY = """
import pathlib, time
kept = bytearray(64 << 20)
kept[::4096] = b"x" * len(kept[::4096])
pathlib.Path("out").write_bytes(bytes(8 << 20))
pathlib.Path("out").read_bytes()
begin = time.process_time()
while time.process_time() < begin + 0.3:
    pass
time.sleep(0.5)
print("done")
"""


def test_a_program_is_measured_with_all_that_it_starts(tmp_path):
    shell = ["sh", "-c", f'"{sys.executable}" -c "$0"; true', HUNGRY]
    cost, printed = scaling.measured(shell, tmp_path)
    assert printed == "done\n"
    assert cost.cpu_s >= 0.3 and cost.wall_s >= 0.8
    assert 64 < cost.memory_mib < 200
    assert 8 <= cost.written_mib < 10 and 8 <= cost.read_mib < 40


def test_a_program_that_fails_is_an_error_with_its_last_line(tmp_path):
    with pytest.raises(UserError, match=r"ended with 3\n.*why"):
        scaling.measured(["sh", "-c", "echo why; exit 3"], tmp_path)


def test_a_file_with_two_names_takes_its_room_once(tmp_path):
    (tmp_path / "work").mkdir()
    (tmp_path / "work" / "alone").write_bytes(bytes(2 << 20))
    (tmp_path / "work" / "shared").write_bytes(bytes(5 << 20))
    os.link(tmp_path / "work" / "shared", tmp_path / "released")
    assert scaling.disk_mib(tmp_path) == 7


def test_jobs_of_a_dry_run_are_counted_by_its_last_table():
    assert scaling.total_jobs("job  count\nall  1\ntotal  14\nmore\ntotal  15\n") == 15
    assert scaling.total_jobs("Nothing to be done") == 0
