"""Errors that a user can mend, printed as three facts and no traceback."""

import errno
import logging
import re
import shlex
import signal
import sys
import traceback
from collections.abc import Callable, Iterator, Sequence
from typing import Any


class UserError(Exception):
    """Something the user can mend: where it is, what was found, what to do.

    None of the three may hold a value read from a header or an image.
    """

    def __init__(self, where: str, found: str, advice: str):
        super().__init__(f"{where}: {found}\n    hint: {advice}")
        self.where, self.found, self.advice = where, found, advice

    def __reduce__(self) -> tuple[type, tuple[str, str, str]]:
        """Travel from a worker process to its parent as it is."""
        return type(self), (self.where, self.found, self.advice)


NOTHING_RUN = "mend what is listed above and start again; nothing was run"


def listed(mistakes: Sequence[str]) -> str:
    """What was found, for an error that names several things to mend."""
    return f"{len(mistakes)} to mend\n" + "\n".join(mistakes)


class Mistakes(UserError):
    """Several things the user can mend, told at once."""

    def __init__(self, errors: Sequence[UserError]):
        super().__init__("settings", listed([*map(str, errors)]), NOTHING_RUN)
        self.errors = [*errors]

    def __reduce__(self) -> tuple[type, tuple[Any, ...]]:
        """Travel from a worker process to its parent as it is."""
        return type(self), (self.errors,)


def all_of(*checks: Callable[[], Any]) -> list[Any]:
    """What checks return, in their order; what all of them find wrong is one error."""
    results: list[Any] = []
    errors: list[UserError] = []
    for check in checks:
        try:
            results.append(check())
        except Mistakes as several:
            errors += several.errors
        except UserError as error:
            errors.append(error)
    if errors:
        raise errors[0] if len(errors) == 1 else Mistakes(errors)
    return results


class ItemError(Exception):
    """One input file that cannot be released; ``code`` is a key of ``reasons.REASONS``.

    It holds the item back and never stops the others. ``where`` says for the log what is wrong, as
    an attribute's keyword, and never a value.
    """

    def __init__(self, code: str, where: str = ""):
        super().__init__(code, where)
        self.code, self.where = code, where

    def __str__(self) -> str:
        return f"{self.code} ({self.where})" if self.where else self.code


def verb(words: str) -> str:
    """How the user can call a verb, from any folder: by the interpreter that runs this."""
    return f"{shlex.quote(sys.executable)} -m unburn {words}"


def command(main: Callable[[Sequence[str] | None], None]) -> None:
    """Run a stage's ``main``: log to stderr, explain an error, exit with 1.

    What the user can mend is printed as a sentence. Any other error is ours: it is printed with
    the places in the code, but without its message, which may quote a header. A scheduler that
    ends the job sends SIGTERM first; what was begun is removed then.
    """
    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(128 + number))
    logging.basicConfig(stream=sys.stderr, level=logging.INFO, format="%(levelname)s %(message)s")
    try:
        main(None)
    except Exception as error:
        sys.exit(f"error: {explained(error)}")


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    """An error and those that it was raised from or while handling."""
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__


def _is_full_disk(error: BaseException) -> bool:
    full = getattr(error, "errno", None) in (errno.ENOSPC, errno.EDQUOT)
    # HDF5 tells the errno in its text only
    return full or re.search(r"No space left|errno = (28|122)\b", str(error)) is not None


def explained(error: Exception) -> UserError | str:
    """What to print about an error: a sentence, or the places in the code."""
    if isinstance(error, UserError):
        return error
    if any(map(_is_full_disk, _chain(error))):
        return UserError(
            "disk", "it is full", "free some space; plan's log says how much is needed"
        )
    if isinstance(error, MemoryError):
        return UserError("memory", "it ran out", "give the job more memory (mem_mb)")
    lines = "".join(traceback.format_exception(error)).splitlines()
    places = [line for line in lines if re.match(r' +File ".*", line \d+, in ', line)]
    return "\n".join(["a fault of unburn, not of your data", *places, type(error).__name__])
