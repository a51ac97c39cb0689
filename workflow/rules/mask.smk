rule mask_text:
    """Pool static text over a series, add known places and grow the regions to masks.

    Reads regions, frames and what headers say of the device and its image areas. Writes masks
    (uint8 0 or 1, frames x rows x columns) of the items that have text; whole blocks in lossy
    sources, since ringing keeps letters readable. What the policy lets stay is listed beside.
    Boxes that people drew (decisions.tsv) are added.
    """
    input:
        shard="<work>/{submission}/shards/{shard}.tsv",
        frames="<work>/{submission}/{shard}/frames.h5",
        regions="<work>/{submission}/{shard}/regions.h5",
        device_rules=ancient(device_rules),
    output:
        masks="<work>/{submission}/{shard}/masks.h5",
    log:
        "logs/mask/{submission}/{shard}.log",
    benchmark:
        "benchmarks/mask/{submission}/{shard}.tsv"
    conda:
        "../../envs/cpu.yaml"
    container:
        config["containers"]["cpu"]
    threads: 1
    resources:
        mem_mb=lambda wildcards, attempt: 4000 * attempt,
        runtime=shard_minutes("mask"),
    params:
        settings=section("mask"),
        digests=device_rules_digests,
        data=data_digest("devices.tsv"),
        decisions=decided_boxes,
        code=code_digest("mask"),
    shell:
        "python -m unburn.mask --shard {input.shard:q} --frames {input.frames:q}"
        " --regions {input.regions:q} --device-rules {input.device_rules:q}"
        " --settings {params.settings:q}"
        " --out {output.masks:q} 2> {log:q}"
