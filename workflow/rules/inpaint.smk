rule inpaint_crops:
    """Paint the masked pixels of the crops with the chosen engine, or gather what a GPU painted.

    Reads crops (blanked, in stored values). Writes painted crops of the same shape and dtype.
    """
    input:
        crops="<work>/{submission}/{shard}/crops.h5",
        batches=painted_batches,
    output:
        painted=temp("<work>/{submission}/{shard}/painted.h5"),
    log:
        "logs/inpaint/{submission}/{shard}.log",
    benchmark:
        "benchmarks/inpaint/{submission}/{shard}.tsv"
    conda:
        "../../envs/cpu.yaml"
    container:
        config["containers"]["cpu"]
    threads: 4
    resources:
        mem_mb=lambda wildcards, attempt: 4000 * attempt,
        runtime=shard_minutes("inpaint"),
    params:
        settings=section("inpaint", "seed"),
        code=code_digest("inpaint"),
    shell:
        "python -m unburn.inpaint --crops {input.crops:q} --batches {input.batches:q}"
        " --settings {params.settings:q} --threads {threads} --out {output.painted:q} 2> {log:q}"
