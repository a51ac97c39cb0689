# Known lines on copies of a submission's own frames without text. They make a shard of their own,
# which the rules of any shard handle; all that comes of it is temporary, but for what it showed.


rule plant_controls:
    """Plant known lines on copies of frames without text, evenly over the kinds of device.

    Reads what was found and masked in all shards, and the original files. Writes a shard of
    objects of one frame, and what stands where.
    """
    input:
        regions=of_shards("<work>/{submission}/{shard}/regions.h5"),
        masks=of_shards("<work>/{submission}/{shard}/masks.h5"),
    output:
        shard=temp("<work>/{submission}/controls/shard.tsv"),
        copies=temp(directory("<work>/{submission}/controls/copies")),
        truth=temp("<work>/{submission}/controls/truth.h5"),
    log:
        "logs/controls/{submission}/plant.log",
    benchmark:
        "benchmarks/controls/{submission}/plant.tsv"
    conda:
        "../../envs/cpu.yaml"
    container:
        config["containers"]["cpu"]
    threads: threads_of_controls(4)
    resources:
        mem_mb=lambda wildcards, attempt: 8000 * attempt,
        runtime=submission_minutes,
    params:
        work=subpath(output.copies, ancestor=2),
        settings=section("controls", "seed"),
        code=code_digest("controls"),
    shell:
        "python -m unburn.controls plant --shards {params.work:q}/shards --work {params.work:q}"
        " --settings {params.settings:q} --threads {threads}"
        " --copies {output.copies:q} --truth {output.truth:q} --out {output.shard:q} 2> {log:q}"


use rule extract_frames as extract_frames_of_controls with:
    input:
        shard="<work>/{submission}/controls/shard.tsv",
    output:
        frames=temp("<work>/{submission}/controls/frames.h5"),
    log:
        "logs/frames/{submission}/controls.log",
    benchmark:
        "benchmarks/frames/{submission}/controls.tsv"
    threads: threads_of_controls(2)


use rule detect_text as detect_text_of_controls with:
    input:
        shard="<work>/{submission}/controls/shard.tsv",
        frames="<work>/{submission}/controls/frames.h5",
        weights=ancient(weights("weights")),
        reader_weights=ancient(weights("reader_weights")),
    output:
        regions=temp("<work>/{submission}/controls/regions.h5"),
    log:
        "logs/detect/{submission}/controls.log",
    benchmark:
        "benchmarks/detect/{submission}/controls.tsv"
    threads: threads_of_controls(4)


use rule mask_text as mask_text_of_controls with:
    input:
        shard="<work>/{submission}/controls/shard.tsv",
        frames="<work>/{submission}/controls/frames.h5",
        regions="<work>/{submission}/controls/regions.h5",
        device_rules=ancient(device_rules),
    output:
        masks=temp("<work>/{submission}/controls/masks.h5"),
    log:
        "logs/mask/{submission}/controls.log",
    benchmark:
        "benchmarks/mask/{submission}/controls.tsv"
    params:
        decisions="",


use rule crop_masks as crop_masks_of_controls with:
    input:
        shard="<work>/{submission}/controls/shard.tsv",
        masks="<work>/{submission}/controls/masks.h5",
    output:
        fills=temp("<work>/{submission}/controls/fills.h5"),
        crops=temp("<work>/{submission}/controls/crops.h5"),
    log:
        "logs/crop/{submission}/controls.log",
    benchmark:
        "benchmarks/crop/{submission}/controls.tsv"
    threads: threads_of_controls(2)
    params:
        settings=painting_of_controls,


use rule inpaint_crops as inpaint_crops_of_controls with:
    input:
        crops="<work>/{submission}/controls/crops.h5",
        batches=[],
    output:
        painted=temp("<work>/{submission}/controls/painted.h5"),
    log:
        "logs/inpaint/{submission}/controls.log",
    benchmark:
        "benchmarks/inpaint/{submission}/controls.tsv"
    threads: threads_of_controls(4)
    params:
        settings=painting_of_controls,


use rule reassemble_objects as reassemble_objects_of_controls with:
    input:
        shard="<work>/{submission}/controls/shard.tsv",
        regions="<work>/{submission}/controls/regions.h5",
        masks="<work>/{submission}/controls/masks.h5",
        fills="<work>/{submission}/controls/fills.h5",
        painted="<work>/{submission}/controls/painted.h5",
        key=drawn_key,
    output:
        candidates=temp(directory("<work>/{submission}/controls/candidates")),
        table=temp("<work>/{submission}/controls/candidates.tsv"),
        uids=temp("<work>/{submission}/controls/uids.tsv"),
    log:
        "logs/reassemble/{submission}/controls.log",
    benchmark:
        "benchmarks/reassemble/{submission}/controls.tsv"
    threads: threads_of_controls(4)
    params:
        mending=0,


use rule check_candidates as check_candidates_of_controls with:
    input:
        shard="<work>/{submission}/controls/shard.tsv",
        regions="<work>/{submission}/controls/regions.h5",
        masks="<work>/{submission}/controls/masks.h5",
        candidates="<work>/{submission}/controls/candidates",
        table="<work>/{submission}/controls/candidates.tsv",
    output:
        verdicts=temp("<work>/{submission}/controls/verdicts.tsv"),
    log:
        "logs/gate/{submission}/controls.log",
    benchmark:
        "benchmarks/gate/{submission}/controls.tsv"
    threads: threads_of_controls(4)


rule judge_controls:
    """Count which planted lines were masked, and what the gate made of those that were not.

    Writes recall with its bounds by kind of device, and which kinds are held back for it.
    """
    input:
        shard="<work>/{submission}/controls/shard.tsv",
        copies="<work>/{submission}/controls/copies",
        truth="<work>/{submission}/controls/truth.h5",
        regions="<work>/{submission}/controls/regions.h5",
        masks="<work>/{submission}/controls/masks.h5",
        table="<work>/{submission}/controls/candidates.tsv",
        verdicts="<work>/{submission}/controls/verdicts.tsv",
    output:
        showed="<work>/{submission}/controls.json",
    log:
        "logs/controls/{submission}/judge.log",
    benchmark:
        "benchmarks/controls/{submission}/judge.tsv"
    conda:
        "../../envs/cpu.yaml"
    container:
        config["containers"]["cpu"]
    threads: 1
    resources:
        mem_mb=lambda wildcards, attempt: 4000 * attempt,
        runtime=submission_minutes,
    params:
        settings=section("controls", "seed"),
        gate=section("gate"),
        covered=covered,
        code=code_digest("controls"),
    shell:
        "python -m unburn.controls judge --truth {input.truth:q} --settings {params.settings:q}"
        " --gate {params.gate:q} --covered {params.covered} --out {output.showed:q} 2> {log:q}"
