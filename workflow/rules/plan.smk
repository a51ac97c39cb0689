checkpoint plan_submission:
    """Read the headers of a submission and deal its series into shards.

    Writes the inventory (one row per file) and one table per shard. The folder is looked
    up in the sheet by the job, as its path can hold a name.
    """
    output:
        inventory="<work>/{submission}/inventory.tsv",
        shards=directory("<work>/{submission}/shards"),
    log:
        "logs/plan/{submission}.log",
    benchmark:
        "benchmarks/plan/{submission}.tsv"
    conda:
        "../../envs/cpu.yaml"
    container:
        config["containers"]["cpu"]
    threads: 4
    resources:
        mem_mb=lambda wildcards, attempt: 4000 * attempt,
        runtime=lambda wildcards, attempt: 120 * attempt,
    params:
        sheet=config["sheet"],
        contents=contents,
        key=config["key_file"],
        settings=section("plan"),
        code=code_digest("plan"),
    shell:
        "python -m unburn.plan --sheet {params.sheet:q} --submission {wildcards.submission}"
        " --settings {params.settings:q} --key {params.key:q} --threads {threads}"
        " --inventory {output.inventory:q} --shards {output.shards:q} 2> {log:q}"
