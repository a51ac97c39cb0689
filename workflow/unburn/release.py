"""Release what was cleared, hold back the rest, and account for every file of a submission.

The verdicts of the gate are per item. Here they meet: a volume is released whole or not at all,
an object that refers to images goes with them, and an object whose mask of painted pixels could
not be written stays. Then products are made, files are put in place, and the tables are written;
``released.tsv`` last, so that a killed job leaves nothing that looks finished.
"""

import argparse
import csv
import json
import logging
import os
import shutil
import tempfile
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath
from types import MappingProxyType

from unburn import (
    decisions,
    keys,
    mending,
    nifti,
    objects,
    overrides,
    policy,
    reasons,
    tables,
    takeover,
)
from unburn.errors import ItemError, UserError, command
from unburn.files import make_private, replacing, sha256, temporary
from unburn.ledger import (
    NOTHING_SEARCHED,
    Device,
    device_of,
    held_back,
    left_behind,
    overridable,
    records,
    shard_folders,
    shard_table,
)
from unburn.parallel import in_order
from unburn.products import Product, Touched, write_masks, write_nifti, write_nifti_masks
from unburn.submissions import check_key

log = logging.getLogger(__name__)

RELEASED_COLUMNS = (
    *("output", "sha256", "patient", "study", "series", "sop_instance_uid", "modality", "frames"),
    *("masked_frames", "masked_pixels", "synthetic_fraction", "engine", "series_complete"),
    *("kind", "input_hmac", "markers"),
)
HELD_COLUMNS = ("item", "reason_code", "reason")
UID_COLUMNS = ("id_old", "id_new")
PATIENT_COLUMNS = (*UID_COLUMNS, "issuer_old")  # two that share an ID have an issuer each
LEDGER_COLUMNS = (
    *("item", "input", "sha256", "status", "reason_code", "output"),
    *("sop_instance_uid_in", "sop_instance_uid_out"),
)
RELEASED_FOLDERS = ("dicom", "masks", "nifti")
PRIVATE_FILE = 0o600

# Objects that show or describe other objects; they are released with those.
REFERRING = {*objects.REFERRING, nifti.SIDECAR}
# An original identifier shorter than this may stand in a table by chance.
SHORTEST_IDENTIFIER = 6


@dataclass(frozen=True)
class Settings:
    """The keys of the gate's section that decide here."""

    unit: str  # series | item: what a volume is judged by

    @classmethod
    def of(cls, section: Mapping[str, object]) -> "Settings":
        """Take the keys needed here out of the gate's section."""
        return cls(unit=str(section["unit"]))


@dataclass(frozen=True)
class Item:
    """One input file and what became of it so far."""

    item: str
    path: str
    sha256: str
    status: str  # released | held_back | ignored
    reason_code: str
    kind: str
    modality: str
    series: str  # label of the plan, empty where the header could not be read
    volumetric: bool
    candidate: Mapping[str, str]  # its row of candidates.tsv, empty when there is none
    folder: Path  # of its shard
    checked: str = ""  # sha256 of the cleaned object that the gate looked at
    markers: str = ""  # words of a closed list that two readers read in the picture, joined by ;
    device: Device = NOTHING_SEARCHED
    overridable: frozenset[str] = frozenset()  # all reasons against it that a person can overrule

    def held(self, code: str) -> "Item":
        """Return the item held back for a reason."""
        return replace(self, status="held_back", reason_code=code)

    @property
    def file(self) -> Path:
        """The cleaned object."""
        return self.folder / "candidates" / Path(self.candidate["file"]).name

    @property
    def passed(self) -> bool:
        """Whether nothing of its own holds it back; the rest of its volume may, till it is free."""
        return self.status == "released" or self.reason_code == "series_held"

    @property
    def touched(self) -> bool:
        """Whether pixels were painted."""
        return int(self.candidate.get("masked_pixels") or 0) > 0


Items = dict[str, Item]


# --- reading what the stages left


def read_items(inventory: Path, work: Path) -> Items:
    """Read every item of the inventory with the verdict of its shard, closed by default.

    A planned item without a candidate or without a verdict is held back.
    """
    planned, candidates, verdicts = {}, {}, {}
    facts: dict[int, frozenset[str]] = {}
    for folder in shard_folders(work):
        facts |= policy.read(folder / "masks.h5").facts
        for row in records(shard_table(folder)):
            planned[row["item"]] = (folder, row["volumetric"] == "1", device_of(row))
        for row in records(folder / "candidates.tsv"):
            candidates[row["item"]] = row
        for row in records(folder / "verdicts.tsv"):
            verdicts[row["item"]] = row
    items = {}
    for row in records(inventory):
        name = row["item"]
        folder, volumetric, device = planned.get(name, (work, False, NOTHING_SEARCHED))
        candidate = candidates.get(name, {})
        status, code = fate(row, name in planned, candidate, verdicts.get(name, {}))
        items[name] = Item(
            item=name,
            path=row["path"],
            sha256=row["sha256"] or candidate.get("sha256_in", ""),
            status=status,
            reason_code=code,
            kind=row["kind"],
            modality=row["modality"],
            series=row["series"],
            volumetric=volumetric,
            candidate=candidate,
            folder=folder,
            checked=verdicts.get(name, {}).get("sha256", ""),
            markers=";".join(sorted(facts.get(int(name), ()))),
            device=device,
            overridable=overridable(verdicts.get(name, {}), device, {}),
        )
    return items


def fate(
    row: Mapping[str, str],
    in_a_shard: bool,
    candidate: Mapping[str, str],
    verdict: Mapping[str, str],
) -> tuple[str, str]:
    """Return status and reason of an item as far as it can be told from itself alone."""
    if row["status"] != "planned":
        return row["status"], row["reason_code"]
    if not in_a_shard or not candidate:
        return "held_back", "not_written"
    if candidate["status"] != "candidate":
        return "held_back", candidate["reason_code"] or "not_written"
    if verdict.get("verdict") != "release":
        return "held_back", verdict.get("reason_code") or "gate_failed"
    return "released", ""


# --- rules between items


def settle(items: Items, unit: str) -> Items:
    """Apply the rules between items until none holds back another one."""
    before = -1
    while before != (now := sum(one.status == "released" for one in items.values())):
        before = now
        items = hold_clashes(items)
        if unit == "series":
            items = hold_volumes(items)
        items = hold_references(items)
    return items


def hold_clashes(items: Items) -> Items:
    """Hold back released items that would be written to the same place."""
    places = Counter(one.candidate["output"] for one in items.values() if one.status == "released")
    return {
        name: one.held("conflicting_instance")
        if one.status == "released" and places[one.candidate["output"]] > 1
        else one
        for name, one in items.items()
    }


def hold_devices(items: Items, missing: Mapping[Device, str]) -> Items:
    """Hold back the images of devices by what their controls showed; ``missing`` has reasons."""

    def after(one: Item) -> Item:
        if one.device not in missing:
            return one
        code = missing[one.device]
        one = replace(one, overridable=one.overridable | {code})
        return one.held(code) if one.passed else one

    return {name: after(one) for name, one in items.items()}


def hold_volumes(items: Items) -> Items:
    """Hold back the rest of a volume of which a part was held back."""
    volumes = {one.series for one in items.values() if one.volumetric}
    images = {"", "image", "secondary_capture"}
    broken = {
        one.series
        for one in items.values()
        if one.series in volumes and one.status == "held_back" and one.kind in images
    }
    return {
        name: one.held("series_held")
        if one.status == "released" and one.volumetric and one.series in broken
        else one
        for name, one in items.items()
    }


def hold_references(items: Items) -> Items:
    """Hold back an object that refers to an image that is not released with it.

    A UID that several objects share names none of them.
    """
    released = {
        one.candidate["sop_in"]
        for one in items.values()
        if one.status == "released" and one.candidate.get("shared_uid") != "1"
    }

    def stays(one: Item) -> bool:
        references = {uid for uid in one.candidate.get("references", "").split(";") if uid}
        return one.status == "released" and one.kind in REFERRING and not references <= released

    return {name: one.held("reference_held") if stays(one) else one for name, one in items.items()}


def by_series(items: Items) -> dict[str, list[Item]]:
    """Group the items that are part of a series and not ignored, in the order of their numbers."""
    series: dict[str, list[Item]] = defaultdict(list)
    for one in items.values():
        if one.series and one.status != "ignored":
            series[one.series].append(one)
    return series


# --- products


@dataclass(frozen=True)
class Series:
    """What a process needs to make the products of one series."""

    name: str
    touched: tuple[Touched, ...]
    volume: tuple[Path, ...]  # of a complete volume, else empty
    voxels: int
    folder: Path
    key: bytes


def make_products(series: Series) -> tuple[str, list[Product] | None]:
    """Make mask and NIfTI of a series; None where the mask could not be written."""
    series.folder.mkdir(parents=True)
    try:
        products = write_masks(series.touched, series.folder, series.key)
    except ItemError:
        return series.name, None
    if series.volume:
        converted = write_nifti(series.volume, series.voxels, series.folder)
        products += converted
        volumes = [one.file for one in converted if one.file.name.endswith(".nii.gz")]
        if volumes and series.touched:
            products += write_nifti_masks(series.volume, series.touched, volumes, series.folder)
    return series.name, products


def plan_products(items: Items, folder: Path, key: bytes) -> list[Series]:
    """List the series that have products: those with painted pixels, and complete volumes."""
    plans = []
    for name, members in by_series(items).items():
        released = [one for one in members if one.status == "released"]
        touched = tuple(
            Touched(one.file, one.folder / "masks.h5", one.item) for one in released if one.touched
        )
        slices = [one for one in released if one.volumetric and one.kind != nifti.VOLUME]
        frames = sum(int(one.candidate["frames"] or 1) for one in slices)
        whole = len(released) == len(members) == len(slices) and frames > 1
        if touched or whole:
            files = tuple(
                one.file for one in sorted(slices, key=lambda one: one.candidate["sop_out"])
            )
            voxels = sum(int(one.candidate["pixels_total"]) for one in slices)
            plans.append(Series(name, touched, files if whole else (), voxels, folder / name, key))
    return plans


def run_products(plans: Sequence[Series], threads: int) -> dict[str, list[Product] | None]:
    """Make the products of every series, each in one process."""
    return dict(in_order(make_products, plans, min(threads, len(plans))))


def hold_unmasked(items: Items, products: Mapping[str, list[Product] | None]) -> Items:
    """Hold back painted objects of a series whose mask could not be written."""
    return {
        name: one.held("mask_not_written")
        if one.status == "released" and one.touched and products.get(one.series, []) is None
        else one
        for name, one in items.items()
    }


# --- tables


def complete_series(items: Items) -> set[str]:
    """Labels of the series of which every item is released."""
    return {
        name
        for name, members in by_series(items).items()
        if all(one.status == "released" for one in members)
    }


def place_of(one: Item, results: Path) -> Path:
    """Where an item's object goes.

    Raises
    ------
    ValueError
        if the output is not a plain relative path below ``dicom/`` or ``nifti/``
    """
    output = PurePosixPath(one.candidate["output"])
    if output.parts[:1] not in (("dicom",), ("nifti",)) or ".." in output.parts:
        raise ValueError(f"item {one.item}: an output outside dicom/ and nifti/")
    return results / output


def item_row(one: Item, digest: str, complete: set[str], key: bytes) -> dict[str, object]:
    """One line of released.tsv for an item; its input only as a keyed digest."""
    row = one.candidate
    total, masked = int(row["pixels_total"] or 0), int(row["masked_pixels"] or 0)
    return {
        "output": row["output"],
        "sha256": digest,
        "patient": row["patient_out"],
        "study": row["study_out"],
        "series": row["series_out"],
        "sop_instance_uid": row["sop_out"],
        "modality": row["modality"],
        "frames": row["frames"],
        "masked_frames": row["masked_frames"] or 0,
        "masked_pixels": masked,
        "synthetic_fraction": f"{masked / total if total else 0:.6f}",
        "engine": row["engine"],
        "series_complete": int(one.series in complete),
        "kind": one.kind,
        "input_hmac": keys.keyed(key, "input", one.sha256).hex(),
        "markers": one.markers,
    }


def product_places(
    items: Items, products: Mapping[str, list[Product] | None], complete: set[str]
) -> list[tuple[Path, dict[str, object]]]:
    """Pair each product's file with its line of released.tsv (sha256 still missing).

    A mask is ``masks/<patient>/<study>/<series>[_k].dcm``; a volume lies likewise in ``nifti/``,
    and its mask as ``.nii.gz`` beside the other.
    """
    pairs = []
    for name, members in by_series(items).items():
        released = [one for one in members if one.status == "released"]
        for product in (products.get(name) or []) if released else []:
            row = released[0].candidate
            what, number = product.file.name.split(".")[0].split("_")
            folder = "masks" if what == "mask" else "nifti"
            ending = "" if number == "1" else f"_{number}"
            parts = (folder, row["patient_out"], row["study_out"], row["series_out"] + ending)
            stem = "/".join(part for part in parts if part)  # a NIfTI volume has no study
            line: dict[str, object] = {
                **dict.fromkeys(RELEASED_COLUMNS, ""),
                "output": stem + "".join(product.file.suffixes),
                "patient": row["patient_out"],
                "study": row["study_out"],
                "series": row["series_out"],
                "sop_instance_uid": product.sop_instance_uid,
                "modality": "SEG" if folder == "masks" else released[0].modality,
                "frames": product.frames or "",
                "series_complete": int(name in complete),
                "kind": "mask" if folder == "masks" else folder,
            }
            pairs.append((product.file, line))
    return pairs


def ledger_row(one: Item, discard: bool) -> dict[str, object]:
    """One line of the ledger; with ``discard``, without what links an original and its result."""
    released = one.status == "released" and not discard
    return {
        "item": one.item,
        "input": one.path,
        "sha256": one.sha256,
        "status": one.status,
        "reason_code": one.reason_code,
        "output": one.candidate["output"] if released else "",
        "sop_instance_uid_in": ""
        if discard or one.kind == nifti.VOLUME
        else one.candidate.get("sop_in", ""),
        "sop_instance_uid_out": one.candidate["sop_out"] if released else "",
    }


def check_conservation(items: Items, inventory: Iterable[str]) -> None:
    """Make sure that every file ends as exactly one of released, held back, ignored.

    Raises
    ------
    ValueError
        if an item is missing, twice, of unknown status, or held back or ignored without a reason
    """
    listed = list(inventory)
    if len(listed) != len(set(listed)) or set(listed) != set(items):
        raise ValueError("the ledger does not hold every item of the inventory once")
    known = {"released": {""}, "held_back": set(reasons.HELD_BACK), "ignored": set(reasons.IGNORED)}
    for one in items.values():
        if one.reason_code not in known.get(one.status, set()):
            raise ValueError(f"item {one.item}: a status or a reason that is not known")


def check_tables(rows: Iterable[Mapping[str, object]], originals: set[str]) -> None:
    """Make sure that no original identifier stands in a line that is handed out.

    Raises
    ------
    UserError
        if one does
    """
    for row in rows:
        named = {str(row[name]) for name in ("patient", "study", "series", "sop_instance_uid")}
        named |= set(PurePosixPath(str(row["output"])).parts)
        named |= {PurePosixPath(part).stem for part in named}
        if named & originals:
            raise UserError(
                where="released.tsv",
                found="an original identifier would stand in the table; nothing was released",
                advice="please report this as a fault of unburn",
            )


def read_mapping(work: Path) -> dict[str, str]:
    """Old to new UID of every object of the submission."""
    mapping: dict[str, str] = {}
    for folder in shard_folders(work):
        rows = tables.read(folder / "uids.tsv")
        mapping.update(zip(rows["id_old"], rows["id_new"], strict=True))
    return mapping


# --- files


def place(source: Path, target: Path, digest: str, moment_ns: int) -> None:
    """Put a file in its place by a hard link, or by a copy on another file system.

    ``digest`` is the source's sha256. A file that is there with the same bytes keeps its time;
    for another ``moment_ns`` becomes it: that of the candidate would tell the order of the inputs.
    """
    if target.is_file():
        if target.samefile(source):
            return
        if sha256(target) == digest:
            there = target.stat()
            if there.st_dev != source.stat().st_dev:
                return
            moment_ns = there.st_mtime_ns
    with replacing(target) as tmp:
        try:
            os.link(source, tmp)
        except OSError:
            shutil.copyfile(source, tmp)
        tmp.chmod(0o644)
        os.utime(tmp, ns=(moment_ns, moment_ns))


def now_ns(folder: Path) -> int:
    """The time by the clock of a folder's file system: what is written there later is not older.

    The clock of this machine can be ahead of it, and ``mending`` compares the two.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryFile(dir=folder) as file:
        return os.fstat(file.fileno()).st_mtime_ns


def remove_unlisted(results: Path, listed: set[str]) -> int:
    """Remove files in dicom/, masks/ and nifti/ that are not listed, and empty folders."""
    removed = 0
    for name in RELEASED_FOLDERS:
        for parent, _, names in os.walk(results / name, topdown=False):
            folder = Path(parent)
            for file in (folder / name for name in names):
                if file.relative_to(results).as_posix() not in listed:
                    file.unlink()
                    removed += 1
            if not any(folder.iterdir()):
                folder.rmdir()
    return removed


def write_mapping(path: Path, columns: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> None:
    """Write old and new identifiers as CSV that only its owner can read."""
    with replacing(path) as tmp:
        with open(tmp, "w", newline="", encoding="utf-8") as file:
            csv.writer(file).writerows([columns, *rows])
        tmp.chmod(PRIVATE_FILE)


def hash_unhashed(items: Items, threads: int) -> Items:
    """Fill in the sha256 of held-back files that no stage has read whole.

    A file that cannot be read keeps an empty one; so does a pipe, which would be waited for.
    """

    def digest(path: str) -> str:
        try:
            return sha256(Path(path)) if Path(path).is_file() else ""
        except OSError:
            return ""

    missing = [one for one in items.values() if not one.sha256]
    with ThreadPoolExecutor(threads) as pool:
        digests = pool.map(digest, [one.path for one in missing])
        found = {
            one.item: replace(one, sha256=hex_) for one, hex_ in zip(missing, digests, strict=True)
        }
    return items | found


def publish(
    work: Path,
    results: Path,
    items: Items,
    products: Mapping[str, list[Product] | None],
    key: bytes,
    key_id: str,
    discard: bool,
    threads: int,
) -> None:
    """Put files in place, remove what is not listed, write the tables."""
    complete = complete_series(items)
    released = [one for one in items.values() if one.status == "released"]
    product_pairs = product_places(items, products, complete)
    places = [(one.file, place_of(one, results)) for one in released]
    places += [(file, results / str(row["output"])) for file, row in product_pairs]

    mapping = read_mapping(work)
    originals = {one.candidate.get("patient_in", "") for one in items.values()}
    originals |= {old for old, new in mapping.items() if old != new}
    originals |= {
        one.candidate["sop_in"]
        for one in items.values()
        if one.candidate and one.candidate["sop_in"] != one.candidate["sop_out"]
    }
    # pseudonyms can come back as inputs, with files of a former release among the others
    originals -= {new for old, new in mapping.items() if old != new}
    originals -= {one.candidate["patient_out"] for one in items.values() if one.candidate}
    originals = {old for old in originals if len(old) >= SHORTEST_IDENTIFIER}
    with ThreadPoolExecutor(threads) as pool:
        digests = list(pool.map(sha256, [source for source, _ in places]))
    check_digests(released, digests)
    rows = [
        item_row(one, digest, complete, key) for one, digest in zip(released, digests, strict=False)
    ]
    rows += [
        row | {"sha256": digest}
        for (_, row), digest in zip(product_pairs, digests[len(released) :], strict=True)
    ]
    rows.sort(key=lambda row: str(row["output"]))
    check_tables(rows, originals)

    takeover.check()
    (results / "released.tsv").unlink(missing_ok=True)
    moment_ns = now_ns(results)
    placing = sorted(  # folders have times too
        ((target, source, digest) for (source, target), digest in zip(places, digests, strict=True))
    )
    with ThreadPoolExecutor(threads) as pool:
        list(pool.map(lambda one: place(one[1], one[0], one[2], moment_ns), placing))
    takeover.check()
    removed = remove_unlisted(results, {str(row["output"]) for row in rows})
    if removed:
        log.info("%d files of a former run removed", removed)
    for folder in left_behind(work):
        shutil.rmtree(folder)

    write_ledger(work, items, discard)
    if not discard:
        write_mappings(work, items, mapping, key_id)
    held = [
        {
            "item": one.item,
            "reason_code": one.reason_code,
            "reason": reasons.REASONS[one.reason_code],
        }
        for one in items.values()
        if one.status == "held_back"
    ]
    tables.write(results / "held_back.tsv", held, HELD_COLUMNS)
    tables.write(results / "released.tsv", rows, RELEASED_COLUMNS)


def check_digests(released: Sequence[Item], digests: Sequence[str]) -> None:
    """Refuse a cleaned object that is not the one that the gate looked at.

    Released files can be hard links of the candidates: who edits one in place edits both.
    """
    pairs = zip(released, digests, strict=False)
    altered = [one for one, digest in pairs if digest != one.checked]
    for one in altered:
        mending.mark(one.folder)
    if altered:
        raise UserError(
            where=f"item {altered[0].item}",
            found="its cleaned file changed after it was checked",
            advice="start the run again, which makes it anew; edit copies of released files",
        )


def write_ledger(work: Path, items: Items, discard: bool) -> None:
    """Write the ledger."""
    rows = [ledger_row(one, discard) for one in items.values()]
    tables.write(work / "ledger.tsv", rows, LEDGER_COLUMNS)
    (work / "ledger.tsv").chmod(PRIVATE_FILE)


def write_mappings(work: Path, items: Items, mapping: Mapping[str, str], key_id: str) -> None:
    """Write the mappings of UIDs and patients, and the id of the key they came from."""
    write_mapping(work / "uid_mapping.csv", UID_COLUMNS, sorted(mapping.items()))
    patients = {
        tuple(one.candidate[column] for column in ("patient_in", "patient_out", "issuer_in"))
        for one in items.values()
        if one.candidate.get("patient_in") and one.candidate.get("patient_out")
    }
    write_mapping(work / "patid_mapping.csv", PATIENT_COLUMNS, sorted(patients))
    with replacing(work / "key_id") as tmp:
        tmp.write_text(f"{key_id}\n", "ascii")


def release(
    inventory: Path,
    work: Path,
    results: Path,
    master: bytes,
    project: str,
    settings: Settings,
    threads: int,
    discard: bool = False,
    missing: Mapping[Device, str] = MappingProxyType({}),
) -> Items:
    """Release one submission; return every item with what became of it.

    ``missing`` are devices that are held back for what their controls showed, with the reason. With
    ``discard`` the key is one that this run has drawn, and nothing links old and new.
    """
    key_id, key = keys.key_id(master), keys.project_key(master, project)
    if not discard:
        check_key(work, key_id)
    items = hold_devices(read_items(inventory, work), missing)
    items, outcomes = overrides.apply(items, decisions.read(work))
    items = {
        name: one.held("not_written")
        if one.status == "released" and not one.file.is_file()
        else one
        for name, one in items.items()
    }
    items = settle(items, settings.unit)
    staging = make_private(temporary(work / "products"))
    try:
        products = run_products(plan_products(items, staging, key), threads)
        items = settle(hold_unmasked(items, products), settings.unit)
        items = hash_unhashed(items, threads)
        check_conservation(items, tables.read(inventory)["item"])
        overrides.write(work, outcomes)
        publish(work, results, items, products, key, key_id, discard, threads)
    finally:
        shutil.rmtree(staging, ignore_errors=True)
    return items


def main(argv: Sequence[str] | None = None) -> None:
    """Release one submission."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("--submission", required=True)
    parser.add_argument("--inventory", type=Path, required=True)
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--results", type=Path, required=True)
    parser.add_argument("--key", type=Path, required=True)
    parser.add_argument("--key-mode", choices=("keyed", "discard"), required=True)
    parser.add_argument("--project", required=True)
    parser.add_argument("--settings", type=json.loads, required=True)
    parser.add_argument("--controls", type=Path, nargs="*", default=[], help="what they showed")
    parser.add_argument("--mending", type=int, default=0, help="see module mending")
    parser.add_argument("--threads", type=int, required=True)
    args = parser.parse_args(argv)
    items = release(
        args.inventory,
        args.work,
        args.results,
        keys.load(args.key),
        args.project,
        Settings.of(args.settings),
        args.threads,
        args.key_mode == "discard",
        held_back(args.controls[0]) if args.controls else {},
    )
    mending.note(args.work, args.mending)
    count = Counter(one.status for one in items.values())
    log.info(
        "submission %s: %d items, %d released, %d held back, %d ignored",
        *(args.submission, len(items)),
        *(count["released"], count["held_back"], count["ignored"]),
    )


if __name__ == "__main__":
    command(main)
