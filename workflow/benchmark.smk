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

import pydicom

from unburn.code import code_digest
from unburn.containers import without_blanks
from unburn.files import sha256
from unburn.settings import defaults

BIN = Path(sys.executable).parent
IMAGES = {
    stack: without_blanks(
        image, stack, bool(workflow.deployment_settings.deployment_method)
    )
    for stack, image in defaults()["containers"].items()
}
PATHS = f'PATH={shlex.quote(str(BIN))}:"$PATH" '
shell.prefix(
    "set -euo pipefail; export OMP_NUM_THREADS=1 OMP_THREAD_LIMIT=1 "
    + ("" if workflow.deployment_settings.deployment_method else PATHS)
    + f'PYTHONPATH={shlex.quote(str(REPO / "workflow"))}; '
)


def threshold():
    """The detector's threshold: the one that a run would use, where none is set."""
    chosen = config["detection"]["threshold"]
    return defaults()["detect"]["threshold"] if chosen is None else chosen


def settings():
    """The section detection as JSON."""
    return json.dumps({**config["detection"], "threshold": threshold()}, sort_keys=True)


def ours(wildcards, input):
    """What our detector needs and no other: then others are not measured again with it."""
    if not input.weights:
        return ""
    return f"--weights {shlex.quote(str(input.weights))} --threshold {threshold()}"


def planted_settings():
    """The section tables as JSON, with what it shares with the section detection."""
    shared = {name: config["detection"][name] for name in ("fonts", "split_seed")}
    return json.dumps({**config["tables"], **shared}, sort_keys=True)


def own_models():
    """The user's models as JSON, each with what its file holds now."""
    found = [
        {**one, "sha256": sha256(Path(path)) if Path(path).is_file() else ""}
        for one in config["tables"]["models"]
        for path in [one.get("path", "")]
    ]
    return json.dumps(found, sort_keys=True)


def folders():
    """The folders of DICOM files by name, as JSON: the answer key's, pydicom's own, the user's."""
    named = {Path(folder).name: folder for folder in config["metadata"]["folders"]}
    own = Path(pydicom.__file__).parent / "data" / "test_files"
    key = "benchmark/metadata/key/objects"
    return json.dumps({"answer key": key, "pydicom": str(own), **named}, sort_keys=True)


DETECTORS = ("unburn", *config["detection"]["peers"])
TABLES = (
    "detection",
    "restoration",
    "privacy",
    "release",
    "classification",
    "segmentation",
)
STAGES = (
    "plan",
    "frames",
    "detect",
    "mask",
    "crop",
    "inpaint",
    "reassemble",
    "gate",
    "release",
)


rule all:
    """Every benchmark."""
    input:
        "benchmark/detection/table.md",
        "benchmark/metadata/table.md",
        "benchmark/restoration/table.md",
        "benchmark/tables/tables.html",


rule detection:
    """The detector beside RapidOCR's and Tesseract: recall by stratum, false area, speed."""
    input:
        "benchmark/detection/table.md",


rule metadata:
    """Headers and stored values: an answer key, canaries, dciodvfy, other decoders and programs."""
    input:
        "benchmark/metadata/table.md",


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
    container:
        IMAGES["cpu"]
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
    container:
        IMAGES["cpu"]
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
    container:
        IMAGES["cpu"]
    params:
        measured=lambda wildcards, input: str(Path(input.lines).parent),
        code=code_digest("comparison"),
    shell:
        "python -m unburn.comparison --measured {params.measured:q} --speed {input.speed:q}"
        " --out {params.measured:q} 2> {log:q}"


rule make_answer_key:
    """Make DICOM objects with planted facts, and a run that cleans them under each preset."""
    output:
        facts="benchmark/metadata/key/facts.csv",
        about="benchmark/metadata/key/about.json",
        sheet="benchmark/metadata/run/sheet.tsv",
    log:
        "logs/benchmark/metadata-key.log",
    conda:
        "../envs/cpu.yaml"
    container:
        IMAGES["cpu"]
    params:
        seed=config["metadata"]["seed"],
        key=lambda wildcards, output: str(Path(output.facts).parent),
        run=lambda wildcards, output: str(Path(output.sheet).parent),
        code=code_digest("answer_key"),
    shell:
        "python -m unburn.answer_key --seed {params.seed} --out {params.key:q}"
        " --run {params.run:q} 2> {log:q}"


rule clean_answer_key:
    """Run the workflow on the answer key, one submission for each preset."""
    input:
        facts="benchmark/metadata/key/facts.csv",
        sheet="benchmark/metadata/run/sheet.tsv",
    output:
        screen="benchmark/metadata/run/screen.txt",
    log:
        "logs/benchmark/metadata-run.log",
    conda:
        "../envs/cpu.yaml"
    container:
        IMAGES["cpu"]
    threads: workflow.cores
    resources:
        mem_mb=6000,
        runtime=60,
    params:
        snakefile=str(REPO / "Snakefile"),
        run=lambda wildcards, input: str(Path(input.sheet).parent),
        code=[code_digest(stage) for stage in STAGES],
    shell:
        "python -m snakemake --snakefile {params.snakefile:q} --directory {params.run:q}"
        " --configfile {params.run:q}/config.yaml --cores {threads} > {output.screen:q} 2> {log:q}"


rule judge_answers:
    """Hold what was released against every planted fact."""
    input:
        facts="benchmark/metadata/key/facts.csv",
        screen="benchmark/metadata/run/screen.txt",
    output:
        answers="benchmark/metadata/answers.csv",
        about="benchmark/metadata/answers.json",
    log:
        "logs/benchmark/metadata-answers.log",
    conda:
        "../envs/cpu.yaml"
    container:
        IMAGES["cpu"]
    params:
        key=lambda wildcards, input: str(Path(input.facts).parent),
        run=lambda wildcards, input: str(Path(input.screen).parent),
        out=lambda wildcards, output: str(Path(output.answers).parent),
        code=code_digest("answers"),
    shell:
        "python -m unburn.answers --key {params.key:q} --run {params.run:q}"
        " --out {params.out:q} 2> {log:q}"


rule measure_canaries:
    """Clean a canary for every row of PS3.15 Table E.1-1."""
    output:
        canaries="benchmark/metadata/canaries.csv",
        about="benchmark/metadata/canaries.json",
    log:
        "logs/benchmark/metadata-canaries.log",
    conda:
        "../envs/cpu.yaml"
    container:
        IMAGES["cpu"]
    params:
        out=lambda wildcards, output: str(Path(output.canaries).parent),
        code=code_digest("canaries"),
    shell:
        "python -m unburn.canaries --out {params.out:q} 2> {log:q}"


rule check_conformance:
    """Compare dciodvfy's errors before and after cleaning."""
    input:
        facts="benchmark/metadata/key/facts.csv",
    output:
        errors="benchmark/metadata/conformance.csv",
    log:
        "logs/benchmark/metadata-conformance.log",
    conda:
        "../envs/cpu.yaml"
    container:
        IMAGES["cpu"]
    threads: 2
    params:
        folders=folders(),
        code=code_digest("conformance"),
    shell:
        "python -m unburn.conformance --folders {params.folders:q} --threads {threads}"
        " --out {output.errors:q} 2> {log:q}"


rule compare_decoders:
    """Compare stored values, before and after, with dcmtk's and gdcm's."""
    input:
        facts="benchmark/metadata/key/facts.csv",
    output:
        decoders="benchmark/metadata/decoders.csv",
    log:
        "logs/benchmark/metadata-decoders.log",
    conda:
        "../envs/cpu.yaml"
    container:
        IMAGES["cpu"]
    threads: 2
    params:
        folders=folders(),
        code=code_digest("second_decoders"),
    shell:
        "python -m unburn.second_decoders --folders {params.folders:q} --threads {threads}"
        " --out {output.decoders:q} 2> {log:q}"


rule compare_peers:
    """Clean the same headers by other programs, and time all of them."""
    input:
        facts="benchmark/metadata/key/facts.csv",
    output:
        canaries="benchmark/metadata/peers_canaries.csv",
        answers="benchmark/metadata/peers_answers.csv",
        about="benchmark/metadata/peers.json",
    log:
        "logs/benchmark/metadata-peers.log",
    conda:
        "../envs/cpu.yaml"
    container:
        IMAGES["cpu"]
    threads: workflow.cores  # nothing else may run beside it
    params:
        folders=folders(),
        venvs=config["metadata"]["peers"],
        key=lambda wildcards, input: str(Path(input.facts).parent),
        out=lambda wildcards, output: str(Path(output.about).parent),
        code=code_digest("peers"),
    shell:
        "python -m unburn.peers --key {params.key:q} --folders {params.folders:q}"
        " --venvs {params.venvs:q} --out {params.out:q} 2> {log:q}"


rule tabulate_metadata:
    """Everything that was measured about headers and stored values, as one page."""
    input:
        key="benchmark/metadata/key/about.json",
        answers="benchmark/metadata/answers.csv",
        about="benchmark/metadata/answers.json",
        canaries="benchmark/metadata/canaries.csv",
        conformance="benchmark/metadata/conformance.csv",
        decoders="benchmark/metadata/decoders.csv",
        peers="benchmark/metadata/peers.json",
    output:
        table="benchmark/metadata/table.md",
        shares="benchmark/metadata/shares.csv",
        versions="benchmark/metadata/about.json",
    log:
        "logs/benchmark/metadata-table.log",
    conda:
        "../envs/cpu.yaml"
    container:
        IMAGES["cpu"]
    params:
        measured=lambda wildcards, output: str(Path(output.table).parent),
        code=code_digest("validation"),
    shell:
        "python -m unburn.validation --measured {params.measured:q} 2> {log:q}"


rule restoration:
    """Every engine beside OpenCV's own and a black box: how near to the truth, how like around."""
    input:
        "benchmark/restoration/table.md",


rule measure_restoration:
    """Paint holes in held-out frames by every method and measure what comes out."""
    input:
        frames=config["restoration"]["frames"] or [],
        detector=config["restoration"]["detector"],
    output:
        rows="benchmark/restoration/rows.csv",
        cines="benchmark/restoration/cines.csv",
        about="benchmark/restoration/set.json",
        pictures="benchmark/restoration/pictures.png",
    log:
        "logs/benchmark/restoration.log",
    conda:
        "../envs/cpu.yaml"
    container:
        IMAGES["cpu"]
    threads: 2
    resources:
        mem_mb=6000,
        runtime=120,
    params:
        settings=json.dumps(config["restoration"], sort_keys=True),
        out=lambda wildcards, output: str(Path(output.rows).parent),
        code=code_digest("restoration"),
    shell:
        "python -m unburn.restoration --settings {params.settings:q} --threads {threads}"
        " --out {params.out:q} 2> {log:q}"


rule time_restoration:
    """Time every method on typical frames, and measure the memory."""
    input:
        frames=config["restoration"]["frames"] or [],
    output:
        speed="benchmark/restoration/speed.csv",
    log:
        "logs/benchmark/restoration-speed.log",
    conda:
        "../envs/cpu.yaml"
    container:
        IMAGES["cpu"]
    threads: workflow.cores  # nothing else may run beside it
    resources:
        mem_mb=6000,
        runtime=60,
    params:
        settings=json.dumps(config["restoration"], sort_keys=True),
        code=code_digest("restoration_timing"),
    shell:
        "python -m unburn.restoration_timing --settings {params.settings:q}"
        " --out {output.speed:q} 2> {log:q}"


rule tabulate_restoration:
    """Errors, likeness, texture, flicker and time by method, as tables and a picture."""
    input:
        rows="benchmark/restoration/rows.csv",
        cines="benchmark/restoration/cines.csv",
        about="benchmark/restoration/set.json",
        speed="benchmark/restoration/speed.csv",
    output:
        table="benchmark/restoration/table.md",
        summary="benchmark/restoration/summary.csv",
        modality="benchmark/restoration/modality.csv",
        picture="benchmark/restoration/figures.svg",
    log:
        "logs/benchmark/restoration-table.log",
    conda:
        "../envs/cpu.yaml"
    container:
        IMAGES["cpu"]
    params:
        measured=lambda wildcards, input: str(Path(input.rows).parent),
        code=code_digest("restoration_tables"),
    shell:
        "python -m unburn.restoration_tables --measured {params.measured:q}"
        " --speed {input.speed:q} --out {params.measured:q} 2> {log:q}"


rule tables:
    """The paper's kinds of tables: detection, restoration, privacy, release, two tasks."""
    input:
        "benchmark/tables/tables.html",


rule plant_text:
    """Plant text in frames without any, with the truth to the pixel."""
    input:
        frames=config["tables"]["frames"] or [],
    output:
        planted="benchmark/tables/measured/planted.h5",
        frames="benchmark/tables/measured/frames.csv",
        lines="benchmark/tables/measured/lines.csv",
        about="benchmark/tables/measured/set.json",
    log:
        "logs/benchmark/tables-planted.log",
    conda:
        "../envs/cpu.yaml"
    container:
        IMAGES["cpu"]
    threads: 2
    resources:
        mem_mb=4000,
        runtime=60,
    params:
        settings=planted_settings(),
        out=lambda wildcards, output: str(Path(output.planted).parent),
        code=code_digest("planted"),
    shell:
        "python -m unburn.planted --settings {params.settings:q} --threads {threads}"
        " --out {params.out:q} 2> {log:q}"


rule judge_detector:
    """Let one detector look at the planted frames, and at them without text."""
    input:
        planted="benchmark/tables/measured/planted.h5",
        weights=branch(
            lambda wildcards: wildcards.method == DETECTORS[0],
            then=config["detection"]["weights"],
        ),
    output:
        lines="benchmark/tables/measured/found/{method}_lines.csv",
        frames="benchmark/tables/measured/found/{method}_frames.csv",
    log:
        "logs/benchmark/tables-detection-{method}.log",
    conda:
        "../envs/cpu.yaml"
    container:
        IMAGES["cpu"]
    threads: 2
    resources:
        mem_mb=6000,
        runtime=120,
    params:
        ours=ours,
        code=code_digest("planted_detection"),
    shell:
        "python -m unburn.planted_detection --planted {input.planted:q} --method {wildcards.method}"
        " {params.ours} --threads {threads} --lines {output.lines:q} --frames {output.frames:q}"
        " 2> {log:q}"


rule restore_planted:
    """Paint the planted frames by every method under both masks, and measure."""
    input:
        planted="benchmark/tables/measured/planted.h5",
        weights=config["detection"]["weights"],
    output:
        restored="benchmark/tables/measured/restored.h5",
        figures="benchmark/tables/measured/restored.csv",
        about="benchmark/tables/measured/restored.json",
    log:
        "logs/benchmark/tables-restoration.log",
    conda:
        "../envs/cpu.yaml"
    container:
        IMAGES["cpu"]
    threads: 2
    resources:
        mem_mb=6000,
        runtime=120,
    params:
        settings=planted_settings(),
        out=lambda wildcards, output: str(Path(output.restored).parent),
        code=code_digest("planted_restoration"),
    shell:
        "python -m unburn.planted_restoration --planted {input.planted:q}"
        " --settings {params.settings:q} --weights {input.weights:q} --threads {threads}"
        " --out {params.out:q} 2> {log:q}"


rule read_planted:
    """Let three readers read every frame without text and with it, and match headers."""
    input:
        planted="benchmark/tables/measured/planted.h5",
    output:
        lines="benchmark/tables/measured/read/planted_lines.csv",
        frames="benchmark/tables/measured/read/planted_frames.csv",
    log:
        "logs/benchmark/tables-reading-planted.log",
    conda:
        "../envs/cpu.yaml"
    container:
        IMAGES["cpu"]
    threads: 2
    resources:
        mem_mb=6000,
        runtime=240,
    params:
        restored="",
        code=code_digest("planted_reading"),
    shell:
        "python -m unburn.planted_reading --planted {input.planted:q} {params.restored}"
        " --threads {threads} --lines {output.lines:q} --frames {output.frames:q} 2> {log:q}"


use rule read_planted as read_restored with:
    input:
        planted="benchmark/tables/measured/planted.h5",
        restored="benchmark/tables/measured/restored.h5",
    output:
        lines="benchmark/tables/measured/read/restored_lines.csv",
        frames="benchmark/tables/measured/read/restored_frames.csv",
    log:
        "logs/benchmark/tables-reading-restored.log",
    params:
        restored=lambda wildcards, input: f"--restored {shlex.quote(input.restored)}",
        code=code_digest("planted_reading"),


rule submit_planted:
    """Make DICOM objects of the planted frames, and a run that cleans them."""
    input:
        planted="benchmark/tables/measured/planted.h5",
    output:
        sheet="benchmark/tables/run/sheet.tsv",
    log:
        "logs/benchmark/tables-submission.log",
    conda:
        "../envs/cpu.yaml"
    container:
        IMAGES["cpu"]
    params:
        seed=config["tables"]["seed"],
        run=lambda wildcards, output: str(Path(output.sheet).parent),
        code=code_digest("planted_release"),
    shell:
        "python -m unburn.planted_release prepare --planted {input.planted:q}"
        " --seed {params.seed} --run {params.run:q} 2> {log:q}"


rule release_planted:
    """Run the workflow on the planted frames; its gate reads every frame."""
    input:
        sheet="benchmark/tables/run/sheet.tsv",
    output:
        screen="benchmark/tables/run/screen.txt",
    log:
        "logs/benchmark/tables-run.log",
    conda:
        "../envs/cpu.yaml"
    container:
        IMAGES["cpu"]
    threads: workflow.cores
    resources:
        mem_mb=6000,
        runtime=240,
    params:
        snakefile=str(REPO / "Snakefile"),
        run=lambda wildcards, input: str(Path(input.sheet).parent),
        code=[code_digest(stage) for stage in STAGES],
    shell:
        "python -m snakemake --snakefile {params.snakefile:q} --directory {params.run:q}"
        " --configfile {params.run:q}/config.yaml --cores {threads} > {output.screen:q} 2> {log:q}"


rule judge_release:
    """Hold what was released against the truth, and let another reader read it."""
    input:
        planted="benchmark/tables/measured/planted.h5",
        screen="benchmark/tables/run/screen.txt",
    output:
        lines="benchmark/tables/measured/released_lines.csv",
        objects="benchmark/tables/measured/released_items.csv",
    log:
        "logs/benchmark/tables-release.log",
    conda:
        "../envs/cpu.yaml"
    container:
        IMAGES["cpu"]
    threads: 2
    resources:
        mem_mb=4000,
        runtime=120,
    params:
        run=lambda wildcards, input: str(Path(input.screen).parent),
        out=lambda wildcards, output: str(Path(output.lines).parent),
        code=code_digest("planted_release"),
    shell:
        "python -m unburn.planted_release judge --planted {input.planted:q} --run {params.run:q}"
        " --threads {threads} --out {params.out:q} 2> {log:q}"


rule train_tasks:
    """Train a classifier and a segmenter on frames of other patients."""
    input:
        frames=config["tables"]["frames"] or [],
    output:
        classifier="benchmark/tables/measured/tasks/classifier.safetensors",
        segmenter="benchmark/tables/measured/tasks/segmenter.safetensors",
        about="benchmark/tables/measured/tasks/tasks.json",
    log:
        "logs/benchmark/tables-training.log",
    conda:
        "../envs/cpu.yaml"
    container:
        IMAGES["cpu"]
    resources:
        mem_mb=4000,
        runtime=60,
    params:
        settings=planted_settings(),
        out=lambda wildcards, output: str(Path(output.about).parent),
        code=code_digest("tasks"),
    shell:
        "python -m unburn.tasks --settings {params.settings:q} --out {params.out:q} 2> {log:q}"


rule judge_tasks:
    """Show every version of the planted frames to both models, and to the user's."""
    input:
        planted="benchmark/tables/measured/planted.h5",
        restored="benchmark/tables/measured/restored.h5",
        classifier="benchmark/tables/measured/tasks/classifier.safetensors",
        segmenter="benchmark/tables/measured/tasks/segmenter.safetensors",
    output:
        predictions="benchmark/tables/measured/predictions.csv",
        structures="benchmark/tables/measured/structures.csv",
        own="benchmark/tables/measured/own_models.json",
    log:
        "logs/benchmark/tables-tasks.log",
    conda:
        "../envs/cpu.yaml"
    container:
        IMAGES["cpu"]
    threads: 2
    resources:
        mem_mb=4000,
        runtime=60,
    params:
        models=own_models(),
        tasks=lambda wildcards, input: str(Path(input.classifier).parent),
        out=lambda wildcards, output: str(Path(output.own).parent),
        code=code_digest("planted_tasks"),
    shell:
        "python -m unburn.planted_tasks --planted {input.planted:q} --restored {input.restored:q}"
        " --tasks {params.tasks:q} --models {params.models:q} --threads {threads}"
        " --out {params.out:q} 2> {log:q}"


rule tabulate_planted:
    """Every table as CSV, Markdown and LaTeX, every picture as SVG and PDF, and one page."""
    input:
        collect(
            "benchmark/tables/measured/{name}",
            name=(
                "set.json",
                "lines.csv",
                "restored.csv",
                "restored.json",
                "read/planted_lines.csv",
                "read/planted_frames.csv",
                "read/restored_lines.csv",
                "read/restored_frames.csv",
                "released_lines.csv",
                "released_items.csv",
                "predictions.csv",
                "structures.csv",
                "own_models.json",
                "tasks/tasks.json",
            ),
        ),
        collect(
            "benchmark/tables/measured/found/{method}_{what}.csv",
            method=DETECTORS,
            what=("lines", "frames"),
        ),
    output:
        page="benchmark/tables/tables.html",
        text="benchmark/tables/tables.md",
        files=collect(
            "benchmark/tables/{name}.{suffix}",
            name=TABLES,
            suffix=("csv", "md", "tex", "svg", "pdf"),
        ),
    log:
        "logs/benchmark/tables.log",
    conda:
        "../envs/cpu.yaml"
    container:
        IMAGES["cpu"]
    params:
        evidence=config["tables"]["evidence"],
        detectors=DETECTORS,
        measured="benchmark/tables/measured",
        out=lambda wildcards, output: str(Path(output.page).parent),
        code=code_digest("paper_page"),
    shell:
        "python -m unburn.paper_page --measured {params.measured:q} --detectors {params.detectors}"
        " --evidence {params.evidence} --out {params.out:q} 2> {log:q}"


rule gpu:
    """Speed of Stable Diffusion 2 on the GPU beside diffusers' own pipeline; not part of `all`."""
    input:
        "benchmark/gpu/table.md",


rule time_gpu:
    """Paint crops with networks of SD2's architecture and random weights; needs a GPU."""
    output:
        table="benchmark/gpu/table.md",
        speed="benchmark/gpu/speed.json",
        weights=temp(directory("benchmark/gpu-weights")),
    log:
        "logs/benchmark/gpu.log",
    conda:
        "../envs/gpu.yaml"
    container:
        IMAGES["gpu"]
    threads: workflow.cores  # nothing else may run beside it
    resources:
        gpu=1,
        mem_mb=24000,
        runtime=60,
    params:
        settings=json.dumps(config["gpu"], sort_keys=True),
        out=lambda wildcards, output: str(Path(output.table).parent),
        code=code_digest("gpu_speed"),
    shell:
        "python -m unburn.gpu_speed --settings {params.settings:q} --threads {threads}"
        " --weights {output.weights:q} --out {params.out:q} 2> {log:q}"


def measured_scale(wildcards):
    """The measurements of the target `scale`: sizes of plans, and of runs by cores and shards."""
    named = config["scale"]
    plans = [f"plan-{size}-{named['cores']}-0" for size in named["planned"]]
    sizes = [f"clean-{size}-{named['cores']}-0" for size in named["cleaned"]]
    largest = max(named["cleaned"])
    alone = [f"clean-{largest}-1-0"]
    shards = [f"clean-{largest}-{named['cores']}-{mib}" for mib in named["shard_mib"]]
    return collect(
        "benchmark/scale/{name}.json", name=[*plans, *sizes, *alone, *shards]
    )


rule scale:
    """Time, memory, scratch and bytes by the size of a submission; not part of `all`."""
    input:
        "benchmark/scale/table.md",


rule measure_scale:
    """Plan made headers, or clean made pictures, in a run of its own that is removed."""
    output:
        measured="benchmark/scale/{what}-{frames}-{on}-{shard}.json",
    log:
        "logs/benchmark/scale-{what}-{frames}-{on}-{shard}.log",
    wildcard_constraints:
        what="plan|clean",
        frames="[0-9]+",
        on="[0-9]+",
        shard="[0-9]+",
    conda:
        "../envs/cpu.yaml"
    container:
        IMAGES["cpu"]
    threads: workflow.cores  # nothing else may run beside it
    resources:
        mem_mb=8000,
        runtime=600,
    params:
        run=subpath(output.measured, strip_suffix=".json"),
        seed=config["scale"]["seed"],
        slices=config["scale"]["slices"],
        side=config["scale"]["side"],
        code=[code_digest(name) for name in ("scaling", *STAGES)],
    shell:
        "python -m unburn.scaling {wildcards.what} --frames {wildcards.frames}"
        " --slices {params.slices} --side {params.side} --seed {params.seed}"
        " --cores {wildcards.on} --shard-mib {wildcards.shard} --run {params.run:q}"
        " --out {output.measured:q} 2> {log:q}"


rule tabulate_scale:
    """Figures, growth exponents and a picture of cost over size."""
    input:
        measured_scale,
    output:
        table="benchmark/scale/table.md",
        costs="benchmark/scale/scale.csv",
        picture="benchmark/scale/cost.svg",
    log:
        "logs/benchmark/scale-table.log",
    conda:
        "../envs/cpu.yaml"
    container:
        IMAGES["cpu"]
    params:
        measured=subpath(output.table, parent=True),
        code=code_digest("growth"),
    shell:
        "python -m unburn.growth --measured {params.measured:q} --out {params.measured:q}"
        " 2> {log:q}"
