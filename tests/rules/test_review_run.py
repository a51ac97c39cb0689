"""People between the gate and what is handed out, on a real run: a box, a rejection, a signature,
and the same release made again.
"""

import subprocess
import sys

from test_year import AFTER_RELEASE, OF_A_SHARD

from runs import REPO, clean_environment, jobs, leaks, make_run, small_series, snakemake, tree
from unburn.ledger import records
from unburn.settings import WAITING

REVIEWER = "Rosalind Reviewer"
ANEW = {"extract_frames", "detect_text", "mask_text", "check_candidates", *OF_A_SHARD}


def verb(run, *words):
    """Call a verb in the folder of the run."""
    command = [sys.executable, "-m", "unburn", *words, "--configfile", "config.yaml"]
    environment = clean_environment() | {"PYTHONPATH": str(REPO / "workflow")}
    return subprocess.run(command, cwd=run, env=environment, capture_output=True, text=True)


def test_what_people_decide_touches_its_items_alone_and_waits_for_a_signature(tmp_path):
    folder = tmp_path / "handed in"
    for patient in (1, 2):
        small_series(folder / str(patient), patient)
    settings = {"plan": {"shard_gib": 1e-9}, "gate": {"approval": "required"}}
    run = make_run(tmp_path / "run", {"lab": folder}, **settings)
    waiting, results = run / "work" / WAITING / "lab", run / "results"
    screen = snakemake(run)
    assert screen.returncode == 0, screen.stderr
    assert not results.exists()
    assert "4 files wait for a person's signature before they enter results/lab" in screen.stderr
    before = tree(waiting)
    times = {name: (waiting / name).stat().st_mtime_ns for name in before}

    on = ("--submission", "lab", "--reviewer", REVIEWER)
    for words in (("--item", "1", "--mask", "8,8,40,24"), ("--item", "3-4", "--reject")):
        done = verb(run, "decide", *on, *words)
        assert done.returncode == 0, done.stderr
    screen = snakemake(run)
    assert screen.returncode == 0, screen.stderr
    started = jobs(screen.stderr)
    assert set(started) == ANEW | AFTER_RELEASE
    assert [started.count(rule) for rule in sorted(ANEW)] == [1] * len(ANEW)  # one shard
    after = tree(waiting)
    ledger = {row["item"]: row for row in records(run / "work" / "lab" / "ledger.tsv")}
    assert [ledger[item]["reason_code"] for item in "1234"] == ["", "", "rejected", "rejected"]
    kept = [ledger["2"]["output"]]
    assert all(after[name] == before[name] for name in kept)
    assert all((waiting / name).stat().st_mtime_ns == times[name] for name in kept)
    assert after[ledger["1"]["output"]] != before[ledger["1"]["output"]]

    refused = verb(run, "decide", *on, "--item", "2", "--release")
    assert refused.returncode == 1
    assert "item 2: the gate did not hold it back" in refused.stderr
    done = verb(run, "approve", *on, "--seen", "2")
    assert done.returncode == 0, done.stderr
    assert tree(results / "lab") == after

    again = verb(run, "reproduce", f"work/{WAITING}/lab/provenance.json", "--submission", "lab")
    assert again.returncode == 0, again.stdout + again.stderr
    assert f"lab: identical, all {len(records(waiting / 'released.tsv'))} files" in again.stdout
    (run / "screen.txt").write_text(screen.stdout + screen.stderr + done.stdout + again.stdout)
    assert leaks(run, [REVIEWER, "Rosalind"]) == []
