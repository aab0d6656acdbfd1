"""What an interval promises, checked by simulation: how often it holds the truth over many studies."""

import numpy as np

from lima_utils.errors import StudyError
from lima_utils.records import Estimate
from lima_utils.statistics.shares import preference, wilson


def simulate_coverage(
    name: str, truth: tuple[float, float, float], n: int, *, seed: int, studies: int = 2_000, level: float = 0.95
) -> dict[str, Estimate]:
    """Return how often the intervals of :func:`preference` held, over `studies` of `n` verdicts drawn from `truth`.

    `truth` are the shares of win, tie and lose. Keys: ``together`` (all three shares at once), ``net`` and
    ``win_or_tie``; values are shares of studies with their own Wilson intervals. StudyError where `truth` does not sum
    to 1 or a size is below 1.
    """
    if abs(sum(truth) - 1) > 1e-9 or min(truth) < 0 or n < 1 or studies < 1:
        raise StudyError(f"{name}: shares {truth}, {n} verdicts and {studies} studies do not go together.")
    draws, times = np.unique(
        np.random.default_rng(seed).multinomial(n, truth, size=studies), axis=0, return_counts=True
    )
    held = {"together": 0, "net": 0, "win_or_tie": 0}
    for (win, tie, lose), count in zip(draws.tolist(), times.tolist(), strict=True):
        shown = preference(name, win, tie, lose, level)
        shares = (shown.win, shown.tie, shown.lose)
        held["together"] += count * all(_holds(share, true) for share, true in zip(shares, truth, strict=True))
        held["net"] += count * _holds(shown.net, truth[0] - truth[2])
        held["win_or_tie"] += count * _holds(shown.win_or_tie, truth[0] + truth[1])
    return {key: wilson(f"{name}.{key}", count, studies, level) for key, count in held.items()}


def _holds(estimate: Estimate, truth: float) -> bool:
    return estimate.low is not None and estimate.high is not None and estimate.low <= truth <= estimate.high
