"""Where each setting stands in the configuration files, and what readers of YAML do not tell."""

from collections.abc import Sequence
from pathlib import Path

import yaml

Places = dict[tuple[str, ...], str]


def places_of(files: Sequence[Path]) -> tuple[Places, list[str]]:
    """Find the places of settings, those that one file has twice, and groups that hold themselves.

    YAML readers take the last of two settings with one name and drop the first without a word, and
    with a group everything below it. A group holds itself by an alias of its own anchor.

    Returns
    -------
    dict, "file:line: " by path of keys; a later file wins
    list of str, a mistake for each of the others
    """
    places: Places = {}
    mistakes: list[str] = []

    def walk(
        node: yaml.Node | None, path: tuple[str, ...], file: Path, above: tuple[yaml.Node, ...] = ()
    ) -> None:
        if not isinstance(node, yaml.MappingNode):
            return
        if any(node is one for one in above):
            mistakes.append(
                f"{places[path]}{'.'.join(path)}: it holds itself\n"
                "    hint: write the settings out; an alias cannot stand in what it is an alias of"
            )
            return
        lines: dict[str, int] = {}
        for key, value in node.value:
            name, line = str(key.value), key.start_mark.line + 1
            here = (*path, name)
            places[here] = f"{file}:{line}: "
            if name in lines:
                mistakes.append(
                    f"{places[here]}{'.'.join(here)}: it is there already, in line {lines[name]}\n"
                    "    hint: keep one; of two the first would not count"
                )
            lines[name] = line
            walk(value, here, file, (*above, node))

    for file in files:
        with open(file, encoding="utf-8") as text:
            walk(yaml.compose(text, Loader=yaml.SafeLoader), (), file)
    return places, mistakes
