"""Means of scores that carry no published spread: what their scale alone says about them."""

import math

from lima_utils.errors import StudyError
from lima_utils.records import Estimate
from lima_utils.statistics.shares import quantile


def worst_case_mean(
    name: str, mean: float, n: int, scale: tuple[float, float], *, level: float = 0.95, unit: str = "score"
) -> Estimate:
    """Return a published mean with the widest normal interval that its scale allows, for n independent scores.

    A variable on [a, b] with mean m varies by at most (m − a)(b − m) (Bhatia and Davis 2000), reached where every score
    is an end of the scale; any real spread is smaller. StudyError where the mean lies outside the scale, or n < 2.
    """
    low, high = scale
    if n < 2 or not low <= mean <= high:
        raise StudyError(f"{name}: mean {mean} of {n} scores on {low} … {high} is not possible; check the values.")
    half = quantile(level) * math.sqrt((mean - low) * (high - mean) / n)
    return Estimate(name, mean, max(low, mean - half), min(high, mean + half), level, n, "widest possible", unit)


def worst_case_difference(name: str, first: Estimate, second: Estimate) -> Estimate:
    """Return first − second of two worst-case means over independent prompts, with the interval that follows."""
    values = (first.estimate, first.low, first.high, second.estimate, second.low, second.high, first.level)
    if any(value is None for value in values) or first.level != second.level or first.n is None:
        raise StudyError(f"{name}: {first.name} and {second.name} need intervals of the same level.")
    one, two = first.estimate or 0.0, second.estimate or 0.0
    half = math.hypot(_half(first), _half(second))
    return Estimate(name, one - two, one - two - half, one - two + half, first.level, first.n, first.method, first.unit)


def _half(estimate: Estimate) -> float:
    """Return half the width, the wider side where the scale cut one."""
    middle = estimate.estimate or 0.0
    return max((estimate.high or 0.0) - middle, middle - (estimate.low or 0.0))
