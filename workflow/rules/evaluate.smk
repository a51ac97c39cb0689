rule evaluate_submission:
    """Measure the release rate, what identity is left and how good the pictures are.

    Reads the released files and the tables; the truth where it is known. Writes metrics with
    their bounds.
    """
    input:
        released="<results>/{submission}/released.tsv",
        ledger="<work>/{submission}/ledger.tsv",
        controls=controls_of,
    output:
        metrics="<results>/{submission}/metrics.json",
    log:
        "logs/evaluate/{submission}.log",
    benchmark:
        "benchmarks/evaluate/{submission}.tsv"
    conda:
        "../../envs/cpu.yaml"
    container:
        config["containers"]["cpu"]
    threads: 1
    resources:
        mem_mb=lambda wildcards, attempt: 4000 * attempt,
        runtime=submission_minutes,
    params:
        work=subpath(input.ledger, parent=True),
        results=subpath(input.released, parent=True),
        settings=section("evaluate"),
        controls=section("controls"),
        benchmarks="benchmarks",
        gpus=gpus,
        code=code_digest("evaluate"),
    shell:
        "python -m unburn.evaluate --submission {wildcards.submission} --work {params.work:q}"
        " --results {params.results:q} --settings {params.settings:q}"
        " --controls {params.controls:q} --showed {input.controls:q}"
        " --benchmarks {params.benchmarks} --gpus {params.gpus}"
        " --out {output.metrics:q} 2> {log:q}"
