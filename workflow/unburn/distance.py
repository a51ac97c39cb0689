"""How far two texts are from each other."""


def edits(one: str, other: str) -> int:
    """Fewest insertions, deletions and substitutions between two texts (Levenshtein, 1966)."""
    row = list(range(len(other) + 1))
    for number, letter in enumerate(one, 1):
        before, row[0] = row[0], number
        for place, wanted in enumerate(other, 1):
            before, row[place] = (
                row[place],
                min(row[place] + 1, row[place - 1] + 1, before + (letter != wanted)),
            )
    return row[-1]
