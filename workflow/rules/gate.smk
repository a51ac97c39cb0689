rule check_candidates:
    """Let an independent reader look at the candidates and give each a verdict.

    Reads candidates, the original headers' identifiers and what the policy let stay. Writes
    release or hold per item; no verdict, no release.
    """
    input:
        shard="<work>/{submission}/shards/{shard}.tsv",
        regions="<work>/{submission}/{shard}/regions.h5",
        masks="<work>/{submission}/{shard}/masks.h5",
        candidates="<work>/{submission}/{shard}/candidates",
        table="<work>/{submission}/{shard}/candidates.tsv",
    output:
        verdicts="<work>/{submission}/{shard}/verdicts.tsv",
    log:
        "logs/gate/{submission}/{shard}.log",
    benchmark:
        "benchmarks/gate/{submission}/{shard}.tsv"
    conda:
        "../../envs/cpu.yaml"
    container:
        config["containers"]["cpu"]
    threads: 4
    resources:
        mem_mb=lambda wildcards, attempt: 8000 * attempt,
        runtime=shard_minutes("gate"),
    params:
        settings=section("gate", "seed"),
        metadata=section("metadata"),
        data=data_digest("vocabulary.txt", "ps3.15/table_e1-1.csv"),
        code=code_digest("gate"),
    shell:
        "python -m unburn.gate --shard {input.shard:q} --regions {input.regions:q}"
        " --masks {input.masks:q} --candidates {input.candidates:q} --table {input.table:q}"
        " --settings {params.settings:q} --metadata {params.metadata:q} --threads {threads}"
        " --out {output.verdicts:q} 2> {log:q}"
