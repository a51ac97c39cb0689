"""Controls meet the stages by the commands that the rules of a shard have."""

import re
from pathlib import Path

import pytest

from unburn import stages
from unburn.stages import Given

RULES = Path(stages.__file__).parents[1] / "rules"
OF_RUNS = {"mending", "batches"}  # what is lost of a release, what a GPU painted
GIVEN = Given(
    {name: {"seed": 1} for name in ("detect", "mask", "inpaint", "metadata", "gate")},
    *(Path("weights.pt"), Path("reader.pt"), [Path("own.tsv"), Path("more.tsv")]),
    *(Path("unburn.key"), "lab"),
)
COMMANDS = dict(stages.commands(Path("work/lab/controls"), GIVEN, threads=4))


@pytest.mark.parametrize("stage", COMMANDS)
def test_a_stage_gets_the_options_that_its_rule_gives_it(stage):
    rule = (RULES / f"{stage}.smk").read_text()
    command = rule[rule.rindex(f"python -m unburn.{stage}") :]
    named = set(re.findall(r"--([a-z-]+)", command)) - OF_RUNS
    assert {word.partition("=")[0][2:] for word in COMMANDS[stage] if word[0] == "-"} == named


def test_the_stages_are_those_of_a_shard_in_their_order():
    included = (RULES.parents[1] / "Snakefile").read_text()
    names = re.findall(r"workflow/rules/(\w+)\.smk", included)
    shard = names[names.index("frames") : names.index("gate") + 1]
    assert list(COMMANDS) == [name for name in shard if name != "batch"]


def test_stages_that_compute_little_get_few_processes():
    assert "--threads=2" in COMMANDS["frames"] and "--threads=4" in COMMANDS["detect"]
    assert COMMANDS["mask"][-3:] == ["--device-rules", "own.tsv", "more.tsv"]
