"""The index across runs: what it says of each submission, and where it may be written."""

import csv
import json
import re
import shutil

import pytest
from test_evaluate import NO_TRUTH
from test_release import Made

from unburn import evaluate, index, provenance, settings, tables
from unburn.errors import UserError
from unburn.settings import WAITING

RECORD = provenance.provenance(settings.defaults(), "0123456789abcdef")


@pytest.fixture
def run(tmp_path):
    """A run with a submission that was handed out and one that was only planned."""
    lab = Made(tmp_path / "run-1")
    lab.image(series="s00001")
    lab.image(series="s00002", verdict="hold")
    lab.release()
    found = evaluate.evaluate("lab", lab.work, lab.results, NO_TRUTH)
    (lab.results / "metrics.json").write_text(json.dumps(found))
    (lab.results / "provenance.json").write_text(json.dumps(RECORD))
    tables.write(tmp_path / "run-1" / "work" / "new" / "inventory.tsv", [], ["item"])
    (tmp_path / "run-1" / "work" / "_preview" / "x").mkdir(parents=True)
    return tmp_path / "run-1"


def rows_of(*runs, out=None):
    page, table, rows = index.index(runs, out)
    with open(table, newline="") as file:
        assert [row["submission"] for row in csv.DictReader(file)] == [
            row["submission"] for row in rows
        ]
    return page.read_text(), {row["submission"]: row for row in rows}


def test_each_submission_has_a_line_with_its_figures(run):
    page, rows = rows_of(run)
    assert list(rows) == ["lab", "new"]
    lab = rows["lab"]
    assert (lab["run"], lab["state"]) == ("run-1", "handed out")
    assert (lab["released"], lab["held_back"], lab["release_rate"]) == (1, 1, 0.5)
    assert lab["version"] == RECORD["unburn"]["version"]
    assert rows["new"]["state"] == "not finished" and rows["new"]["released"] is None
    assert page.count("<tr>") == 3 and "not finished" in page
    assert (run / "work" / "index.html").is_file() and (run / "work" / "index.csv").is_file()


def test_a_page_needs_nothing_but_itself(run):
    page, _ = rows_of(run)
    assert not re.search(r"<(script|link|img)|https?://", page)
    assert '<html lang="en">' in page and 'scope="col"' in page and "<caption>" in page


def test_what_waits_for_a_signature_is_told(run):
    waiting = run / "work" / WAITING / "lab"
    shutil.copytree(run / "results" / "lab", waiting)
    assert rows_of(run)[1]["lab"]["state"] == "handed out"  # the same files
    (run / "results" / "lab" / "released.tsv").unlink()
    assert rows_of(run)[1]["lab"]["state"] == "waits for a signature"


def test_a_submission_that_cannot_be_read_does_not_stop_the_others(run):
    shutil.copytree(run / "results" / "lab", run / "results" / "odd")
    (run / "results" / "odd" / "metrics.json").write_text("{")
    _, rows = rows_of(run)
    assert rows["odd"]["state"] == "not readable"
    assert rows["lab"]["state"] == "handed out"


def test_two_runs_are_on_one_page(run, tmp_path):
    other = tmp_path / "run-2"
    shutil.copytree(run, other)
    page, _, rows = index.index([run, other], tmp_path / "out")
    assert [(row["run"], row["submission"]) for row in rows] == [
        (name, label) for name in ("run-1", "run-2") for label in ("lab", "new")
    ]
    assert page == tmp_path / "out" / "index.html"
    assert index.totals(rows)["released"] == 2


def test_places_of_the_settings_are_followed(run):
    (run / "results").rename(run / "out")
    (run / "config.yaml").write_text("results: out\n")
    assert rows_of(run)[1]["lab"]["state"] == "handed out"


@pytest.mark.parametrize("below", ["results", "results/lab", "results/lab/dicom/x"])
def test_it_is_never_written_where_results_are_handed_out(run, below):
    with pytest.raises(UserError, match="it lies in the folder of results"):
        index.index([run], run / below)
    assert not list((run / "results").rglob("index.*"))


def test_a_folder_that_is_no_run_is_refused(tmp_path):
    with pytest.raises(UserError, match="it has no work/"):
        index.index([tmp_path], None)


def test_a_run_without_any_submission_has_a_page_that_says_so(tmp_path):
    (tmp_path / "work").mkdir()
    page, _, rows = index.index([tmp_path], None)
    assert rows == [] and "No submission was begun in this run." in page.read_text()
