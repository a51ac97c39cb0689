"""An RO-Crate record of how a release was made: ``python -m unburn crate``.

It follows the profile Process Run Crate 0.5 (w3id.org/ro/wfrun/process/0.5): one action, by one
program, of inputs and settings to outputs. Inputs are named by their keyed digests alone, which
only whoever has the key can match to a file. Nothing in it names a person, a host or a place; it
says no more than the tables beside which it is meant to lie.
"""

import json
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from unburn.errors import UserError
from unburn.files import replacing
from unburn.ledger import records

FILE = "ro-crate-metadata.json"
CONTEXT = [
    "https://w3id.org/ro/crate/1.1/context",
    "https://w3id.org/ro/terms/workflow-run/context",
]
CRATE = "https://w3id.org/ro/crate/1.1"
PROFILE = "https://w3id.org/ro/wfrun/process/0.5"
TABLES = {
    "released.tsv": "every file that is released, with its sha256",
    "held_back.tsv": "what was held back, by number, and why",
    "metrics.json": "figures of the release",
    "provenance.json": "commit, settings, weights, versions, seed, key id",
    "report.html": "the report of the release",
}
FORMATS = {
    ".dcm": "application/dicom",
    ".gz": "application/gzip",
    ".nii": "application/octet-stream",
    ".json": "application/json",
    ".html": "text/html",
    ".tsv": "text/tab-separated-values",
    ".bval": "text/plain",
    ".bvec": "text/plain",
}
UNBURN, ACTION = "#unburn", "#run"
KEYED = "HMAC-SHA256 of the file's sha256, under a key that stays with those who made the release"

Entity = dict[str, Any]


def leaves(settings: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Each single setting: its dotted name and its value."""
    for name, value in settings.items():
        if isinstance(value, Mapping):
            yield from leaves(value, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", value


def reference(entities: Iterable[Mapping[str, Any]]) -> list[dict[str, str]]:
    """What points to entities."""
    return [{"@id": entity["@id"]} for entity in entities]


def inputs(rows: Iterable[Mapping[str, str]]) -> list[Entity]:
    """The inputs of what is released, by keyed digests."""
    found = sorted({row["input_hmac"] for row in rows if row["input_hmac"]})
    return [
        {
            "@id": f"#input-{digest}",
            "@type": "CreativeWork",
            "name": f"input {digest[:12]}",
            "identifier": digest,
            "description": KEYED,
        }
        for digest in found
    ]


def outputs(rows: Iterable[Mapping[str, str]]) -> list[Entity]:
    """Every released file."""
    return [
        {
            "@id": row["output"],
            "@type": "File",
            "name": row["output"].rpartition("/")[2],
            "encodingFormat": FORMATS.get(Path(row["output"]).suffix, "application/octet-stream"),
            "sha256": row["sha256"],
        }
        for row in rows
    ]


def settings_of(provenance: Mapping[str, Any]) -> list[Entity]:
    """Every setting, as it was in force."""
    return [
        {
            "@id": f"#setting-{name}",
            "@type": "PropertyValue",
            "name": name,
            "value": value if isinstance(value, str | int | float) else json.dumps(value),
        }
        for name, value in leaves(provenance["settings"])
    ]


def weights_of(provenance: Mapping[str, Any]) -> list[Entity]:
    """Every file of weights that was used, of the reader's too."""
    used = [(one["setting"], one["file"], one["sha256"]) for one in provenance["weights"]]
    for reader, found in provenance["readers"].items():
        used += [
            (f"reader {reader}", one["file"], one["sha256"]) for one in found.get("weights", ())
        ]
    return [
        {
            "@id": f"#weights-{digest}",
            "@type": "CreativeWork",
            "name": file,
            "description": f"weights of {purpose}",
            "sha256": digest,
        }
        for digest, (purpose, file) in {one[2]: one[:2] for one in used}.items()
    ]


def environment(provenance: Mapping[str, Any]) -> list[Entity]:
    """Python and the libraries that were installed."""
    python = provenance["python"]
    places = {f"https://www.python.org/#{python}": ("python", python)}
    for name, version in sorted(provenance["libraries"].items()):
        if version:
            places[f"https://pypi.org/project/{name}/{version}/"] = (name, version)
    return [
        {
            "@id": place,
            "@type": "SoftwareApplication",
            "name": name,
            "url": place,
            "softwareVersion": version,
        }
        for place, (name, version) in places.items()
    ]


def crate(label: str, provenance: Mapping[str, Any], rows: list[dict[str, str]]) -> Entity:
    """The record of one release; ``rows`` of released.tsv."""
    made, tables = (
        outputs(rows),
        [
            {
                "@id": name,
                "@type": "File",
                "name": what,
                "encodingFormat": FORMATS[Path(name).suffix],
            }
            for name, what in TABLES.items()
        ],
    )
    lock = {
        "@id": "#lock",
        "@type": "CreativeWork",
        "name": "requirements.lock",
        "description": "versions and digests of all libraries that the program was made for",
        "sha256": provenance["lock"],
    }
    used = [*inputs(rows), *settings_of(provenance), *weights_of(provenance), lock]
    libraries = environment(provenance)
    system = provenance["platform"]
    program = provenance["unburn"]
    descriptor = {
        "@id": FILE,
        "@type": "CreativeWork",
        "conformsTo": {"@id": CRATE},
        "about": {"@id": "./"},
    }
    root = {
        "@id": "./",
        "@type": "Dataset",
        "conformsTo": {"@id": PROFILE},
        "name": f"submission {label}, cleaned of burned-in text and identity",
        "description": "Medical images from which text was painted out and identity was removed. "
        "Painted pixels are synthetic; the masks say which. Not anonymous: whoever holds the "
        "originals can match the untouched pixels.",
        "datePublished": provenance["finished"],
        "license": {"@id": "#license"},
        "hasPart": reference([*made, *tables]),
        "mentions": {"@id": ACTION},
    }
    tool = {
        "@id": UNBURN,
        "@type": "SoftwareApplication",
        "name": "unburn",
        "softwareVersion": program["version"],
        "identifier": f"commit {program['commit']}"
        + (" with changes" if program["changed_since"] else ""),
        "description": "digests of the code by stage: "
        + ", ".join(f"{stage} {digest}" for stage, digest in provenance["code"].items()),
        "operatingSystem": " ".join(str(value) for value in system.values()),
        "softwareRequirements": reference(libraries),
    }
    action = {
        "@id": ACTION,
        "@type": "CreateAction",
        "name": f"unburn of submission {label}",
        "description": f"under the key with the id {provenance['key_id']}",
        "instrument": {"@id": UNBURN},
        "endTime": provenance["finished"],
        "actionStatus": "http://schema.org/CompletedActionStatus",
        "object": reference(used),
        "result": reference([*made, *tables]),
    }
    terms = {
        "@id": "#license",
        "@type": "CreativeWork",
        "name": "not stated here",
        "description": "whoever hands out the data says under which terms",
    }
    profile = {
        "@id": PROFILE,
        "@type": "CreativeWork",
        "name": "Process Run Crate",
        "version": "0.5",
    }
    graph = [descriptor, root, action, tool, terms, profile, *libraries, *used, *tables, *made]
    return {"@context": CONTEXT, "@graph": graph}


def write(label: str, results: Path, out: Path) -> int:
    """Write the record of what lies in ``results``; return how many files it names.

    Raises
    ------
    UserError
        if the submission is not finished
    """
    if not all((results / name).is_file() for name in TABLES):
        raise UserError(f"submission {label}", "it is not finished", "start the run first")
    provenance = json.loads((results / "provenance.json").read_text("utf-8"))
    if "lock" not in provenance:
        raise UserError(
            f"submission {label}", "an earlier version recorded it", "start the run again first"
        )
    rows = records(results / "released.tsv")
    with replacing(out) as tmp:
        tmp.write_text(json.dumps(crate(label, provenance, rows), indent=1), "utf-8")
    return len(rows)
