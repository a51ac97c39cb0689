rule record_provenance:
    """Write down what made these results: commit, settings, weights, versions, seed, key id."""
    input:
        released="<results>/{submission}/released.tsv",
    output:
        provenance="<results>/{submission}/provenance.json",
    log:
        "logs/provenance/{submission}.log",
    benchmark:
        "benchmarks/provenance/{submission}.tsv"
    conda:
        "../../envs/cpu.yaml"
    container:
        config["containers"]["cpu"]
    threads: 1
    resources:
        mem_mb=lambda wildcards, attempt: 2000 * attempt,
        runtime=lambda wildcards, attempt: 10 * attempt,
    params:
        key=config["key_file"],
        key_id=KEY_ID,
        settings=all_settings,
        code=code_digest("provenance"),
    shell:
        "python -m unburn.provenance --settings {params.settings:q} --key {params.key:q}"
        " --out {output.provenance:q} 2> {log:q}"


rule report_submission:
    """Write the report that is handed out, and the before-and-after page that is not.

    Reads metrics, provenance and released files. The report holds no identifier, nor do its
    figures; the review page shows originals and stays in the private folder.
    """
    input:
        released="<results>/{submission}/released.tsv",
        metrics="<results>/{submission}/metrics.json",
        provenance="<results>/{submission}/provenance.json",
        ledger="<work>/{submission}/ledger.tsv",
    output:
        report=report(
            "<results>/{submission}/report.html",
            category="Submissions",
            labels={"submission": "{submission}"},
            caption="../report/submission.rst",
        ),
        review="<work>/{submission}/review.html",
        figures=report(
            directory("<work>/{submission}/figures"),
            patterns=["{figure}.svg"],
            category="Figures",
            labels={"submission": "{submission}", "figure": "{figure}"},
            caption="../report/figure.rst",
        ),
    log:
        "logs/report/{submission}.log",
    benchmark:
        "benchmarks/report/{submission}.tsv"
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
        settings=section("report"),
        pages=pages_digest(),
        code=code_digest("report"),
    shell:
        "python -m unburn.report --submission {wildcards.submission} --work {params.work:q}"
        " --results {params.results:q} --metrics {input.metrics:q}"
        " --provenance {input.provenance:q} --settings {params.settings:q}"
        " --out {output.report:q} --review {output.review:q} --figures {output.figures:q}"
        " 2> {log:q}"


rule account_for_items:
    """End the run in an error when more is held back than `gate.max_held_back` allows.

    Everything is written by then. With `metadata.key: discard`, what links old and new is deleted.
    """
    input:
        report="<results>/{submission}/report.html",
        ledger="<work>/{submission}/ledger.tsv",
    output:
        accounted=touch("<work>/{submission}/accounted"),
    log:
        "logs/account/{submission}.log",
    conda:
        "../../envs/cpu.yaml"
    container:
        config["containers"]["cpu"]
    threads: 1
    resources:
        mem_mb=lambda wildcards, attempt: 1000 * attempt,
        runtime=10,
    params:
        settings=section("gate"),
        key_mode=key_mode,
        unrestorable=unrestorable,
        code=code_digest("submissions"),
    shell:
        "python -m unburn.submissions --ledger {input.ledger:q} --settings {params.settings:q}"
        " --key-mode {params.key_mode} --unrestorable {params.unrestorable} 2> {log:q}"
