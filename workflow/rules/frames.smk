rule extract_frames:
    """Decode every frame of a shard to the detector's 8-bit views.

    Reads the shard's original files. Writes uint8 (frames, views, rows, columns) per item;
    a file that cannot be decoded is noted and does not stop the others.
    """
    input:
        shard="<work>/{submission}/shards/{shard}.tsv",
    output:
        frames=temp("<work>/{submission}/{shard}/frames.h5"),
    log:
        "logs/frames/{submission}/{shard}.log",
    benchmark:
        "benchmarks/frames/{submission}/{shard}.tsv"
    conda:
        "../../envs/cpu.yaml"
    container:
        config["containers"]["cpu"]
    threads: 2
    resources:
        mem_mb=lambda wildcards, attempt: 4000 * attempt,
        runtime=shard_minutes("frames"),
    params:
        code=code_digest("frames"),
    shell:
        "python -m unburn.frames --shard {input.shard:q} --threads {threads}"
        " --out {output.frames:q} 2> {log:q}"
