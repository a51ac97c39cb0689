"""Write the report that is handed out, and beside it the private page for a person's review.

Both are single HTML files that need no network. The report shows released frames only and has no
script. It opens with what needs a person; it holds no identifier.
"""

import argparse
import json
import logging
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from unburn import certainty, citations, figures, overview, pages, presets, review
from unburn.certainty import Doubt
from unburn.drawing import Figure
from unburn.errors import command
from unburn.evaluate import Item, over_painted, read_items, whole
from unburn.files import replacing
from unburn.ledger import records, shard_folders
from unburn.reasons import REASONS
from unburn.safe_harbor import Identifier, identifiers
from unburn.snapshots import fullest_frame, mask_of, show_worthy, snapshot

log = logging.getLogger(__name__)

CONTENTS = {
    "needs": "What needs a person",
    "done": "What was done",
    "pictures": "Pictures",
    "distributions": "Distributions",
    "series": "Series by series",
    "privacy": "Privacy",
    "controls": "Spiked controls",
    "decisions": "Decisions of people",
    "quality": "Image quality",
    "modalities": "By modality",
    "took": "What it took",
    "methods": "Methods and citations",
    "origin": "Settings, weights, versions",
    "promises": "What is not promised",
}
LONGEST_PX = 640  # side of a picture
PICTURE_CHARACTERS = 3_000_000  # of all pictures of the page, so that it stays below 5 MB
LOOK_FIRST = 100  # flagged items that are listed
UNSURE = 20  # released images that are listed as least certain
HELD_ROWS = 500  # of held-back items; held_back.tsv has all
SERIES_ROWS = 2000  # released.tsv has all


@dataclass(frozen=True)
class Settings:
    """The section ``report`` of the settings."""

    pictures: int


def released_pictures(
    items: Iterable[Item], results: Path, number: int
) -> Iterator[dict[str, Any]]:
    """Show at most ``number`` released frames with the painted regions outlined."""
    shown = size = 0
    for one in show_worthy(items):
        if shown == number:
            return
        frame, mask = fullest_frame(one)
        picture = snapshot(results / one.candidate["output"], frame, mask, LONGEST_PX)
        if picture is None:
            continue
        shown, size = shown + 1, size + picture.size
        if size > PICTURE_CHARACTERS:
            return
        yield {
            "picture": picture,
            "modality": one.modality,
            "frame": frame + 1,
            "frames": whole(one.candidate, "frames"),
            "share": one.painted_share,
            "engine": one.candidate["engine"],
            "output": one.candidate["output"],
        }


def reason_rows(by_reason: Mapping[str, int]) -> list[dict[str, Any]]:
    """Reasons with their sentences, the most frequent first."""
    return [
        {"code": code, "number": number, "reason": REASONS[code]}
        for code, number in sorted(by_reason.items(), key=lambda pair: (-pair[1], pair[0]))
    ]


def face_folders(items: Iterable[Item]) -> list[str]:
    """Folders of the released series that could show a face, pseudonymous."""
    outputs = (
        one.candidate["output"]
        for one in items
        if one.status == "released" and one.verdict.get("face") == "1"
    )
    return sorted({PurePosixPath(output).parent.as_posix() for output in outputs})


def look_first(items: Iterable[Item], flag: float) -> list[dict[str, Any]]:
    """The most painted of the released items that are flagged, at most ``LOOK_FIRST``."""
    released = (one for one in items if one.status == "released")
    return [
        {"output": one.candidate["output"], "share": one.painted_share, "modality": one.modality}
        for one in over_painted(released, flag)[:LOOK_FIRST]
    ]


def painted(one: Item, frame: int) -> bool:
    """Whether the mask of a frame (from 0) has pixels."""
    mask = mask_of(one, frame)
    return mask is not None and bool(mask.any())


def unsure(items: Iterable[Item], doubts: Mapping[str, Doubt]) -> list[dict[str, Any]]:
    """The released images of which the detector was least sure, at most ``UNSURE``."""
    released = (one for one in items if one.status == "released" and one.item in doubts)
    return [
        {
            "output": one.candidate["output"],
            "modality": one.modality,
            "share": one.painted_share,
            "score": doubts[one.item].score,
            "outcome": certainty.outcome(doubts[one.item], painted(one, doubts[one.item].frame)),
        }
        for one in overview.least_certain(released, doubts)[:UNSURE]
    ]


def held_rows(items: Iterable[Item], doubts: Mapping[str, Doubt]) -> list[dict[str, Any]]:
    """Held-back items by number, those that a person can decide first, at most ``HELD_ROWS``."""
    held = (one for one in items if one.status == "held_back")
    return [
        {
            "item": one.item,
            "modality": one.modality,
            "code": one.reason_code,
            "share": one.painted_share if one.touched else None,
            "score": doubts[one.item].score if one.item in doubts else None,
        }
        for one in overview.to_decide(held, doubts)[:HELD_ROWS]
    ]


def options_of(settings: Mapping[str, Any]) -> presets.Options:
    """The options of header cleaning that were in force."""
    chosen = {name: settings["metadata"].get(name) for name in presets.CHOICES}
    return presets.options(settings["metadata"]["preset"], chosen)


def eighteen(metrics: Mapping[str, Any], settings: Mapping[str, Any]) -> list[Identifier]:
    """What became of the 18 identifiers of the Safe Harbor method."""
    return identifiers(
        options_of(settings),
        settings["metadata"]["key"],
        settings["gate"]["faces"],
        metrics["privacy"]["face_possible_items"],
    )


def report_page(
    items: Sequence[Item],
    results: Path,
    metrics: Mapping[str, Any],
    provenance: Mapping[str, Any],
    doubts: Mapping[str, Doubt],
    drawn: Mapping[str, Figure],
    settings: Settings,
) -> str:
    """The page that is handed out."""
    painted = [one for one in items if one.status == "released" and one.touched]
    controls = metrics.get("controls") or {}
    cited = citations.due(provenance, metrics["quality"]["engines"])
    series = overview.all_series(items, records(results / "released.tsv"), doubts)
    return pages.render(
        "report.html.j2",
        contents=CONTENTS.items(),
        metrics=metrics,
        provenance=provenance,
        truth=metrics.get("truth"),
        controls=controls,
        controls_held=any(row["held_back"] for row in controls.get("by_class", ())),
        unmeasured=[
            row for row in controls.get("by_class", ()) if not row["lines"] and not row["held_back"]
        ],
        decisions=metrics.get("decisions"),
        held=reason_rows(metrics["release"]["held_back_by_reason"]),
        ignored=reason_rows(metrics["release"]["ignored_by_reason"]),
        to_decide=held_rows(items, doubts),
        faces=face_folders(items),
        look_first=look_first(items, metrics["quality"]["flagged_from_painted_share"]),
        unsure=unsure(items, doubts),
        pictures=list(released_pictures(painted, results, settings.pictures)),
        pictures_wanted=settings.pictures,
        figures=drawn,
        captions={name: pages.caption(name) for name in drawn},
        series=series[:SERIES_ROWS],
        series_total=len(series),
        reasons=REASONS,
        options=asdict(options_of(provenance["settings"])),
        eighteen=eighteen(metrics, provenance["settings"]),
        citations={one.key: one for one in cited},
    )


def main(argv: Sequence[str] | None = None) -> None:
    """Write the report of a submission, its figures and its private review page."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("--submission", required=True)
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--results", type=Path, required=True)
    parser.add_argument("--metrics", type=Path, required=True)
    parser.add_argument("--provenance", type=Path, required=True)
    parser.add_argument("--settings", type=json.loads, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--review", type=Path, required=True)
    parser.add_argument("--figures", type=Path, required=True, help="folder to write")
    args = parser.parse_args(argv)
    settings = Settings(**args.settings)
    metrics = json.loads(args.metrics.read_text("utf-8"))
    provenance = json.loads(args.provenance.read_text("utf-8"))
    made_with = provenance["settings"]
    items, shards = read_items(args.work), shard_folders(args.work)
    doubts = certainty.doubts(shards, made_with["detect"]["threshold"])
    drawn = figures.draw_all(items, shards, metrics, made_with)
    figures.write(drawn.values(), args.figures)
    page = review.review_page(args.submission, args.work, items, args.results, doubts, made_with)
    with replacing(args.review) as tmp:
        tmp.touch(review.PRIVATE_FILE)
        tmp.write_text(page, "utf-8")
    page = report_page(items, args.results, metrics, provenance, doubts, drawn, settings)
    with replacing(args.out) as tmp:
        tmp.write_text(page, "utf-8")


if __name__ == "__main__":
    command(main)
