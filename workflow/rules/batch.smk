checkpoint deal_batches:
    """Deal the crops of a submission into GPU batches, equal ones once (inpaint.engine: sd2).

    Reads the crops of all shards. Writes a table per batch, and which shard needs which batch;
    a submission without crops has no batch and asks for no GPU.
    """
    input:
        crops=of_shards("<work>/{submission}/{shard}/crops.h5"),
    output:
        batches=directory("<work>/{submission}/batches"),
    log:
        "logs/batch/{submission}.log",
    benchmark:
        "benchmarks/batch/{submission}.tsv"
    conda:
        "../../envs/cpu.yaml"
    container:
        config["containers"]["cpu"]
    threads: 1
    resources:
        mem_mb=lambda wildcards, attempt: 4000 * attempt,
        runtime=lambda wildcards, attempt: 60 * attempt,
    params:
        work=subpath(output.batches, parent=True),
        size=batch_crops,
        code=code_digest("batch"),
    shell:
        "python -m unburn.batch deal --work {params.work:q} --size {params.size}"
        " --out {output.batches:q} 2> {log:q}"


rule paint_batch:
    """Paint a batch of crops with Stable Diffusion 2, on every GPU that the job has.

    Reads blanked crops and no header. The weights are verified before they are used.
    """
    input:
        batch="<work>/{submission}/batches/{batch}.tsv",
        crops=crops_of_batch,
    output:
        painted=temp("<work>/{submission}/painted/{batch}.h5"),
    log:
        "logs/batch/{submission}/{batch}.log",
    benchmark:
        "benchmarks/batch/{submission}/{batch}.tsv"
    conda:
        "../../envs/gpu.yaml"
    container:
        config["containers"]["gpu"]
    threads: 4
    resources:
        gpu=gpus,
        mem_mb=lambda wildcards, attempt: 16000 * attempt,
        runtime=lambda wildcards, attempt: 240 * attempt,
    params:
        work=subpath(input.batch, ancestor=2),
        weights=sd2_weights,
        digest=sd2_digest,
        settings=section("inpaint", "seed"),
        code=code_digest("sd2"),
    shell:
        "python -m unburn.batch paint --batch {input.batch:q}"
        " --work {params.work:q} --weights {params.weights:q} --settings {params.settings:q}"
        " --threads {threads} --out {output.painted:q} 2> {log:q}"
