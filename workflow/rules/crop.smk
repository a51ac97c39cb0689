rule crop_masks:
    """Blank the masked pixels, fill flat places exactly, cut out what needs painting.

    Reads masks and stored pixels. Writes patches: fills are final, crops wait for an engine.
    What stood under a mask leaves this job in neither of them.
    """
    input:
        shard="<work>/{submission}/shards/{shard}.tsv",
        masks="<work>/{submission}/{shard}/masks.h5",
    output:
        fills=temp("<work>/{submission}/{shard}/fills.h5"),
        crops=temp("<work>/{submission}/{shard}/crops.h5"),
    log:
        "logs/crop/{submission}/{shard}.log",
    benchmark:
        "benchmarks/crop/{submission}/{shard}.tsv"
    conda:
        "../../envs/cpu.yaml"
    container:
        config["containers"]["cpu"]
    threads: 2
    resources:
        mem_mb=lambda wildcards, attempt: 4000 * attempt,
        runtime=shard_minutes("crop"),
    params:
        settings=section("inpaint", "seed"),
        code=code_digest("crop"),
    shell:
        "python -m unburn.crop --shard {input.shard:q} --masks {input.masks:q}"
        " --settings {params.settings:q} --threads {threads}"
        " --fills {output.fills:q} --crops {output.crops:q} 2> {log:q}"
