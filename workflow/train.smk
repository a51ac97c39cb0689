"""From a seed to the weights of the detector and the line reader, and how good they are.

    snakemake --snakefile workflow/train.smk --configfile config/train.yaml --cores 2

A run that was stopped goes on where it was. To use the weights, copy what is in train/models to
resources/models.
"""

import json
import shlex
import sys
from pathlib import Path

REPO = Path(workflow.basedir).resolve().parent
sys.path.insert(0, str(REPO / "workflow"))

from unburn.code import code_digest
from unburn.containers import without_blanks
from unburn.settings import defaults

BIN = Path(sys.executable).parent
IMAGES = {
    stack: without_blanks(
        image, stack, bool(workflow.deployment_settings.deployment_method)
    )
    for stack, image in defaults()["containers"].items()
}
# weights and the settings of their training
STEPS = {"detector": "detector", "lines": "reader"}
PATHS = f'PATH={shlex.quote(str(BIN))}:"$PATH" '
shell.prefix(
    "set -euo pipefail; export OMP_NUM_THREADS=1 "
    + ("" if workflow.deployment_settings.deployment_method else PATHS)
    + f'PYTHONPATH={shlex.quote(str(REPO / "workflow"))}; '
)


def settings(section):
    """The settings of one step with the seed, as JSON."""
    values = {name: value for name, value in config[section].items() if name != "start"}
    return json.dumps({"seed": config["seed"], **values}, sort_keys=True)


def start(wildcards):
    """The weights that a network goes on from, if any."""
    given = config[STEPS[wildcards.network]]["start"]
    return [given] if given else []


rule all:
    """The weights, their digests, the loss curves and the figures for the model card."""
    input:
        "train/models/SHA256SUMS",
        "train/detector.svg",
        "train/lines.svg",
        "train/threshold.json",


rule train:
    """Train one network, in one process, on scenes that a second one makes."""
    input:
        start,
        frames=config["frames"],
    output:
        weights="train/models/{network}.safetensors",
        curve="train/{network}.csv",
    log:
        "logs/train/{network}.log",
    wildcard_constraints:
        network="detector|lines",
    conda:
        "../envs/cpu.yaml"
    container:
        IMAGES["cpu"]
    threads: 2
    resources:
        mem_mb=6000,
        runtime=lambda wildcards: 30 + 2 * config[STEPS[wildcards.network]]["minutes"],
    params:
        what=lambda wildcards: STEPS[wildcards.network],
        settings=lambda wildcards: settings(STEPS[wildcards.network]),
        start=lambda wildcards, input: (
            f"--start {shlex.quote(input[0])}" if start(wildcards) else ""
        ),
        split_seed=config["split_seed"],
        fonts=config["fonts"],
        state="train/{network}.state",
        kept="train/{network}.curve",
        code=code_digest("train"),
    shell:
        "python -m unburn.train {params.what} --frames {input.frames:q}"
        " --split-seed {params.split_seed} --fonts {params.fonts:q}"
        " --settings {params.settings:q} {params.start} --state {params.state:q}"
        " --curve {params.kept:q} --out {output.weights:q} 2> {log:q}; cp {params.kept:q} {output.curve:q}"


rule draw_curve:
    """Draw losses and recall over the crops seen."""
    input:
        curve="train/{network}.csv",
    output:
        picture="train/{network}.svg",
    log:
        "logs/train/{network}-curve.log",
    conda:
        "../envs/cpu.yaml"
    container:
        IMAGES["cpu"]
    params:
        code=code_digest("train"),
    shell:
        "python -m unburn.train curve --curve {input.curve:q} --out {output.picture:q} 2> {log:q}"


rule list_digests:
    """List the sha256 of the weights, which unburn checks before it uses them."""
    input:
        "train/models/detector.safetensors",
        "train/models/lines.safetensors",
    output:
        "train/models/SHA256SUMS",
    log:
        "logs/train/digests.log",
    conda:
        "../envs/cpu.yaml"
    container:
        IMAGES["cpu"]
    shell:
        "(cd train/models && sha256sum detector.safetensors lines.safetensors)"
        " > {output:q} 2> {log:q}"


rule choose_threshold:
    """Choose the detector's threshold on validation data of two renderers."""
    input:
        frames=config["frames"],
        weights="train/models/detector.safetensors",
        digests="train/models/SHA256SUMS",
    output:
        threshold="train/threshold.json",
    log:
        "logs/train/trial.log",
    conda:
        "../envs/cpu.yaml"
    container:
        IMAGES["cpu"]
    resources:
        mem_mb=4000,
        runtime=120,
    params:
        settings=settings("trial"),
        split_seed=config["split_seed"],
        fonts=config["fonts"],
        held_out=config["held_out_fonts"],
        code=code_digest("trial"),
    shell:
        "python -m unburn.trial --weights {input.weights:q} --frames {input.frames:q}"
        " --split-seed {params.split_seed} --fonts {params.fonts:q}"
        " --held-out-fonts {params.held_out:q} --settings {params.settings:q}"
        " --out {output.threshold:q} 2> {log:q}"
