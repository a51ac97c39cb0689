checkpoint deal_batches:
    """Deal crops of a submission into GPU batches, equal ones once (inpaint.engine: sd2).

    Reads the crops of the shards that one plan made: what a later one adds is dealt by itself, so
    that what was painted stays. Writes a table per batch, and which shard needs which batch; without
    crops there is no batch and no GPU is asked for.
    """
    input:
        crops=crops_of_deal,
    output:
        batches=directory("<work>/{submission}/batches/{deal}"),
    log:
        "logs/deal/{submission}/{deal}.log",
    benchmark:
        "benchmarks/deal/{submission}/{deal}.tsv"
    conda:
        "../../envs/cpu.yaml"
    container:
        config["containers"]["cpu"]
    threads: 1
    resources:
        mem_mb=lambda wildcards, attempt: 4000 * attempt,
        runtime=lambda wildcards, attempt: 60 * attempt,
    params:
        work=subpath(output.batches, ancestor=2),
        shards=shards_of_deal,
        size=batch_crops,
        code=code_digest("batch"),
    shell:
        "python -m unburn.batch deal --work {params.work:q} --shards {params.shards}"
        " --size {params.size} --out {output.batches:q} 2> {log:q}"


rule paint_batch:
    """Paint a batch of crops with Stable Diffusion 2, on every GPU that the job has.

    Reads blanked crops and no header. The weights are verified before they are used.
    """
    input:
        batch="<work>/{submission}/batches/{deal}/{batch}.tsv",
        crops=crops_of_batch,
    output:
        painted=temp("<work>/{submission}/painted/{deal}/{batch}.h5"),
    log:
        "logs/batch/{submission}/{deal}-{batch}.log",
    benchmark:
        "benchmarks/batch/{submission}/{deal}-{batch}.tsv"
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
        work=subpath(input.batch, ancestor=3),
        weights=sd2_weights,
        digest=sd2_digest,
        settings=section("inpaint", "seed"),
        code=code_digest("sd2"),
    shell:
        "python -m unburn.batch paint --batch {input.batch:q}"
        " --work {params.work:q} --weights {params.weights:q} --settings {params.settings:q}"
        " --threads {threads} --out {output.painted:q} 2> {log:q}"
