"""Errors that a user can mend, printed as three facts and no traceback."""

import logging
import sys
from collections.abc import Callable, Sequence


class UserError(Exception):
    """Something the user can mend: where it is, what was found, what to do.

    None of the three may hold a value read from a header or an image.
    """

    def __init__(self, where: str, found: str, advice: str):
        super().__init__(f"{where}: {found}\n    hint: {advice}")
        self.where, self.found, self.advice = where, found, advice


class ItemError(Exception):
    """One input file that cannot be released; ``code`` is a key of ``reasons.REASONS``.

    It holds the item back and never stops the others.
    """

    def __init__(self, code: str):
        super().__init__(code)
        self.code = code


def command(main: Callable[[Sequence[str] | None], None]) -> None:
    """Run a stage's ``main``: log to stderr, print a UserError as a sentence, exit with 1."""
    logging.basicConfig(stream=sys.stderr, level=logging.INFO, format="%(levelname)s %(message)s")
    try:
        main(None)
    except UserError as error:
        sys.exit(f"error: {error}")
