"""What all rules share: the settings, the shards of a submission, how a job finds the package."""

import json
import os
import shlex
import sys
from functools import cache
from pathlib import Path

from snakemake.settings.types import DeploymentMethod

REPO = Path(workflow.current_basedir).resolve().parents[1]
sys.path.insert(0, str(REPO / "workflow"))

from unburn import (
    cluster,
    containers,
    dealt,
    decisions,
    demand,
    keys,
    ledger,
    mending,
    settings,
    submissions,
    takeover,
    watching,
)
from unburn.code import code_digest, data_digest, pages_digest
from unburn.errors import UserError, all_of, explained

IN_IMAGES = DeploymentMethod.APPTAINER in workflow.deployment_settings.deployment_method

# Jobs inherit the token of their start (see module takeover), which draws its own below.
if workflow.is_main_process:
    os.environ.pop(takeover.VARIABLE, None)

try:
    # A late job of a former start ends here, before Snakemake touches its outputs.
    takeover.check()
    RUN = settings.load(config, [Path(file) for file in workflow.configfiles])
    config = RUN.config
    MASTER, WEIGHTS, SD2, DEVICE_RULES, _ = all_of(
        lambda: submissions.check(RUN),
        lambda: submissions.check_weights(RUN),
        # gigabytes are read, so once a run; each batch verifies what it loads
        lambda: submissions.check_sd2(RUN) if workflow.is_main_process else {},
        lambda: submissions.check_device_rules(RUN),
        lambda: submissions.check_truth(RUN),
    )
    if IN_IMAGES:
        containers.check(RUN)
except UserError as error:
    sys.exit(f"error: {error}")

if workflow.is_main_process:
    for warning in submissions.warnings(RUN):
        print(f"warning: {warning}", file=sys.stderr)

KEY_ID = keys.key_id(MASTER)


def show_to_images():
    """Tell Apptainer what jobs in images see.

    A scheduler may keep the environment that a job was submitted from, and the path of a
    submission can hold a name. So it is left out there; a job of a scheduler tells it itself.
    """
    if IN_IMAGES:
        originals = workflow.local_exec or not workflow.is_main_process
        found = containers.environment(RUN, os.environ, originals)
        os.environ.update(found)


# In the main process the Snakefile does so when it is known where jobs run.
if not workflow.is_main_process:
    show_to_images()

for stack, image in config["containers"].items():
    config["containers"][stack] = containers.without_blanks(image, stack, IN_IMAGES)

# Jobs find the package in this checkout, and without --sdm the interpreter that runs Snakemake.
# Replacing the prefix replaces Snakemake's own, so its strict mode is repeated.
JOB = {
    "PYTHONPATH": str(REPO / "workflow"),
    "PYTHONNOUSERSITE": "1",
    "OMP_NUM_THREADS": "1",
    "OMP_THREAD_LIMIT": "1",
    "HDF5_USE_FILE_LOCKING": "FALSE",
    "MPLCONFIGDIR": ".snakemake/matplotlib",  # its list of fonts; a home may be read-only
}
BIN = Path(sys.executable).parent


def set_prefix():
    """Set what the shell does before each job's command."""
    token = {takeover.VARIABLE: os.environ.get(takeover.VARIABLE, "")}
    exports = (
        f"export {name}={shlex.quote(value)}; " for name, value in (JOB | token).items()
    )
    path = f'export PATH={shlex.quote(str(BIN))}:"$PATH"; '
    deployed = workflow.deployment_settings.deployment_method
    shell.prefix("set -euo pipefail; " + "".join(exports) + ("" if deployed else path))


set_prefix()

# A start with --no-hooks shows images neither data nor a closed network: no job may begin there.
if IN_IMAGES and workflow.is_main_process:
    unseen = UserError(
        "--no-hooks",
        "jobs in images would not see what they read, and would see the network",
        "start again without --no-hooks, or without --sdm apptainer",
    )
    shell.prefix(f"echo {shlex.quote(f'error: {unseen}')} >&2; exit 1; ")


pathvars:
    work=config["work"],
    results=config["results"],


wildcard_constraints:
    submission="[a-z0-9-]{1,32}",
    shard="[0-9]{5}",
    batch="[0-9]{5}",
    deal="[0-9]{5}",


def section(name, *more):
    """A function of wildcards: the settings of one stage for its submission, as JSON."""
    return lambda wildcards: submissions.section(RUN, wildcards.submission, name, more)


def weights(name):
    """A function of wildcards: the path of a weight file; its digest is a param, not its time."""
    return lambda wildcards: RUN.section(wildcards.submission, "detect")[name]


def weights_digests(wildcards):
    """The sha256 of the weights that a submission uses."""
    return [WEIGHTS[weights(name)(wildcards)] for name in ("weights", "reader_weights")]


def device_rules(wildcards):
    """The user's table of device rules, if there is one."""
    named = RUN.section(wildcards.submission, "mask")["device_rules"]
    return [named] if named else []


def device_rules_digests(wildcards):
    """The sha256 of the user's table of device rules, if there is one."""
    return [DEVICE_RULES[named] for named in device_rules(wildcards)]


def all_settings(wildcards):
    """The complete settings of a submission as JSON, for its provenance."""
    return submissions.all_settings(RUN, wildcards.submission)


def project(wildcards):
    """The key domain of a submission."""
    return RUN.rows[wildcards.submission].project


def key_mode(wildcards):
    """Where a submission's pseudonyms come from: keyed, or a key to discard."""
    return RUN.section(wildcards.submission, "metadata")["key"]


def drawn_key(wildcards):
    """The key that a submission draws for itself, where it does."""
    drawn = key_mode(wildcards) == "discard"
    return ["<work>/{submission}/drawn.key"] if drawn else []


def key_file(wildcards):
    """The key that a submission's pseudonyms come from."""
    drawn = Path(config["work"]) / wildcards.submission / "drawn.key"
    return str(drawn) if key_mode(wildcards) == "discard" else config["key_file"]


@cache
def contents_of(label):
    """A keyed digest of a submission's row and of its folder's state, taken once a run."""
    return submissions.contents(RUN.rows[label], MASTER, walk=workflow.is_main_process)


def contents(wildcards):
    """A digest of what a submission holds: plan reruns when it changes."""
    return contents_of(wildcards.submission)


def plan_summary(wildcards):
    """What the plan wrote down of a submission's size."""
    return Path(config["work"]) / wildcards.submission / "plan.json"


def shard_minutes(stage):
    """A function of wildcards and attempt: the time that a stage asks for one shard."""

    def minutes(wildcards, attempt):
        summary = plan_summary(wildcards)
        return attempt * demand.shard_minutes(stage, summary, wildcards.shard)

    return minutes


def submission_minutes(wildcards, attempt):
    """The time that a stage asks for a whole submission."""
    return attempt * demand.submission_minutes(plan_summary(wildcards))


@cache
def lost(label):
    """The released files of a submission that were deleted or altered."""
    return mending.lost(Path(config["results"]) / label)


@cache
def damaged(label):
    """The shards of a submission with a cleaned file that was altered."""
    work, results = Path(config["work"]) / label, Path(config["results"]) / label
    return mending.damaged(work, lost(label), results)


def lost_files(wildcards):
    """A number that goes up when a released file was deleted or altered: release reruns."""
    work = Path(config["work"]) / wildcards.submission
    again = bool(lost(wildcards.submission)) and not unrestorable(wildcards)
    return mending.mended(work) + again


def altered_candidates(wildcards):
    """A number that goes up when a cleaned file was altered: reassemble reruns."""
    work = Path(config["work"]) / wildcards.submission
    altered = wildcards.shard in damaged(wildcards.submission)
    return mending.mended(work, wildcards.shard) + altered


def unrestorable(wildcards):
    """How many released files are gone that no rerun makes again, as their key was deleted."""
    forgotten = ledger.forgotten(Path(config["work"]) / wildcards.submission)
    discarded = key_mode(wildcards) == "discard" and forgotten
    return len(lost(wildcards.submission)) if discarded else 0


@cache
def decided(label):
    """What people decided of a submission's items."""
    return decisions.read(Path(config["work"]) / label)


def decided_boxes(wildcards):
    """A digest of the places that people masked in a shard: mask reruns when it changes."""
    work = Path(config["work"]) / wildcards.submission
    return decisions.boxes_digest(
        decided(wildcards.submission), work / wildcards.shard, MASTER
    )


def decisions_digest(wildcards):
    """A digest of what people decided of a submission: release reruns when it changes."""
    return decisions.digest(decided(wildcards.submission), MASTER)


def of_shards(path):
    """A function of wildcards: ``path`` for every shard of a submission."""

    def paths(wildcards):
        shards = planned_shards(wildcards)
        return collect(path, submission=wildcards.submission, shard=shards)

    return paths


def inpainting(name):
    """A function of wildcards: one setting of a submission's section inpaint."""
    return lambda wildcards: RUN.section(wildcards.submission, "inpaint")[name]


def settings_of_controls(wildcards):
    """What controls and the stages that they meet depend on, by section, as JSON.

    They ask for no GPU: what is found does not depend on what paints.
    """
    seeded = ("controls", "inpaint", "gate")
    found = {
        name: json.loads(
            section(name, *(["seed"] if name in seeded else []))(wildcards)
        )
        for name in ("detect", "mask", "metadata", *seeded)
    }
    if found["inpaint"]["engine"] == "sd2":
        found["inpaint"]["engine"] = "classic"
    return json.dumps(found, sort_keys=True)


def control_frames(wildcards):
    """How many frames of a submission become controls at most, after its plan."""
    share = RUN.section(wildcards.submission, "controls")["share"]
    frames = demand.planned_frames(plan_summary(wildcards))
    return demand.control_frames(frames, share)


def controls_of(wildcards):
    """What the controls of a submission showed; nothing where it has too few frames for any."""
    checkpoints.plan_submission.get(submission=wildcards.submission)
    return ["<work>/{submission}/controls.json"] if control_frames(wildcards) else []


def threads_of_controls(wildcards):
    """As many processes as pay their start, at most 4."""
    return min(4, 1 + control_frames(wildcards) // 32)


def covered(wildcards):
    """The share of a planted line that must be masked."""
    return RUN.section(wildcards.submission, "evaluate")["covered"]


batch_crops = inpainting("batch_crops")
sd2_weights = inpainting("sd2_weights")


def sd2_digest(wildcards):
    """What paintings depend on of the weights of Stable Diffusion 2."""
    return SD2.get(sd2_weights(wildcards), "")


def gpus(wildcards):
    """GPUs that a batch asks for; a profile can set more with set-resources."""
    return 0 if inpainting("device")(wildcards) == "cpu" else 1


def planned_shards(wildcards):
    """The shards of a submission, in order."""
    shards = checkpoints.plan_submission.get(
        submission=wildcards.submission
    ).output.shards
    return sorted(glob_wildcards(str(Path(shards) / "{shard,[0-9]{5}}.tsv")).shard)


def shards_of_deal(wildcards):
    """The shards whose crops are dealt together."""
    summary = plan_summary(wildcards)
    of_all = planned_shards(wildcards)
    return [
        shard for shard in of_all if dealt.deal_of(summary, shard) == wildcards.deal
    ]


def crops_of_deal(wildcards):
    """The crops of the shards that are dealt together."""
    return collect(
        "<work>/{submission}/{shard}/crops.h5",
        submission=wildcards.submission,
        shard=shards_of_deal(wildcards),
    )


def batches_of_deal(wildcards, deal):
    """The folder of a deal's batches."""
    of = {"submission": wildcards.submission, "deal": deal}
    return Path(checkpoints.deal_batches.get(**of).output[0])


def crops_of_batch(wildcards):
    """The crops of the shards that a batch paints."""
    batches = batches_of_deal(wildcards, wildcards.deal)
    return collect(
        "<work>/{submission}/{shard}/crops.h5",
        submission=wildcards.submission,
        shard=dealt.shards_of(batches / f"{wildcards.batch}.tsv"),
    )


def painted_batches(wildcards):
    """The batches that painted crops of a shard; none for engines that need no GPU."""
    if inpainting("engine")(wildcards) != "sd2":
        return []
    deal = dealt.deal_of(plan_summary(wildcards), wildcards.shard)
    return collect(
        "<work>/{submission}/painted/{deal}/{batch}.h5",
        submission=wildcards.submission,
        deal=deal,
        batch=dealt.batches_of(batches_of_deal(wildcards, deal), wildcards.shard),
    )


def final_targets():
    """What a run makes for every submission; what is gone of it is made again."""
    labels = submissions.asked(RUN)
    wanted = [
        "released.tsv",
        "held_back.tsv",
        "metrics.json",
        "provenance.json",
        "report.html",
    ]
    return collect(
        "<results>/{submission}/{name}", submission=labels, name=wanted
    ) + collect(
        "<work>/{submission}/{name}",
        submission=labels,
        name=["ledger.tsv", "accounted"],
    )


def to_do():
    """The jobs that are still to run: rule, submission and shard of each."""
    jobs = list(workflow.dag.needrun_jobs())
    names = [job.wildcards_dict for job in jobs]
    return [
        (job.rule.name, of.get("submission", ""), of.get("shard", ""))
        for job, of in zip(jobs, names)
    ]


def watch():
    """Say on the terminal, if it is one, how far the submissions are."""
    works = [Path(config["work"]) / label for label in submissions.asked(RUN)]
    watching.watch(works, to_do, sys.stderr)


def take_over():
    """Look whether a cluster will take the jobs, then make this start the only one that may write.

    A start with --no-hooks does neither.
    """
    work, results = Path(config["work"]), Path(config["results"])
    try:
        if workflow.executor_plugin.name == "slurm":
            asked = workflow.resource_settings
            default = asked.default_resources.args if asked.default_resources else []
            rules = {rule: own.args for rule, own in asked.overwrite_resources.items()}
            own = workflow.executor_settings
            of_all = {name: getattr(own, name, None) for name in cluster.OF_ALL}
            site = cluster.site(default, rules, of_all)
            cluster.check(site, cluster.asks_for_gpu(RUN))
        os.environ[takeover.VARIABLE] = takeover.claim(work, results, RUN.rows)
    except (UserError, OSError) as error:
        sys.exit(f"error: {explained(error)}")
    set_prefix()


def summary():
    """Print the last lines on the screen: how many were released and held back, where to look."""
    if RUN.handed_out is not None:
        from unburn import handover  # seconds of imports, for the end alone

        for sentence in handover.settle(RUN):
            print(f"error: {sentence}", file=sys.stderr)
    print(submissions.summary(RUN), file=sys.stderr)
