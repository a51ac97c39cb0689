rule detect_text:
    """Find lines of burned-in text in every frame of a shard.

    Reads frames (uint8, frames x views x rows x columns). Writes one record per region,
    in pixels of the stored matrix. What was read stays inside the job, where two readers class it
    by its wording and by the identifiers of the original headers.
    """
    input:
        shard="<work>/{submission}/shards/{shard}.tsv",
        frames="<work>/{submission}/{shard}/frames.h5",
        weights=ancient(weights("weights")),
        reader_weights=ancient(weights("reader_weights")),
    output:
        regions="<work>/{submission}/{shard}/regions.h5",
    log:
        "logs/detect/{submission}/{shard}.log",
    benchmark:
        "benchmarks/detect/{submission}/{shard}.tsv"
    conda:
        "../../envs/cpu.yaml"
    container:
        config["containers"]["cpu"]
    threads: 4  # processes over items, each with one torch thread: same bytes on any number
    resources:
        mem_mb=lambda wildcards, attempt: 8000 * attempt,
        runtime=shard_minutes("detect"),
    params:
        settings=section("detect"),
        digests=weights_digests,
        data=data_digest("vocabulary.txt", "ps3.15/table_e1-1.csv"),
        code=code_digest("detect"),
    shell:
        "python -m unburn.detect --shard {input.shard:q} --frames {input.frames:q}"
        " --weights {input.weights:q} --reader-weights {input.reader_weights:q}"
        " --settings {params.settings:q} --threads {threads} --out {output.regions:q} 2> {log:q}"
