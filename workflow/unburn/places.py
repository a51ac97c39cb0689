"""Where each setting stands in the configuration files, and which of them stand there twice."""

from collections.abc import Sequence
from pathlib import Path

import yaml

Places = dict[tuple[str, ...], str]


def places_of(files: Sequence[Path]) -> tuple[Places, list[str]]:
    """Find the places of settings, and those that one file has twice.

    YAML readers take the last of two settings with one name and drop the first without a word, and
    with a group everything below it.

    Returns
    -------
    dict, "file:line: " by path of keys; a later file wins
    list of str, a mistake for each setting that is there again
    """
    places: Places = {}
    twice: list[str] = []

    def walk(node: yaml.Node | None, path: tuple[str, ...], file: Path) -> None:
        if not isinstance(node, yaml.MappingNode):
            return
        lines: dict[str, int] = {}
        for key, value in node.value:
            name, line = str(key.value), key.start_mark.line + 1
            here = (*path, name)
            places[here] = f"{file}:{line}: "
            if name in lines:
                twice.append(
                    f"{places[here]}{'.'.join(here)}: it is there already, in line {lines[name]}\n"
                    "    hint: keep one; of two the first would not count"
                )
            lines[name] = line
            walk(value, here, file)

    for file in files:
        with open(file, encoding="utf-8") as text:
            walk(yaml.compose(text, Loader=yaml.SafeLoader), (), file)
    return places, twice
