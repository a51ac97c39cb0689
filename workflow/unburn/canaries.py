"""A canary for every row of PS3.15 Table E.1-1: what of them is left after cleaning.

Each attribute of the table that pydicom can build gets a value of its own, once at the top and once
two sequences down, in sequences that the table does not list. A row is handled when its canary is
gone, or when an option that is in force lets it stay (K in the option's column; times of day where
dates move by whole days).
"""

import argparse
import csv
import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from pydicom import Dataset, uid
from pydicom.datadict import dictionary_has_tag, dictionary_VR
from pydicom.dataset import FileMetaDataset

from unburn import metadata, tables
from unburn.answers import text_of
from unburn.errors import command
from unburn.presets import PRESETS, Options
from unburn.profile import TABLE
from unburn.rehearsal import KEY, metadata_settings

COLUMNS = ("method", "preset", "depth", "tag", "name", "vr", "outcome")
TOP, NESTED = "top", "two levels down"
GONE, KEPT, LEFT = "gone", "kept by an option", "left"
CONTROLS = {True: "control stayed", False: "control lost"}
CONTROL = "RepetitionTime"  # beside the canaries, not in the table: shows that their place is there
OUTER, INNER = "SharedFunctionalGroupsSequence", "MRTimingAndRelatedParametersSequence"
COLUMN_OF = {  # option and its value, and the table's column that lets attributes stay
    ("uids", "kept"): "uids",
    ("device", "kept"): "device",
    ("institution", "kept"): "institution",
    ("characteristics", "kept"): "patient",
    ("dates", "kept"): "full_dates",
}
DAY = "19770317"


def rows() -> list[dict[str, str]]:
    """Rows of the table for single attributes that the dictionary knows."""
    with open(TABLE, encoding="utf-8", newline="") as file:
        listed = [row for row in csv.DictReader(file) if "x" not in row["tag"]]
    single = [row for row in listed if not row["tag"].startswith("gggg")]
    return [row for row in single if dictionary_has_tag(int(row["tag"], 16))]


def vr_of(row: Mapping[str, str]) -> str:
    """The dictionary's VR; of several the first."""
    return dictionary_VR(int(row["tag"], 16)).split(" or ")[0]


def canary(number: int, vr: str) -> Any:
    """A value of a VR that nothing else has."""
    word = f"ZQ{number:04d}KANARI"
    if vr == "SQ":
        item = Dataset()
        item.PatientComments = word
        return [item]
    return {
        "DA": DAY, "DT": f"{DAY}1011{number % 60:02d}", "TM": f"1011{number % 60:02d}",
        "UI": f"1.2.826.0.1.3680043.8.498.9.{number + 1}", "AS": "041Y", "CS": f"ZQ{number:04d}K",
        "DS": f"{number + 1}.25", "IS": str(70000 + number), "PN": f"{word}^Zara",
        "UR": f"http://{word.lower()}.invalid", "AE": word, "SH": word,
    }.get(vr) or (
        word.encode() if vr in ("OB", "OW", "UN")
        else float(number + 1) if vr in ("FL", "FD")
        else 10000 + number if vr in ("US", "SS", "UL", "SL")
        else word
    )  # fmt: skip


def shown(value: Any, vr: str) -> str:
    """What of a canary is looked for."""
    return (
        str(value[0].PatientComments) if vr == "SQ" else text_of(value).split("\n")[0].rstrip("\0")
    )


def blank() -> Dataset:
    """An object of the kind CT without anything to hide."""
    dataset = Dataset()
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = uid.ExplicitVRLittleEndian
    dataset.file_meta.MediaStorageSOPClassUID = dataset.SOPClassUID = uid.CTImageStorage
    dataset.SOPInstanceUID = "1.2.826.0.1.3680043.8.498.8.1"
    dataset.file_meta.MediaStorageSOPInstanceUID = dataset.SOPInstanceUID
    dataset.StudyInstanceUID = "1.2.826.0.1.3680043.8.498.8.2"
    dataset.SeriesInstanceUID = "1.2.826.0.1.3680043.8.498.8.3"
    dataset.PatientID, dataset.PatientName, dataset.Modality = "1", "A^B", "CT"
    return dataset


def planted(depth: str, of_files: bool) -> Dataset:
    """All canaries in one object; ``of_files``: without the command group, which no file holds."""
    dataset = blank()
    place = dataset
    if depth == NESTED:
        inner = Dataset()
        outer = Dataset()
        setattr(outer, INNER, [inner])
        setattr(dataset, OUTER, [outer])
        place = outer[INNER].value[0]
    setattr(place, CONTROL, 4321)
    for number, row in enumerate(rows()):
        tag, vr = int(row["tag"], 16), vr_of(row)
        group = tag >> 16
        if (of_files and group == 0) or (depth == NESTED and group in (0, 2)):
            continue
        target = dataset.file_meta if group == 2 else place
        target.add_new(tag, vr, canary(number, vr))
    return dataset


def may_stay(row: Mapping[str, str], vr: str, options: Options) -> bool:
    """Whether an option in force keeps what the Basic Profile takes."""
    if vr == "TM" and options.dates == "shifted" and row["modified_dates"]:
        return True
    return any(
        getattr(options, name) == value and row[column] == "K"
        for (name, value), column in COLUMN_OF.items()
    )


def place_in(cleaned: Dataset, depth: str) -> Dataset | None:
    """Where the canaries of a depth were; None if the sequences are gone."""
    if depth == TOP:
        return cleaned
    outer = cleaned.get(OUTER)
    inner = outer[0].get(INNER) if outer else None
    return inner[0] if inner else None


def judged(cleaned: Dataset, depth: str, of_files: bool) -> Iterator[tuple[dict[str, str], bool]]:
    """Each planted row, and whether its canary is still there."""
    place = place_in(cleaned, depth)
    for number, row in enumerate(rows()):
        tag, vr = int(row["tag"], 16), vr_of(row)
        group = tag >> 16
        if (of_files and group == 0) or (depth == NESTED and group in (0, 2)):
            continue
        here = cleaned.file_meta if group == 2 else place
        wanted = shown(canary(number, vr), vr)
        yield row, here is not None and tag in here and wanted in found(here[tag].value, vr)


def found(value: Any, vr: str) -> str:
    """A value as text; of a sequence everything in it."""
    return "\n".join(str(item) for item in value) if vr == "SQ" else text_of(value)


def outcomes(
    method: str, preset: str, options: Options | None, cleaned: Dataset, depth: str, of_files: bool
) -> Iterator[dict[str, object]]:
    """Rows of ``canaries.csv`` for one cleaned object; without options nothing may stay."""
    for row, there in judged(cleaned, depth, of_files):
        vr = vr_of(row)
        stays = options is not None and may_stay(row, vr, options)
        yield {
            **row, "method": method, "preset": preset, "depth": depth, "vr": vr,
            "outcome": (KEPT if stays else LEFT) if there else GONE,
        }  # fmt: skip
    place = place_in(cleaned, depth)
    yield {
        "method": method, "preset": preset, "depth": depth, "tag": "00180080", "name": CONTROL,
        "vr": "DS", "outcome": CONTROLS[place is not None and CONTROL in place],
    }  # fmt: skip


def measure() -> Iterator[dict[str, object]]:
    """Our cleaning under each preset, in memory."""
    for preset in PRESETS:
        settings = metadata_settings(preset)
        for depth in (TOP, NESTED):
            cleaned = metadata.clean(planted(depth, False), KEY, settings).dataset
            yield from outcomes("unburn", preset, settings.options, cleaned, depth, False)


def main(argv: Sequence[str] | None = None) -> None:
    """Clean the canaries under each preset."""
    parser = argparse.ArgumentParser(prog="python -m unburn.canaries", description=main.__doc__)
    parser.add_argument("--out", type=Path, required=True, help="folder to write to")
    options = parser.parse_args(argv)
    tables.write_csv(options.out / "canaries.csv", measure(), COLUMNS)
    with open(TABLE, encoding="utf-8") as file:
        about = {"table_rows": sum(1 for _ in file) - 1, "rows_built": len(rows())}
    (options.out / "canaries.json").write_text(json.dumps(about, indent=1) + "\n")


if __name__ == "__main__":
    command(main)
