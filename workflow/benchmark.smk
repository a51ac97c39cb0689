"""How good unburn is: each target makes its own frozen test set and compares methods on it.

    snakemake --snakefile workflow/benchmark.smk --configfile config/benchmark.yaml --cores 2 detection

What each figure counts stands beside the tables (and in workflow/unburn/judging.py).
"""

import json
import shlex
import sys
from pathlib import Path

REPO = Path(workflow.basedir).resolve().parent
sys.path.insert(0, str(REPO / "workflow"))

from unburn.code import code_digest
from unburn.settings import defaults

BIN = Path(sys.executable).parent
PATHS = f'PATH={shlex.quote(str(BIN))}:"$PATH" '
shell.prefix(
    "set -euo pipefail; export OMP_NUM_THREADS=1 OMP_THREAD_LIMIT=1 "
    + ("" if workflow.deployment_settings.deployment_method else PATHS)
    + f'PYTHONPATH={shlex.quote(str(REPO / "workflow"))}; '
)


def settings():
    """The section detection as JSON, with the threshold that a run would use."""
    threshold = config["detection"]["threshold"]
    if threshold is None:
        threshold = defaults()["detect"]["threshold"]
    return json.dumps({**config["detection"], "threshold": threshold}, sort_keys=True)


rule all:
    """Every benchmark."""
    input:
        "benchmark/detection/table.md",


rule detection:
    """The detector beside RapidOCR's and Tesseract: recall by stratum, false area, speed."""
    input:
        "benchmark/detection/table.md",


rule measure_detection:
    """Make frames with known ink and judge every method on them."""
    input:
        frames=config["detection"]["frames"] or [],
        weights=config["detection"]["weights"],
    output:
        lines="benchmark/detection/lines.csv",
        frames="benchmark/detection/frames.csv",
        about="benchmark/detection/set.json",
        sheet="benchmark/detection/frames.png",
        misses="benchmark/detection/misses.png",
    log:
        "logs/benchmark/detection.log",
    conda:
        "../envs/cpu.yaml"
    threads: 2
    resources:
        mem_mb=6000,
        runtime=120,
    params:
        settings=settings(),
        out=lambda wildcards, output: str(Path(output.lines).parent),
        code=code_digest("detection"),
    shell:
        "python -m unburn.detection --settings {params.settings:q}"
        " --weights {input.weights:q} --threads {threads} --out {params.out:q} 2> {log:q}"


rule time_detection:
    """Time our detector and RapidOCR's on the same frames, and measure the memory."""
    input:
        frames=config["detection"]["frames"] or [],
        weights=config["detection"]["weights"],
    output:
        speed="benchmark/detection/speed.json",
    log:
        "logs/benchmark/detection-speed.log",
    conda:
        "../envs/cpu.yaml"
    threads: workflow.cores  # nothing else may run beside it
    resources:
        mem_mb=6000,
        runtime=60,
    params:
        settings=settings(),
        code=code_digest("timing"),
    shell:
        "python -m unburn.timing --settings {params.settings:q} --weights {input.weights:q}"
        " --out {output.speed:q} 2> {log:q}"


rule tabulate_detection:
    """Recall with bounds by stratum, what was masked without reason, as tables and a picture."""
    input:
        lines="benchmark/detection/lines.csv",
        frames="benchmark/detection/frames.csv",
        about="benchmark/detection/set.json",
        speed="benchmark/detection/speed.json",
    output:
        table="benchmark/detection/table.md",
        recall="benchmark/detection/recall.csv",
        picture="benchmark/detection/recall.svg",
    log:
        "logs/benchmark/detection-table.log",
    conda:
        "../envs/cpu.yaml"
    params:
        measured=lambda wildcards, input: str(Path(input.lines).parent),
        code=code_digest("comparison"),
    shell:
        "python -m unburn.comparison --measured {params.measured:q} --speed {input.speed:q}"
        " --out {params.measured:q} 2> {log:q}"
