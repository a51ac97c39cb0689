# unburn: burned-in text out of medical images, identity out of their headers.
# Each stage has one name in three places: rules/<stage>.smk, unburn/<stage>.py, test_<stage>.py.

from snakemake.utils import min_version

min_version("9.27")


configfile: "config/config.yaml"


include: "workflow/rules/common.smk"
include: "workflow/rules/plan.smk"
include: "workflow/rules/frames.smk"
include: "workflow/rules/detect.smk"
include: "workflow/rules/mask.smk"
include: "workflow/rules/crop.smk"
include: "workflow/rules/batch.smk"
include: "workflow/rules/inpaint.smk"
include: "workflow/rules/reassemble.smk"
include: "workflow/rules/gate.smk"
include: "workflow/rules/controls.smk"
include: "workflow/rules/release.smk"
include: "workflow/rules/evaluate.smk"
include: "workflow/rules/report.smk"


# A second's work each: not worth a place in a cluster's queue.
localrules:
    draw_key,
    record_provenance,
    account_for_items,


rule all:
    """Clean every submission of the sheet and report on it."""
    default_target: True
    input:
        final_targets(),


# One submission that fails does not stop the others, however the workflow is started.
onstart:
    take_over()
    workflow.scheduler.keepgoing = True
    show_to_images()
    watch()


onsuccess:
    summary()


onerror:
    summary()
