"""Make table_e1-1.csv from the JSON of Table E.1-1 that innolitics/dicom-standard publishes.

    python resources/ps3.15/make_table.py confidentiality_profile_attributes.json

The codes stay those of the standard; what unburn makes of them stands in unburn/profile.py.
"""

import argparse
import csv
import json
from pathlib import Path

COLUMNS = {
    "basic": "basicProfile",
    "safe_private": "rtnSafePrivOpt",
    "uids": "rtnUIDsOpt",
    "device": "rtnDevIdOpt",
    "institution": "rtnInstIdOpt",
    "patient": "rtnPatCharsOpt",
    "full_dates": "rtnLongFullDatesOpt",
    "modified_dates": "rtnLongModifDatesOpt",
    "descriptors": "cleanDescOpt",
    "structured": "cleanStructContOpt",
    "graphics": "cleanGraphOpt",
}


def row(entry: dict[str, str]) -> dict[str, str]:
    """Return one line of the table: tag as 8 hex digits (x for any), name, a code per column."""
    pattern = entry["tag"].split()[0].strip("()").replace(",", "").lower()
    name = entry["name"].splitlines()[0].strip()
    return {"tag": pattern, "name": name, **{k: entry.get(v, "") for k, v in COLUMNS.items()}}


def main() -> None:
    """Read the JSON named on the command line, write the CSV beside this script."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("json", type=Path)
    entries = json.loads(parser.parse_args().json.read_text(encoding="utf-8"))
    rows = sorted((row(entry) for entry in entries), key=lambda line: line["tag"])
    out = Path(__file__).with_name("table_e1-1.csv")
    with open(out, "w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, ["tag", "name", *COLUMNS], lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)


if __name__ == "__main__":
    main()
