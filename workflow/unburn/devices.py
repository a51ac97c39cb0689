"""Rules for devices that always write at the same place: manufacturer, model, size -> rectangles.

The table is that of the pixel scripts of CTP and deid in another form; ``resources/devices.tsv``
explains its columns. A rule adds to masks and never takes from them. What is read from a header
is compared here and goes nowhere.
"""

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from unburn.errors import UserError, listed
from unburn.ultrasound import Rectangle

if TYPE_CHECKING:
    from pydicom.dataset import Dataset

SHIPPED = Path(__file__).resolve().parents[2] / "resources" / "devices.tsv"
COLUMNS = (
    *("manufacturer", "model", "modality", "rows", "columns", "image_type", "software"),
    *("rectangles", "origin"),
)
KEYWORDS = ("Manufacturer", "ManufacturerModelName", "ImageType", "SoftwareVersions")
LARGEST = 1 << 16  # Rows and Columns are 16-bit numbers
ADVICE = "resources/devices.tsv shows how a rule is written"


@dataclass(frozen=True)
class Rule:
    """A line of a table. ``name`` is file and line; alternatives are compared as ``plain`` text.

    ``image_type`` are alternatives of words that must all be there.
    """

    name: str
    manufacturer: tuple[str, ...]
    model: tuple[str, ...]
    modality: tuple[str, ...]
    rows: tuple[int, ...]
    columns: tuple[int, ...]
    image_type: tuple[tuple[str, ...], ...]
    software: tuple[str, ...]
    rectangles: tuple[Rectangle, ...]

    def could_fit(self, modality: str, rows: int, columns: int) -> bool:
        """Whether the rule fits as far as modality and size go."""
        return (
            (not self.modality or plain(modality) in self.modality)
            and (not self.rows or rows in self.rows)
            and (not self.columns or columns in self.columns)
        )

    def fits(self, header: "Dataset") -> bool:
        """Whether the device that a header names is the rule's."""
        kinds = [plain(value) for value in _values(header, "ImageType")]
        return (
            _contains(header, "Manufacturer", self.manufacturer)
            and _contains(header, "ManufacturerModelName", self.model)
            and _contains(header, "SoftwareVersions", self.software)
            and (
                not self.image_type
                or any(
                    all(any(word in kind for kind in kinds) for word in words)
                    for words in self.image_type
                )
            )
        )


def plain(text: str) -> str:
    """Letters and digits of a text in capitals, so that LOGIQ E9 is LogiqE9."""
    return re.sub(r"[\W_]+", "", unicodedata.normalize("NFKC", text)).upper()


def _values(header: "Dataset", keyword: str) -> list[str]:
    """Values of an attribute as text; none where it is absent or cannot be read."""
    try:
        value = header.get(keyword)
    except Exception:
        return []
    if value is None:
        return []
    return [value] if isinstance(value, str) else [str(one) for one in value]


def _contains(header: "Dataset", keyword: str, alternatives: Sequence[str]) -> bool:
    found = plain(" ".join(_values(header, keyword)))
    return not alternatives or any(one in found for one in alternatives)


def fitting(rules: Sequence[Rule], header: "Dataset") -> list[Rule]:
    """The rules whose device a header names; size and modality were compared before."""
    return [rule for rule in rules if rule.fits(header)]


def cut(rectangle: Rectangle, rows: int, columns: int) -> Rectangle | None:
    """The part of a rectangle that lies in a frame, None where there is none."""
    left, top, right, bottom = rectangle
    right, bottom = min(right, columns), min(bottom, rows)
    return (left, top, right, bottom) if left < right and top < bottom else None


def read(path: Path, name: str) -> list[Rule]:
    """Read a table of rules, named ``name`` in the rules' names.

    Raises
    ------
    UserError
        naming every line that cannot be used
    """
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError):
        raise UserError(
            "mask.device_rules", f"{path} cannot be read as text", "name a TSV in UTF-8"
        ) from None
    rules: list[Rule] = []
    mistakes: list[str] = []
    header: list[str] = []
    for number, line in enumerate(lines, 1):
        if not line.strip() or line.startswith("#"):
            continue
        cells = [cell.strip() for cell in line.split("\t")]
        if not header:
            header = cells
            wrong = [c for c in header if c not in COLUMNS or header.count(c) > 1]
            missing = [c for c in ("manufacturer", "model", "rectangles") if c not in header]
            if wrong or missing:
                raise UserError(
                    f"{path}:{number}",
                    f"columns {', '.join(missing)} are missing"
                    if missing
                    else f"{len(wrong)} columns are not known or there twice",
                    f"columns are separated by tabs and named {', '.join(COLUMNS)}",
                )
            continue
        cells += [""] * (len(header) - len(cells))
        try:
            if len(cells) > len(header):
                raise ValueError(f"{len(cells)} cells, expected {len(header)}")
            rules.append(_rule(f"{name}:{number}", dict(zip(header, cells, strict=True))))
        except ValueError as error:
            mistakes.append(f"{path}:{number}: {error}")
    if mistakes:
        raise UserError("mask.device_rules", listed(mistakes), ADVICE)
    if not rules:
        raise UserError("mask.device_rules", f"{path} holds no rule", ADVICE)
    return rules


def _rule(name: str, row: dict[str, str]) -> Rule:
    """One line of a table; ValueError says in words what is wrong with it."""
    if not plain(row["manufacturer"]) and not plain(row["model"]):
        raise ValueError("neither manufacturer nor model is given, so it would fit every device")

    def words(column: str) -> tuple[str, ...]:
        parts = tuple(plain(part) for part in row.get(column, "").split("|"))
        if len(parts) > 1 and not all(parts):
            raise ValueError(f"{column}: an empty alternative would fit everything")
        return parts if parts[0] else ()

    def numbers(column: str) -> tuple[int, ...]:
        cell = row.get(column, "")
        return tuple(_number(part, column) for part in cell.split("|")) if cell else ()

    kinds = row.get("image_type", "")
    image_type = tuple(
        tuple(plain(word) for word in one.split("+")) for one in kinds.split("|") if kinds
    )
    if not all(all(one) for one in image_type):
        raise ValueError("image_type: an empty word would fit everything")
    return Rule(
        name,
        words("manufacturer"),
        words("model"),
        words("modality"),
        numbers("rows"),
        numbers("columns"),
        image_type,
        words("software"),
        tuple(_rectangle(part) for part in row["rectangles"].rstrip("; ").split(";")),
    )


def _number(text: str, column: str) -> int:
    if not re.fullmatch(r"[0-9]{1,5}", text.strip()) or int(text) > LARGEST:
        raise ValueError(f"{column}: not a number of pixels")
    return int(text)


def _rectangle(text: str) -> Rectangle:
    """A rectangle of left, top, width, height."""
    parts = text.split(",")
    if len(parts) != 4:
        raise ValueError("rectangles: four numbers are left, top, width and height of each")
    left, top, width, height = (_number(part, "rectangles") for part in parts)
    if not width or not height:
        raise ValueError("rectangles: width and height must be above 0")
    return left, top, left + width, top + height
