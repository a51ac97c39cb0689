"""A folder of mistakes: each has beside it the message that the user sees."""

from pathlib import Path

import pytest

from runs import snakemake
from unburn import keys

MISTAKES = Path(__file__).parent / "mistakes"


@pytest.mark.parametrize("mistake", sorted(p.name for p in MISTAKES.iterdir() if p.is_dir()))
def test_a_mistake_is_explained(mistake, tmp_path):
    run = tmp_path / "run"
    run.mkdir()
    for file in (MISTAKES / mistake).iterdir():
        if file.name != "message.txt":
            (run / file.name).write_bytes(file.read_bytes())
    if not (run / "no_key").exists() and not (run / "unburn.key").exists():
        keys.new(run / "unburn.key")
    keys_before = list(run.glob("*.key"))
    result = snakemake(run)
    screen = result.stdout + result.stderr
    assert result.returncode != 0
    for line in (MISTAKES / mistake / "message.txt").read_text().splitlines():
        assert line in screen
    assert "Traceback" not in screen
    assert not (run / "results").exists()
    assert list(run.glob("*.key")) == keys_before  # never made silently
