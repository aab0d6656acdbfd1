"""What a comparison of n prompts can show: the smallest preference that it would detect."""

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from scipy import optimize, stats

from lima_utils.errors import StudyError


def power(n: int, ties: float, net: float, level: float = 0.95) -> float:
    """Return the probability that the exact sign test finds a true win − lose share of `net` among `n` verdicts.

    `ties` is the true share of ties. Sums over every number of decided verdicts; no approximation.
    """
    if n < 1 or not 0 <= ties < 1 or abs(net) > 1 - ties + 1e-12:
        raise StudyError(f"power: {n} verdicts, {ties} ties and a net preference of {net} do not go together.")
    win = min(max((1 + net / (1 - ties)) / 2, 0.0), 1.0)
    decided = np.arange(n + 1)
    cuts = _critical(n, level)
    rejected = stats.binom.cdf(cuts, decided, win) + stats.binom.sf(decided - cuts - 1, decided, win)
    return float(stats.binom.pmf(decided, n, 1 - ties) @ rejected)


def detectable(n: int, ties: float, wanted: float = 0.8, level: float = 0.95) -> float | None:
    """Return the smallest true net preference found with probability `wanted`; None where even 1 − ties is not."""
    if not 0 < wanted < 1:
        raise StudyError(f"power: {wanted} is not a probability; 0.8 is usual.")
    most = 1 - ties
    if power(n, ties, most, level) < wanted:
        return None
    return float(optimize.brentq(lambda net: power(n, ties, net, level) - wanted, 0.0, most, xtol=1e-6))


@lru_cache(maxsize=32)
def _critical(n: int, level: float) -> NDArray[np.int64]:
    """Return, for each number of decided verdicts, the most losses at which the two-sided test still rejects."""
    decided = np.arange(n + 1)
    cuts: NDArray[np.int64] = stats.binom.ppf((1 - level) / 2, decided, 0.5).astype(np.int64)
    cuts -= stats.binom.cdf(cuts, decided, 0.5) > (1 - level) / 2
    cuts[0] = -1
    return cuts
