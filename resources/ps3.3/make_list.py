"""Make type_1.txt: attributes of text or codes that an object may have to hold a value of.

    python resources/ps3.3/make_list.py

Types are those of the tables of PS3.3 as highdicom carries them.
"""

import json
import textwrap
from pathlib import Path

import highdicom
from pydicom.datadict import dictionary_VR, tag_for_keyword

TYPES = ("1", "1C")
VRS = ("CS", "LO", "SH", "UC", "ST", "LT", "UT")
WIDTH = 140


def needed(modules: dict[str, list[dict[str, str]]]) -> list[str]:
    """Keywords that have a type of ``TYPES`` in any module, sorted."""
    found = {
        entry["keyword"]
        for attributes in modules.values()
        for entry in attributes
        if entry["type"] in TYPES
    }
    tags = {keyword: tag_for_keyword(keyword) for keyword in found}
    return sorted(word for word, tag in tags.items() if tag and dictionary_VR(tag) in VRS)


def main() -> None:
    """Write the list beside this script."""
    table = Path(highdicom.__file__).parent / "_standard" / "module_attribute_map.json"
    keywords = needed(json.loads(table.read_text(encoding="utf-8")))
    lines = textwrap.fill(" ".join(keywords), WIDTH, break_long_words=False)
    Path(__file__).with_name("type_1.txt").write_text(lines + "\n", encoding="ascii")


if __name__ == "__main__":
    main()
