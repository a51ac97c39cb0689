"""The folders that a run writes into: whether it can, said before anything runs."""

import os
import tempfile
from pathlib import Path

from unburn.errors import UserError

ADVICE = "set `{}` to a folder, which need not be there yet"


def check(setting: str, folder: str) -> None:
    """Refuse a folder that no run can write into; nothing is left there by looking.

    Parameters
    ----------
    setting : its name, for the message
    folder : its value

    Raises
    ------
    UserError
        if Snakemake would take its name for a pattern, if a file is in its place, or if nothing
        can be written there
    """
    if not folder.isprintable() or any(sign in folder for sign in "{}<>"):
        raise UserError(
            "settings",
            f"`{setting}` has a sign that stands for something else in the paths of a workflow",
            "use letters, digits and . _ - in the names of folders, and none of { } < >",
        )
    there = Path(folder).absolute()
    while not os.path.lexists(there):
        there = there.parent
    try:
        # without a name where the file system can do that: no other process sees it
        with tempfile.TemporaryFile(dir=there):
            pass
    except NotADirectoryError:
        found = f"`{setting}` is a file, or lies below one"
        raise UserError("settings", found, ADVICE.format(setting)) from None
    except OSError as error:
        raise UserError(
            "settings",
            f"nothing can be written where `{setting}` is to be ({error.strerror})",
            f"open that place for yourself, or {ADVICE.format(setting)}",
        ) from None
