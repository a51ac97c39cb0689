rule spike_controls:
    """Plant known lines on copies of frames without text, and take them through every stage.

    Reads what was found and masked in all shards, and the original files. The copies meet the
    stages' own commands, gate included, and are removed. Writes recall with its bounds by kind of
    device, and which kinds are held back for it.
    """
    input:
        regions=of_shards("<work>/{submission}/{shard}/regions.h5"),
        masks=of_shards("<work>/{submission}/{shard}/masks.h5"),
        weights=ancient(weights("weights")),
        reader_weights=ancient(weights("reader_weights")),
        device_rules=ancient(device_rules),
        key=drawn_key,
    output:
        showed="<work>/{submission}/controls.json",
    log:
        "logs/controls/{submission}.log",
    benchmark:
        "benchmarks/controls/{submission}.tsv"
    conda:
        "../../envs/cpu.yaml"
    container:
        config["containers"]["cpu"]
    threads: threads_of_controls
    resources:
        mem_mb=lambda wildcards, attempt: 8000 * attempt,
        runtime=submission_minutes,
    params:
        work=subpath(output.showed, parent=True),
        settings=settings_of_controls,
        covered=covered,
        weights=weights_digests,
        rules=device_rules_digests,
        key=key_file,
        key_id=KEY_ID,
        project=project,
        data=data_digest(
            "devices.tsv",
            "vocabulary.txt",
            "terms.txt",
            "makers.txt",
            "ps3.15/table_e1-1.csv",
            "ps3.3/type_1.txt",
            "safe_private.tsv",
        ),
        code=code_digest("controls"),
    shell:
        "python -m unburn.controls --shards {params.work:q}/shards --settings {params.settings:q}"
        " --covered {params.covered} --weights {input.weights:q}"
        " --reader-weights {input.reader_weights:q} --device-rules {input.device_rules:q}"
        " --key {params.key:q} --project {params.project} --threads {threads}"
        " --out {output.showed:q} 2> {log:q}"
