"""Verbs for people: ``python -m unburn --help``. A rule's entry is ``python -m unburn.<stage>``."""

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from unburn import __version__
from unburn.errors import UserError, command

ENGINES = ("classic", "telea", "flat", "sd2")
SOME_FAILED = 3  # exit status when files could not be read and the others were done


def doctor(options: argparse.Namespace) -> None:
    """Show what is installed, what is missing, and what to do about it."""
    from unburn import doctor

    doctor.show(options.configfile, options.profile)


def status(options: argparse.Namespace) -> None:
    """Say what was found, released and held back so far, and where to look."""
    from unburn import settings, submissions

    print(submissions.summary(settings.load_file(options.configfile)))


def preview(options: argparse.Namespace) -> None:
    """Try one series of each device, size and class; predict what a run holds back and takes."""
    from unburn import preview, settings

    preview.preview(settings.load_file(options.configfile), options.cores, print)


def withdraw(options: argparse.Namespace) -> None:
    """Take a patient out of the results and private tables of a submission, for good."""
    from unburn import settings, withdraw

    withdraw.withdraw(
        settings.load_file(options.configfile),
        options.submission,
        options.patient,
        options.item,
        withdraw.listed_in(options.listed) if options.listed else [],
        options.yes,
        print,
    )


def decide(options: argparse.Namespace) -> None:
    """Write down what a person decided of items: release, reject, mask a box, or take it back."""
    from unburn import deciding, decisions, settings

    kinds = {"release": options.release, "reject": options.reject, "clear": options.clear}
    kind = next((name for name, chosen in kinds.items() if chosen), "mask")
    try:
        box = decisions.box_of(options.frame, options.mask) if kind == "mask" else None
    except ValueError as error:
        raise UserError("--mask, --frame", str(error), "see decide --help") from None
    deciding.decide(
        settings.load_file(options.configfile),
        options.submission,
        options.item,
        kind,
        box,
        options.reviewer,
        print,
    )


def approve(options: argparse.Namespace) -> None:
    """Sign for what waits (gate.approval: required) and hand it out."""
    from unburn import handover, settings

    run = settings.load_file(options.configfile)
    handover.approve(run, options.submission, options.seen, options.reviewer, print)


def index(options: argparse.Namespace) -> None:
    """Write a page and a table of all submissions of runs; not for handing out."""
    from unburn import index, numerals

    page, table, rows = index.index(options.run, options.out)
    print(f"{page}\n{table}: {len(rows)} {numerals.noun(len(rows), 'submission')}")


def crate(options: argparse.Namespace) -> None:
    """Write an RO-Crate record of how a release was made."""
    from unburn import crate, settings

    run, label = settings.load_file(options.configfile), options.submission
    if label not in run.rows:
        raise UserError("--submission", "the sheet has no such submission", "name one of it")
    out = options.out or Path(run.config["work"]) / label / crate.FILE
    files = crate.write(label, Path(run.config["results"]) / label, out)
    print(f"{out}: names {files} files; lay it beside released.tsv when you hand the data out")


def reproduce(options: argparse.Namespace) -> None:
    """Make a release again and compare: exit status 0 identical, 3 different, 1 not possible."""
    from unburn import reproduce, settings

    run = settings.load_file(options.configfile)
    label = reproduce.label_of(options.record, options.submission, list(run.rows))
    same = reproduce.reproduce(run, options.record, label, options.cores, options.keep, print)
    sys.exit(0 if same else reproduce.DIFFERENT)


def key_new(options: argparse.Namespace) -> None:
    """Make a master key, readable by its owner alone."""
    from unburn import keys

    key_id = keys.new(options.file)
    print(f"{options.file}: a new key with the id {key_id}")
    print("Keep it as you keep the originals: with it, a person can be found again.")


def detect(options: argparse.Namespace) -> None:
    """Find burned-in text in pictures or DICOM files; write masks and regions.json."""
    from unburn import mask_pictures

    looker, masking = mask_pictures.standard(options.weights)
    failed = mask_pictures.folder(options.input, options.out, options.threads, looker, masking)
    sys.exit(SOME_FAILED if failed else 0)


def inpaint(options: argparse.Namespace) -> None:
    """Paint the masked places of pictures; 8 or 16 bit in, the same depth out."""
    from unburn import paint_pictures

    failed = paint_pictures.folder(
        options.input,
        options.masks,
        options.out,
        options.engine,
        options.modality,
        options.seed,
        options.weights,
    )
    sys.exit(SOME_FAILED if failed else 0)


def fetch(options: argparse.Namespace) -> None:
    """Bring or take the weights of Stable Diffusion 2 (sd2) or an image (cpu, gpu); verify them."""
    from unburn import containers, fetch, settings

    standard = settings.defaults()
    if options.what in containers.STACKS:
        if not options.taken_from:
            raise UserError(
                f"fetch {options.what}",
                "no image is published",
                f"name a file or an address with --from, or build it: "
                f"containers/build.sh {options.what}",
            )
        out = options.out or Path(standard["containers"][options.what])
        containers.bring(out, options.taken_from, options.sha256, print)
        return
    out = options.out or Path(standard["inpaint"]["sd2_weights"])
    taken_from = Path(options.taken_from) if options.taken_from else None
    fetch.fetch(out, taken_from, options.prompt or standard["inpaint"]["prompt"], print)


def parser() -> argparse.ArgumentParser:
    """The command line of ``python -m unburn``."""
    result = argparse.ArgumentParser(
        prog="python -m unburn",
        description="Takes burned-in text out of medical images and identity out of their headers.",
    )
    result.add_argument("--version", action="version", version=f"unburn {__version__}")
    verbs = result.add_subparsers(title="verbs", required=True, metavar="VERB")

    for call in (doctor, status):
        verb = verbs.add_parser(call.__name__, help=call.__doc__)
        verb.add_argument("--configfile", type=Path, default=Path("config/config.yaml"))
        verb.set_defaults(call=call)
        if call is doctor:
            verb.add_argument(
                "--profile", type=Path, metavar="DIR", help="look at its Slurm too, as `slurm`"
            )

    verb = verbs.add_parser("preview", help=preview.__doc__)
    verb.add_argument("--configfile", type=Path, default=Path("config/config.yaml"))
    verb.add_argument("--cores", type=_processes, default=1, metavar="N", help="default 1")
    verb.set_defaults(call=preview)

    verb = verbs.add_parser("withdraw", help=withdraw.__doc__)
    verb.add_argument("--configfile", type=Path, default=Path("config/config.yaml"))
    verb.add_argument("--submission", required=True, metavar="LABEL", help="as in the sheet")
    verb.add_argument(
        "--patient", nargs="+", default=[], metavar="PSEUDONYM", help="as in released.tsv"
    )
    verb.add_argument(
        "--item", nargs="+", default=[], metavar="N", help="any item of the patient in the ledger"
    )
    verb.add_argument(
        "--from",
        type=Path,
        dest="listed",
        metavar="FILE",
        help="a Patient ID or pseudonym a line; an ID has no place on a command line",
    )
    verb.add_argument("--yes", action="store_true", help="do it; it cannot be undone")
    verb.set_defaults(call=withdraw)

    verb = verbs.add_parser("decide", help=decide.__doc__)
    verb.add_argument("--configfile", type=Path, default=Path("config/config.yaml"))
    verb.add_argument("--submission", required=True, metavar="LABEL", help="as in the sheet")
    verb.add_argument(
        "--item", nargs="+", required=True, metavar="N", help="as in held_back.tsv; also 7-12"
    )
    what = verb.add_mutually_exclusive_group(required=True)
    what.add_argument("--release", action="store_true", help="hand out what the gate held back")
    what.add_argument("--reject", action="store_true", help="hold back")
    what.add_argument("--mask", metavar="BOX", help="left,top,right,bottom in stored pixels")
    what.add_argument("--clear", action="store_true", help="take back what was decided")
    verb.add_argument("--frame", default="all", metavar="N", help="of --mask: from 1; default all")
    verb.add_argument("--reviewer", metavar="NAME", help="default: who is logged in")
    verb.set_defaults(call=decide)

    verb = verbs.add_parser("approve", help=approve.__doc__)
    verb.add_argument("--configfile", type=Path, default=Path("config/config.yaml"))
    verb.add_argument("--submission", required=True, metavar="LABEL", help="as in the sheet")
    verb.add_argument(
        "--seen", type=int, required=True, metavar="N", help="released files that you looked at"
    )
    verb.add_argument("--reviewer", metavar="NAME", help="default: who is logged in")
    verb.set_defaults(call=approve)

    verb = verbs.add_parser("index", help=index.__doc__)
    verb.add_argument("run", type=Path, nargs="+", metavar="RUN", help="folders of runs")
    verb.add_argument(
        "--out", type=Path, metavar="DIR", help="default: work/ of the first; never below results/"
    )
    verb.set_defaults(call=index)

    verb = verbs.add_parser("crate", help=crate.__doc__)
    verb.add_argument("--configfile", type=Path, default=Path("config/config.yaml"))
    verb.add_argument("--submission", required=True, metavar="LABEL", help="as in the sheet")
    verb.add_argument(
        "--out", type=Path, metavar="FILE", help="default: in the submission's private folder"
    )
    verb.set_defaults(call=crate)

    verb = verbs.add_parser("reproduce", help=reproduce.__doc__)
    verb.add_argument("record", type=Path, metavar="PROVENANCE", help="provenance.json")
    verb.add_argument("--configfile", type=Path, default=Path("config/config.yaml"))
    verb.add_argument("--submission", metavar="LABEL", help="default: the name of its folder")
    verb.add_argument("--cores", type=_processes, default=1, metavar="N", help="default 1")
    verb.add_argument("--keep", action="store_true", help="keep the second run, in work/")
    verb.set_defaults(call=reproduce)

    verb = verbs.add_parser("key", help="Handle the master key.")
    actions = verb.add_subparsers(required=True, metavar="ACTION")
    verb = actions.add_parser("new", help=key_new.__doc__)
    verb.add_argument("file", type=Path, nargs="?", default=Path("unburn.key"))
    verb.set_defaults(call=key_new)

    handed_in = "pictures or DICOM files, or folders of them"
    verb = verbs.add_parser("detect", help=detect.__doc__)
    verb.add_argument(
        "--input", type=Path, nargs="+", required=True, metavar="DIR|FILE", help=handed_in
    )
    verb.add_argument("--out", type=Path, required=True, metavar="DIR", help="of the masks")
    verb.add_argument(
        "--threads", type=_processes, default=1, metavar="N", help="processes, default 1"
    )
    verb.add_argument("--weights", type=Path, metavar="FILE", help="default: the shipped ones")
    verb.set_defaults(call=detect)

    verb = verbs.add_parser("inpaint", help=inpaint.__doc__)
    verb.add_argument(
        "--input", type=Path, nargs="+", required=True, metavar="DIR|FILE", help="as for detect"
    )
    verb.add_argument("--masks", type=Path, required=True, metavar="DIR", help="made by detect")
    verb.add_argument(
        "--out", type=Path, required=True, metavar="DIR", help="of the pictures painted"
    )
    verb.add_argument("--engine", choices=ENGINES, default="classic")
    verb.add_argument("--modality", default="", help="as in (0008,0060), for example US")
    verb.add_argument("--seed", type=int, default=1)
    verb.add_argument(
        "--weights", type=Path, metavar="DIR", help="for sd2; default: where fetch puts them"
    )
    verb.set_defaults(call=inpaint)

    verb = verbs.add_parser("fetch", help=fetch.__doc__)
    verb.add_argument("what", choices=("sd2", "cpu", "gpu"))
    verb.add_argument(
        "--from",
        dest="taken_from",
        metavar="DIR|FILE|URL",
        help="sd2: a folder to take the files from; cpu, gpu: a .sif file or its address",
    )
    verb.add_argument(
        "--out",
        type=Path,
        metavar="DIR|FILE",
        help="default: resources/models/sd2, containers/cpu.sif, containers/gpu.sif",
    )
    verb.add_argument("--prompt", help="sd2: as in inpaint.prompt, when it is not the default")
    verb.add_argument(
        "--sha256", metavar="HEX", help="cpu, gpu: default: what stands beside the file"
    )
    verb.set_defaults(call=fetch)
    return result


def _processes(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError("a whole number from 1")
    return int(text)


def main(argv: Sequence[str] | None = None) -> None:
    """Run one verb."""
    options = parser().parse_args(argv)
    try:
        options.call(options)
        sys.stdout.flush()
    except BrokenPipeError:
        # `| head` has seen enough; what is still to be written goes nowhere
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except KeyboardInterrupt:
        raise UserError("unburn", "stopped by you", "start it again when you like") from None


if __name__ == "__main__":
    command(main)
