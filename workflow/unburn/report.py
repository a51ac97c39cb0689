"""Write the report that is handed out, and the private page with originals for review.

Both are single HTML files without script and without network. The report shows released frames
only; the review page reads originals and stays in the work folder.
"""

import argparse
import base64
import json
import logging
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path, PurePosixPath
from typing import Any

import cv2
import h5py
import jinja2
import numpy as np
from markupsafe import Markup

from unburn import presets
from unburn.errors import ItemError, command
from unburn.evaluate import Item, over_painted, read_items, whole
from unburn.files import replacing
from unburn.frames import display
from unburn.reasons import REASONS
from unburn.safe_harbor import Identifier, identifiers
from unburn.sources import open_frames

log = logging.getLogger(__name__)

TEMPLATES = Path(__file__).resolve().parents[1] / "report"
LONGEST_SIDE_PX = 640
PICTURE_BYTES = 8 << 20  # of all pictures of a page, so that it opens quickly
LOOK_FIRST = 100  # flagged items that are listed
REVIEW_PICTURES = 12  # of each kind on the review page, which shows them whatever the report does
HELD_ROWS = 500  # of the review page's table; the ledger has all
OUTLINE = (255, 176, 0)
PRIVATE_FILE = 0o600
THIN_SPACE = "\u2009"


@dataclass(frozen=True)
class Settings:
    """The section ``report`` of the settings."""

    pictures: int


# --- how numbers are written


def count_text(number: int) -> str:
    """Write a whole number in groups of three digits: 12 345."""
    return f"{number:,}".replace(",", THIN_SPACE)


def percent_text(share: float | None) -> str:
    """Write a share in percent with three figures; never rounds a remainder away to 0 or 100."""
    if share is None:
        return "–"
    percent = 100 * share
    if percent in (0, 100):
        return f"{percent:.0f}{THIN_SPACE}%"
    if percent < 0.001:
        return f"<{THIN_SPACE}0.001{THIN_SPACE}%"
    if percent > 99.9:
        digits = 3 if percent > 99.99 else 2
        return f"{min(percent, 99.999):.{digits}f}{THIN_SPACE}%"
    digits = 1 if percent >= 10 else 2 if percent >= 0.1 else 3
    return f"{percent:.{digits}f}{THIN_SPACE}%"


def number_text(value: float | None) -> str:
    """Write a ratio with two decimals."""
    return "–" if value is None else f"{value:.2f}"


def spread_text(spread: Mapping[str, float | None]) -> str:
    """Write median and percentiles: 0.98 (0.91 to 1.04)."""
    if spread["median"] is None:
        return "–"
    low, high = number_text(spread["p05"]), number_text(spread["p95"])
    return f"{number_text(spread['median'])} ({low} to {high})"


# --- pictures


def to_png(picture: np.ndarray, mask: np.ndarray | None) -> bytes:
    """Encode a picture, scaled down to ``LONGEST_SIDE_PX``, with the mask's regions outlined.

    Parameters
    ----------
    picture : uint8, (rows, columns) or (rows, columns, 3) in RGB
    mask : 0/1, (rows, columns), or None
    """
    rows, columns = picture.shape[:2]
    scale = min(1.0, LONGEST_SIDE_PX / max(rows, columns))
    size = (max(1, round(columns * scale)), max(1, round(rows * scale)))
    small = cv2.resize(picture, size, interpolation=cv2.INTER_AREA)
    if mask is not None:
        if small.ndim == 2:
            small = cv2.cvtColor(small, cv2.COLOR_GRAY2RGB)
        covered = cv2.resize(mask.astype(np.float32), size, interpolation=cv2.INTER_AREA) > 0
        borders, _ = cv2.findContours(
            covered.astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE
        )
        small = cv2.drawContours(np.ascontiguousarray(small), borders, -1, OUTLINE, 1)
    if small.ndim == 3:
        small = cv2.cvtColor(small, cv2.COLOR_RGB2BGR)
    return cv2.imencode(".png", small, [cv2.IMWRITE_PNG_COMPRESSION, 9])[1].tobytes()


def data_uri(png: bytes) -> str:
    """Put a picture into the page itself."""
    return "data:image/png;base64," + base64.b64encode(png).decode("ascii")


def picture_of(file: Path, frame: int, mask: np.ndarray | None) -> bytes | None:
    """Show one frame (from 0) of an object; None when it cannot be decoded."""
    try:
        with open_frames(file) as source:
            return to_png(display(source[frame], source), mask)
    except ItemError:
        return None


def fullest_frame(item: Item) -> tuple[int, np.ndarray | None]:
    """The frame (from 0) of an item with the most masked pixels and its mask, or 0 and None."""
    with h5py.File(item.folder / "masks.h5") as file:
        stored = file.get(f"items/{item.item}")
        if stored is None:
            return 0, None
        sums = [int(stored[k].sum()) for k in range(stored.shape[0])]
        frame = int(np.argmax(sums))
        return frame, stored[frame]


def show_worthy(items: Iterable[Item]) -> Iterator[Item]:
    """Order painted items for the pictures: modalities in turn, largest painted share first.

    A series shows its second item only when all series of its modality have shown one.
    """
    queues: dict[str, list[tuple[int, float, int, Item]]] = defaultdict(list)
    rank: dict[str, int] = defaultdict(int)
    for one in sorted(items, key=lambda one: (-one.painted_share, int(one.item))):
        series = one.candidate.get("series", "")
        queues[one.modality].append((rank[series], -one.painted_share, int(one.item), one))
        rank[series] += 1
    waiting = [sorted(queues[name], key=lambda entry: entry[:3]) for name in sorted(queues)]
    for turn in range(max(map(len, waiting), default=0)):
        for queue in waiting:
            if turn < len(queue):
                yield queue[turn][3]


def within_budget(pictures: Iterable[dict[str, Any]], number: int) -> list[dict[str, Any]]:
    """Take at most ``number`` pictures, and no more than a page can carry."""
    taken: list[dict[str, Any]] = []
    size = 0
    for picture in pictures:
        size += sum(len(value) for value in picture.values() if isinstance(value, str))
        if len(taken) == number or size > PICTURE_BYTES:
            break
        taken.append(picture)
    return taken


def released_pictures(items: Iterable[Item], results: Path) -> Iterator[dict[str, Any]]:
    """Show released frames with the painted regions outlined."""
    for one in show_worthy(items):
        frame, mask = fullest_frame(one)
        png = picture_of(results / one.candidate["output"], frame, mask)
        if png:
            yield {
                "data": data_uri(png),
                "modality": one.modality,
                "frame": frame + 1,
                "frames": whole(one.candidate, "frames"),
                "share": one.painted_share,
                "engine": one.candidate["engine"],
                "output": one.candidate["output"],
            }


def pairs(items: Iterable[Item], results: Path) -> Iterator[dict[str, Any]]:
    """Show frames before and after; the originals are read here and nowhere else in this module."""
    for one in items:
        frame, mask = fullest_frame(one)
        before = picture_of(Path(one.path), frame, None)
        if not before:
            continue
        if one.status == "released":
            cleaned = results / one.candidate["output"]
        else:
            cleaned = one.folder / "candidates" / str(one.candidate.get("file"))
        after = picture_of(cleaned, frame, mask) if cleaned.is_file() else None
        yield {
            "item": one.item,
            "path": one.path,
            "modality": one.modality,
            "frame": frame + 1,
            "frames": whole(one.plan, "frames"),
            "reason": REASONS.get(one.reason_code, ""),
            "before": data_uri(before),
            "after": data_uri(after) if after else "",
        }


# --- pages


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


def render(template: str, **values: Any) -> str:
    """Fill in a template of ``workflow/report``; every value is escaped but the style sheet."""
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(
        count=count_text, percent=percent_text, number=number_text, spread=spread_text
    )
    css = Markup((TEMPLATES / "report.css").read_text("utf-8"))
    return environment.get_template(template).render(css=css, **values).lstrip() + "\n"


def report_page(
    items: Sequence[Item],
    results: Path,
    metrics: Mapping[str, Any],
    provenance: Mapping[str, Any],
    settings: Settings,
) -> str:
    """The page that is handed out."""
    painted = [one for one in items if one.status == "released" and one.touched]
    return render(
        "report.html.j2",
        metrics=metrics,
        provenance=provenance,
        truth=metrics.get("truth"),
        held=reason_rows(metrics["release"]["held_back_by_reason"]),
        ignored=reason_rows(metrics["release"]["ignored_by_reason"]),
        faces=face_folders(items),
        look_first=look_first(items, metrics["quality"]["flagged_from_painted_share"]),
        pictures=within_budget(released_pictures(painted, results), settings.pictures),
        settings=provenance["settings"],
        options=asdict(options_of(provenance["settings"])),
        eighteen=eighteen(metrics, provenance["settings"]),
    )


def review_page(submission: str, items: Sequence[Item], results: Path) -> str:
    """The private page: held-back items first, then painted ones, each beside its original."""
    held = [one for one in items if one.status == "held_back"]
    painted = [one for one in items if one.status == "released" and one.touched]
    shown = [one for one in held if one.searched]
    return render(
        "review.html.j2",
        submission=submission,
        held=[
            {"item": one.item, "path": one.path, "reason": REASONS[one.reason_code]}
            for one in held[:HELD_ROWS]
        ],
        held_shown=count_text(min(len(held), HELD_ROWS)),
        held_total=count_text(len(held)),
        held_pairs=within_budget(pairs(shown, results), REVIEW_PICTURES),
        pairs=within_budget(pairs(show_worthy(painted), results), REVIEW_PICTURES),
    )


def main(argv: Sequence[str] | None = None) -> None:
    """Write the report of a submission and its private review page."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("--submission", required=True)
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--results", type=Path, required=True)
    parser.add_argument("--metrics", type=Path, required=True)
    parser.add_argument("--provenance", type=Path, required=True)
    parser.add_argument("--settings", type=json.loads, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--review", type=Path, required=True)
    args = parser.parse_args(argv)
    settings = Settings(**args.settings)
    metrics = json.loads(args.metrics.read_text("utf-8"))
    provenance = json.loads(args.provenance.read_text("utf-8"))
    items = read_items(args.work)
    with replacing(args.review) as tmp:
        tmp.touch(PRIVATE_FILE)
        tmp.write_text(review_page(args.submission, items, args.results), "utf-8")
    with replacing(args.out) as tmp:
        tmp.write_text(report_page(items, args.results, metrics, provenance, settings), "utf-8")


if __name__ == "__main__":
    command(main)
