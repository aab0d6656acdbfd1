"""Decision rules: from an estimate with its interval to `supported`, `not shown` or `contradicted`.

A rule is written down before the numbers are seen. The interval must lie wholly on one side of the line: whatever
straddles it is `not shown`. `within` is a test of equivalence: an interval that merely contains a value shows nothing,
one that lies inside a stated margin around it does.
"""

from collections.abc import Iterable
from typing import Literal, NamedTuple

from lima_utils.errors import StudyError
from lima_utils.records import Estimate

Answer = Literal["supported", "not shown", "contradicted"]


class Decision(NamedTuple):
    """What a rule says on a number, and the rule in words."""

    answer: Answer
    rule: str

    def record(self, name: str) -> Estimate:
        """Return the decision as a record of ``results/*.json``, e.g. ``verdict.C1``."""
        return Estimate(name, None, None, None, None, None, self.rule, "verdict", verdict=self.answer)


def at_least(estimate: Estimate, threshold: float) -> Decision:
    """Supported where the whole interval reaches the threshold, contradicted where none of it does."""
    low, high = _interval(estimate)
    answer: Answer = "supported" if low >= threshold else "contradicted" if high < threshold else "not shown"
    return Decision(answer, f"{estimate.name} at least {threshold:g}")


def at_most(estimate: Estimate, threshold: float) -> Decision:
    """Supported where no part of the interval exceeds the threshold, contradicted where all of it does."""
    low, high = _interval(estimate)
    answer: Answer = "supported" if high <= threshold else "contradicted" if low > threshold else "not shown"
    return Decision(answer, f"{estimate.name} at most {threshold:g}")


def above(estimate: Estimate, reference: float) -> Decision:
    """Supported where the interval lies above the reference, contradicted where it lies below."""
    low, high = _interval(estimate)
    answer: Answer = "supported" if low > reference else "contradicted" if high < reference else "not shown"
    return Decision(answer, f"{estimate.name} above {reference:g}")


def below(estimate: Estimate, reference: float) -> Decision:
    """Supported where the interval lies below the reference, contradicted where it lies above."""
    low, high = _interval(estimate)
    answer: Answer = "supported" if high < reference else "contradicted" if low > reference else "not shown"
    return Decision(answer, f"{estimate.name} below {reference:g}")


def within(estimate: Estimate, reference: float, margin: float) -> Decision:
    """Supported where the interval lies inside reference ± margin, contradicted where it lies outside altogether."""
    if margin <= 0:
        raise StudyError(f"{estimate.name}: a margin of {margin} cannot show equivalence; give a positive one.")
    low, high = _interval(estimate)
    inside = reference - margin <= low and high <= reference + margin
    outside = high < reference - margin or low > reference + margin
    answer: Answer = "supported" if inside else "contradicted" if outside else "not shown"
    return Decision(answer, f"{estimate.name} within {margin:g} of {reference:g}")


def all_of(decisions: Iterable[Decision]) -> Decision:
    """Supported where all are, contradicted where one is, else not shown; the rules are joined by "and"."""
    given = list(decisions)
    if not given:
        raise StudyError("verdict: no rule to join; give at least one.")
    answers = {decision.answer for decision in given}
    answer: Answer = "not shown"
    if "contradicted" in answers:
        answer = "contradicted"
    elif answers == {"supported"}:
        answer = "supported"
    return Decision(answer, " and ".join(decision.rule for decision in given))


def _interval(estimate: Estimate) -> tuple[float, float]:
    if estimate.low is None or estimate.high is None:
        raise StudyError(f"{estimate.name}: no interval, so no rule can be applied; estimate it with one.")
    return estimate.low, estimate.high
