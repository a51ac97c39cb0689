"""Figures with their 95 % intervals, and paired tests, for the tables of the benchmark.

Shares of counted things get Clopper and Pearson's bounds. Everything else is drawn anew by whole
patients, a percentile bootstrap (Efron and Tibshirani 1993, chapter 13); where there are fewer than
``FEW`` of them it is drawn by frames, which are more alike than patients, so that such intervals
are too narrow. Tests turn the sign of each patient's mean difference at random.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from scipy import stats

from unburn import judging
from unburn.judging import CONFIDENCE

RESAMPLED = 2000
FEW = 8  # patients below which frames are drawn


@dataclass(frozen=True)
class Figure:
    """A value with its bounds and the number of things that it is about; NaN where unknown."""

    value: float
    low: float
    high: float
    of: int


def share(hits: int, total: int) -> Figure:
    """A share with exact bounds; 0 of n has its upper bound, nothing of nothing none."""
    if not total:
        return Figure(np.nan, np.nan, np.nan, 0)
    return Figure(hits / total, *judging.bounds(hits, total), total)


def units(groups: Sequence[object], frames: Sequence[object]) -> tuple[np.ndarray, str]:
    """What is drawn: the number of each row's unit, int64 (rows,), and "patient" or "frame"."""
    by_group = len(set(groups)) >= FEW
    _, numbers = np.unique(
        np.asarray(list(groups if by_group else frames)).astype(str), return_inverse=True
    )
    return numbers, "patient" if by_group else "frame"


def bootstrap(
    rows: np.ndarray, unit: np.ndarray, figure: Callable[[np.ndarray], float], seed: int
) -> Figure:
    """A figure of rows, float64 (rows, ...), with the bounds of drawing whole units anew.

    ``figure`` takes such rows; ``unit`` int64 (rows,).
    """
    if not len(rows):
        return Figure(np.nan, np.nan, np.nan, 0)
    rng = np.random.default_rng(seed)
    order = np.argsort(unit, kind="stable")
    members = np.split(order, np.flatnonzero(np.diff(unit[order])) + 1)
    values = []
    for _ in range(RESAMPLED):
        drawn = rng.integers(0, len(members), len(members))
        values.append(figure(rows[np.concatenate([members[k] for k in drawn])]))
    tail = (1 - CONFIDENCE) / 2
    low, high = np.nanquantile(values, [tail, 1 - tail])
    return Figure(float(figure(rows)), float(low), float(high), len(rows))


def mean(values: np.ndarray, unit: np.ndarray, seed: int) -> Figure:
    """The mean of values, float64 (rows,), without NaN."""
    known = np.isfinite(values)
    return bootstrap(values[known], unit[known], lambda drawn: float(drawn.mean()), seed)


def paired(differences: np.ndarray, unit: np.ndarray, seed: int) -> float:
    """Two-sided p of "no difference", float64 (rows,); 1 of a single unit or where none differs.

    Every second outcome of a fair coin for each unit's mean (Fisher's permutation of signs), all of
    them where there are few units, 9,999 at random otherwise.
    """
    known = np.isfinite(differences)
    means = [differences[known][unit[known] == k].mean() for k in np.unique(unit[known])]
    if len(means) < 2 or not np.any(means):
        return 1.0
    found = stats.permutation_test(
        (np.array(means),), np.mean, permutation_type="samples", n_resamples=9999,
        rng=np.random.default_rng(seed),
    )  # fmt: skip
    return float(found.pvalue)


def macro_f1(pairs: np.ndarray, classes: Sequence[str]) -> float:
    """Mean F1 of the classes that occur; ``pairs`` str (rows, 2): true and predicted."""
    found = []
    for name in classes:
        true, said = pairs[:, 0] == name, pairs[:, 1] == name
        if true.any():
            found.append(2 * int((true & said).sum()) / int(true.sum() + said.sum()))
    return float(np.mean(found)) if found else float("nan")
