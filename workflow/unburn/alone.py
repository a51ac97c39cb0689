"""Keep runs away from a submission while a verb changes it, and such verbs from one another."""

import fcntl
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from unburn import takeover
from unburn.errors import UserError
from unburn.settings import Run

log = logging.getLogger(__name__)

LOCK = "withdrawing.lock"  # in the private folder of a submission
OWN_LOCK = takeover.LOCKS / "999999999.output.lock"  # what Snakemake looks at


@contextmanager
def alone(run: Run, label: str) -> Iterator[None]:
    """Keep runs, withdrawals and approvals away from a submission.

    Raises
    ------
    UserError
        if one is under way
    """
    work, results = (Path(run.config[name]) / label for name in ("work", "results"))
    with open(work / LOCK, "a") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise UserError(
                f"submission {label}",
                "a withdrawal from it or an approval of it is under way",
                "wait for its end",
            ) from None
        except OSError:  # a file system without locks
            log.info("two verbs at once would not be noticed here")
        OWN_LOCK.parent.mkdir(parents=True, exist_ok=True)
        OWN_LOCK.write_text(f"{results / 'released.tsv'}\n{work / 'ledger.tsv'}\n")
        try:
            if takeover.beside_another():
                raise UserError(
                    f"submission {label}",
                    "a run is under way in this folder, or was killed",
                    "wait for its end; after a kill: snakemake --unlock, with the run's options",
                )
            yield
        finally:
            OWN_LOCK.unlink(missing_ok=True)
