"""Verdicts and grades to counts: what the intervals are made from."""

from collections.abc import Iterable

from lima_utils.errors import StudyError
from lima_utils.records import Grade, Verdict


def count_outcomes(verdicts: Iterable[Verdict], system: str) -> tuple[int, int, int]:
    """Return (win, tie, lose) as seen by `system`, which may stand on either side; StudyError for verdicts
    without it.
    """
    win = tie = lose = 0
    for verdict in verdicts:
        if system not in (verdict.system_a, verdict.system_b):
            raise StudyError(
                f"prompt {verdict.prompt_id!r}: {verdict.system_a} against {verdict.system_b} says "
                f"nothing on {system}; select its verdicts first."
            )
        side = "a" if verdict.system_a == system else "b"
        tie += verdict.winner == "tie"
        win += verdict.winner == side
        lose += verdict.winner not in ("tie", side)
    return win, tie, lose


def count_labels(grades: Iterable[Grade]) -> tuple[int, int, int]:
    """Return how many responses were graded (excellent, pass, fail)."""
    excellent = passed = fail = 0
    for grade in grades:
        excellent += grade.label == "excellent"
        passed += grade.label == "pass"
        fail += grade.label == "fail"
    return excellent, passed, fail
