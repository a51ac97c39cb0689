"""The workflow as text: it lints, is formatted, explains itself, and the documents are in step."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from runs import DEMO, REPO, SNAKEMAKE, clean_environment, make_run, snakemake

TOOLS = Path(sys.executable).parent
STAGES = ["plan", "frames", "detect", "mask", "crop", "inpaint", "reassemble", "gate", "release"]
STAGES += ["evaluate", "report"]


def run(*command):
    return subprocess.run(
        command, cwd=REPO, capture_output=True, text=True, env=clean_environment()
    )


@pytest.mark.parametrize(
    "command",
    [
        [SNAKEMAKE, "--lint"],
        [TOOLS / "snakefmt", "--check", "Snakefile", "workflow"],
        [TOOLS / "ruff", "check", "."],
        [TOOLS / "ruff", "format", "--check", "."],
        [TOOLS / "mypy"],
    ],
    ids=["lint", "snakefmt", "ruff", "ruff-format", "mypy"],
)
def test_a_checker_is_content(command):
    result = run(*command)
    assert result.returncode == 0, result.stdout + result.stderr


@pytest.mark.parametrize("snakefile", ["Snakefile", "workflow/Snakefile"])
def test_a_clean_clone_plans_the_demo(snakefile, tmp_path):
    result = run(SNAKEMAKE, "--snakefile", snakefile, "--dry-run", "--cores", "1", "--forceall")
    assert result.returncode == 0, result.stderr
    assert "plan_submission" in result.stdout + result.stderr


@pytest.mark.parametrize(
    ("name", "rule"),
    [
        ("benchmark", "measure_detection"),
        ("benchmark", "tabulate_metadata"),
        ("benchmark", "tabulate_restoration"),
        ("benchmark", "tabulate_planted"),
        ("train", "choose_threshold"),
    ],
)
def test_the_workflows_beside_the_main_one_are_planned(name, rule, tmp_path):
    (tmp_path / "train").mkdir()
    (tmp_path / "train" / "frames.csv").touch()
    (tmp_path / "resources").symlink_to(REPO / "resources")
    result = run(
        SNAKEMAKE, "--snakefile", f"workflow/{name}.smk", "--configfile", f"config/{name}.yaml",
        "--directory", tmp_path, "--dry-run", "--printshellcmds", "--cores", "2",
    )  # fmt: skip
    assert result.returncode == 0, result.stderr
    assert rule in result.stdout + result.stderr
    assert "null" not in result.stdout + result.stderr  # defaults stand in what the jobs depend on


def test_the_slurm_profile_is_found_and_holds_the_retries():
    profile = (REPO / "slurm" / "config.yaml").read_text()
    assert "executor: slurm" in profile and re.search(r"^retries: [1-9]", profile, re.MULTILINE)
    rules = "".join(file.read_text() for file in (REPO / "workflow" / "rules").glob("*.smk"))
    assert "retries" not in rules


def test_rules_read_as_a_table_of_contents():
    lines = run(SNAKEMAKE, "--list-rules").stdout.splitlines()
    rules = [line for line in lines if re.match(r"[a-z_]+\b", line)]
    assert len(rules) >= 13
    for rule in rules:
        assert re.match(r"[a-z_]+ \([A-Z].*\.\)?$", rule), rule  # a whole sentence each


@pytest.mark.parametrize("stage", STAGES)
def test_a_stage_has_one_name_in_three_places(stage):
    assert (REPO / "workflow" / "rules" / f"{stage}.smk").is_file()
    assert (REPO / "workflow" / "unburn" / f"{stage}.py").is_file()
    assert (REPO / "tests" / "unit" / f"test_{stage}.py").is_file()


def rules(folder, pattern):
    """The text of every rule that does something, by file and name."""
    for file in folder.glob(pattern):
        parts = re.split(r"^(?:rule|checkpoint) ", file.read_text(), flags=re.MULTILINE)[1:]
        for rule in parts:
            if re.search(r"^    (shell|output):", rule, re.MULTILINE):
                yield f"{file.name}: {rule.split(':')[0]}", rule


def test_every_rule_names_both_environments_a_log_and_resources():
    for where, rule in rules(REPO / "workflow" / "rules", "*.smk"):
        for directive in ("log:", "conda:", "container:", "threads:", "resources:"):
            assert f"    {directive}" in rule, f"{where}: {directive}"


def test_conda_and_image_of_a_rule_are_of_the_same_stack():
    found = [*rules(REPO / "workflow" / "rules", "*.smk"), *rules(REPO / "workflow", "*.smk")]
    assert len(found) > 25
    for where, rule in found:
        conda = re.search(r'^    conda:\n        ".*envs/(\w+)\.yaml"$', rule, re.MULTILINE)
        image = re.search(
            r'^    container:\n        (?:config\["containers"\]|IMAGES)\["(\w+)"\]$',
            rule,
            re.MULTILINE,
        )
        assert conda and image and conda[1] == image[1], where


@pytest.mark.parametrize("image", ["none.sif", "docker://somewhere/unburn:1"])
def test_an_image_that_is_not_there_stops_a_run_before_the_first_job(image, tmp_path):
    run = make_run(tmp_path / "run", {"demo": DEMO / "data"}, containers={"cpu": image})
    result = snakemake(run, "--sdm", "apptainer")
    assert result.returncode == 1 and "Traceback" not in result.stderr
    assert "error: containers.cpu: " in result.stderr
    assert "-m unburn fetch cpu --from" in result.stderr
    assert not list((run / "work" / "demo").glob("*")) and not (run / "results").exists()


def test_no_job_begins_in_an_image_when_hooks_do_not_show_it_what_it_reads(tmp_path, monkeypatch):
    programs, image = tmp_path / "bin", tmp_path / "cpu.sif"
    programs.mkdir()
    image.touch()
    apptainer = programs / "apptainer"  # one without images: jobs would run as they do outside
    apptainer.write_text(
        '#!/bin/sh\n[ "$1" != --version ] || { echo apptainer version 1.4.0; exit; }\n'
        'while [ "$1" != -c ]; do shift; done\nexec bash -c "$2"\n'
    )
    apptainer.chmod(0o755)
    monkeypatch.setenv("PATH", str(programs), prepend=os.pathsep)
    run = make_run(tmp_path / "run", {"demo": DEMO / "data"}, containers={"cpu": str(image)})
    result = snakemake(run, "--sdm", "apptainer", "--no-hooks")
    assert result.returncode != 0 and "Traceback" not in result.stderr
    assert "error: --no-hooks: jobs in images would not see what they read" in result.stderr
    assert "hint: start again without --no-hooks" in result.stderr
    assert not list((run / "work" / "demo").glob("*.tsv")) and not (run / "results").exists()


def test_the_diagram_in_the_readme_is_the_workflows(tmp_path):
    readme = (REPO / "README.md").read_text()
    shown = re.search(r"<!-- diagram -->\s*```mermaid\n(.*?)```", readme, re.DOTALL)
    assert shown, "README.md has no diagram between its marks"
    # The stages of a shard are in the graph only after the plan has made one.
    folder = make_run(tmp_path / "run", {"demo": DEMO / "data"}) / "work" / "demo"
    (folder / "shards").mkdir(parents=True)
    (folder / "shards" / "00000.tsv").touch()
    (folder / "inventory.tsv").touch()
    graph = ("--rulegraph", "mermaid-js", "--rerun-triggers", "mtime")
    result = snakemake(folder.parents[1], *graph)
    assert result.returncode == 0, result.stderr
    assert edges(shown[1]) == edges(result.stdout) and len(edges(shown[1])) >= 12


def edges(mermaid):
    """The arrows of a Mermaid graph by the names of its nodes."""
    names = dict(re.findall(r"(\w+)\[([^\]]+)\]", mermaid))
    arrows = re.findall(r"(\w+)\s*-->\s*(\w+)", mermaid)
    return {(names.get(a, a), names.get(b, b)) for a, b in arrows}
