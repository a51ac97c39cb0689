"""The figures of a submission as they are handed out: ``metrics.json`` and its JSON schema.

The schema, ``workflow/schemas/metrics.schema.json``, says what each figure is. Nothing that it does
not name is written, so a value that nobody thought about does not leave the private folder.
"""

import json
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

import jsonschema

from unburn.files import replacing

SCHEMA = Path(__file__).resolve().parents[1] / "schemas" / "metrics.schema.json"


@cache
def validator() -> jsonschema.Draft202012Validator:
    """What checks a ``metrics.json``."""
    return jsonschema.Draft202012Validator(json.loads(SCHEMA.read_text("utf-8")))


def mistakes(metrics: Mapping[str, Any]) -> list[str]:
    """Where figures are not as the schema says; names and rules, never a value."""
    errors = sorted(validator().iter_errors(metrics), key=lambda error: error.json_path)
    return [f"{error.json_path}: {error.validator}" for error in errors]


def write(metrics: Mapping[str, Any], out: Path) -> None:
    """Write ``metrics.json``.

    Raises
    ------
    ValueError
        if it is not as the schema says, which is a fault of unburn
    """
    found = mistakes(metrics)
    if found:
        raise ValueError(f"metrics.json: {'; '.join(found)}")
    with replacing(out) as tmp:
        tmp.write_text(json.dumps(metrics, indent=2) + "\n", "utf-8")
