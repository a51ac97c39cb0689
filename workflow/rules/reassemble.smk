rule draw_key:
    """Draw a key for one submission, to be deleted after its release (metadata.key: discard).

    All jobs of a run use the same. A key drawn later makes every candidate anew.
    """
    output:
        key=temp("<work>/{submission}/drawn.key"),
    log:
        "logs/key/{submission}.log",
    conda:
        "../../envs/cpu.yaml"
    container:
        config["containers"]["cpu"]
    threads: 1
    resources:
        mem_mb=lambda wildcards, attempt: 1000 * attempt,
        runtime=10,
    shell:
        "python -m unburn key new {output.key:q} > /dev/null 2> {log:q}"


rule reassemble_objects:
    """Put painted pixels back into the original objects and clean their headers.

    Reads the original files, fills and painted crops. Writes candidates: nothing is released
    before the gate has looked at it.
    """
    input:
        shard="<work>/{submission}/shards/{shard}.tsv",
        regions="<work>/{submission}/{shard}/regions.h5",
        masks="<work>/{submission}/{shard}/masks.h5",
        fills="<work>/{submission}/{shard}/fills.h5",
        painted="<work>/{submission}/{shard}/painted.h5",
        key=drawn_key,
    output:
        candidates=directory("<work>/{submission}/{shard}/candidates"),
        table="<work>/{submission}/{shard}/candidates.tsv",
        uids="<work>/{submission}/{shard}/uids.tsv",
    log:
        "logs/reassemble/{submission}/{shard}.log",
    benchmark:
        "benchmarks/reassemble/{submission}/{shard}.tsv"
    conda:
        "../../envs/cpu.yaml"
    container:
        config["containers"]["cpu"]
    threads: 4
    resources:
        mem_mb=lambda wildcards, attempt: 8000 * attempt,
        runtime=shard_minutes("reassemble"),
    params:
        key=key_file,
        key_id=KEY_ID,
        project=project,
        settings=section("metadata"),
        data=data_digest(
            "vocabulary.txt",
            "terms.txt",
            "makers.txt",
            "ps3.15/table_e1-1.csv",
            "ps3.3/type_1.txt",
            "safe_private.tsv",
        ),
        mending=altered_candidates,
        code=code_digest("reassemble"),
    shell:
        "python -m unburn.reassemble --shard {input.shard:q}"
        " --regions {input.regions:q} --masks {input.masks:q} --fills {input.fills:q}"
        " --painted {input.painted:q} --settings {params.settings:q}"
        " --key {params.key:q} --project {params.project} --mending {params.mending}"
        " --threads {threads}"
        " --candidates {output.candidates:q} --table {output.table:q} --uids {output.uids:q}"
        " 2> {log:q}"
