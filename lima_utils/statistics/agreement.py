"""How far two judges agree: LIMA's tie-discounted accuracy, and Cohen's kappa."""

import math
from collections import Counter
from collections.abc import Sequence

from lima_utils.errors import StudyError
from lima_utils.records import Estimate, Winner
from lima_utils.statistics.shares import quantile, wilson


def tie_discounted(name: str, first: Sequence[Winner], second: Sequence[Winner], level: float = 0.95) -> Estimate:
    """Return LIMA's agreement of two judges (LIMA §4.1) with Wilson's interval, conservative for the half points.

    One point where both say the same, half a point where exactly one says tie, none where they contradict each other.
    """
    _check(name, first, second)
    points = sum(1.0 if a == b else 0.5 if "tie" in (a, b) else 0.0 for a, b in zip(first, second, strict=True))
    return wilson(name, points, len(first), level)


def chance_agreement(win: float, tie: float, lose: float) -> float:
    """Return the tie-discounted accuracy of two judges who draw from the same shares without looking at the item."""
    if min(win, tie, lose) < 0 or abs(win + tie + lose - 1) > 1e-9:
        raise StudyError(f"agreement: {win}, {tie} and {lose} are not the shares of win, tie and lose; they sum to 1.")
    return win**2 + tie**2 + lose**2 + tie * (1 - tie)  # half a point for 2·tie·(1 − tie)


def cohen_kappa(name: str, first: Sequence[str], second: Sequence[str], level: float = 0.95) -> Estimate:
    """Return Cohen's kappa with the large-sample interval of Fleiss, Cohen and Everitt (1969), cut at −1 and 1.

    Where both judges used one and the same label throughout, chance agreement is total and kappa undefined: the
    estimate is None. Perfect agreement over several labels gives 1 with an interval of no width.
    """
    _check(name, first, second)
    z, n = quantile(level), len(first)
    labels = sorted({*first, *second})
    cells = Counter(zip(first, second, strict=True))
    row = {label: sum(cells[label, other] for other in labels) / n for label in labels}
    column = {label: sum(cells[other, label] for other in labels) / n for label in labels}
    observed = sum(cells[label, label] for label in labels) / n
    chance = sum(row[label] * column[label] for label in labels)
    if chance == 1:
        return Estimate(name, None, None, None, None, n, "Cohen's kappa, undefined for a single label", "kappa")
    kappa = (observed - chance) / (1 - chance)
    on = sum(
        cells[label, label] / n * ((1 - chance) - (row[label] + column[label]) * (1 - observed)) ** 2
        for label in labels
    )
    off = (1 - observed) ** 2 * sum(
        cells[a, b] / n * (column[a] + row[b]) ** 2 for a in labels for b in labels if a != b
    )
    variance = (on + off - (observed * chance - 2 * chance + observed) ** 2) / (n * (1 - chance) ** 4)
    half = z * math.sqrt(max(variance, 0.0))
    low, high = max(-1.0, kappa - half), min(1.0, kappa + half)
    return Estimate(name, kappa, low, high, level, n, "Cohen's kappa, Fleiss-Cohen-Everitt", "kappa")


def _check(name: str, first: Sequence[str], second: Sequence[str]) -> None:
    if len(first) != len(second):
        raise StudyError(f"{name}: {len(first)} against {len(second)} verdicts; give both judges the same items.")
    if not first:
        raise StudyError(f"{name}: no item was judged by both; give at least one.")
