rule release_submission:
    """Hand out what passed: files, masks of painted pixels, NIfTI volumes, tables, ledger.

    Reads verdicts and candidates of all shards, what controls showed, and what people decided.
    Every input file ends in the ledger once, as released, held back or ignored.
    """
    input:
        inventory="<work>/{submission}/inventory.tsv",
        verdicts=of_shards("<work>/{submission}/{shard}/verdicts.tsv"),
        masks=of_shards("<work>/{submission}/{shard}/masks.h5"),
        candidates=of_shards("<work>/{submission}/{shard}/candidates"),
        tables=of_shards("<work>/{submission}/{shard}/candidates.tsv"),
        uids=of_shards("<work>/{submission}/{shard}/uids.tsv"),
        key=drawn_key,
        controls=controls_of,
    output:
        released="<results>/{submission}/released.tsv",
        held_back="<results>/{submission}/held_back.tsv",
        ledger="<work>/{submission}/ledger.tsv",
    log:
        "logs/release/{submission}.log",
    benchmark:
        "benchmarks/release/{submission}.tsv"
    conda:
        "../../envs/cpu.yaml"
    container:
        config["containers"]["cpu"]
    threads: 4
    resources:
        mem_mb=lambda wildcards, attempt: 8000 * attempt,
        runtime=submission_minutes,
    params:
        work=subpath(input.inventory, parent=True),
        results=subpath(output.released, parent=True),
        key=key_file,
        key_mode=key_mode,
        key_id=KEY_ID,
        project=project,
        settings=section("gate"),
        data=data_digest("vocabulary.txt", "terms.txt", "makers.txt"),
        decisions=decisions_digest,
        mending=lost_files,
        code=code_digest("release"),
    shell:
        "python -m unburn.release --submission {wildcards.submission}"
        " --inventory {input.inventory:q} --work {params.work:q} --results {params.results:q}"
        " --key {params.key:q} --key-mode {params.key_mode} --project {params.project}"
        " --settings {params.settings:q} --controls {input.controls:q} --mending {params.mending}"
        " --threads {threads} 2> {log:q}"
