"""The language model as a judge: pairs to verdicts, responses to grades, and a count of what could not be read."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from lima_utils.errors import StudyError
from lima_utils.judging.endpoint import AnswerLog, Reply, ask_all
from lima_utils.judging.instructions import (
    HELPFULNESS,
    LABELS,
    ask_grade,
    ask_pairwise,
    label_of,
    read_label,
    read_score,
    read_verdict,
)
from lima_utils.judging.pairs import Pair
from lima_utils.judging.settings import JudgeSettings
from lima_utils.records import Dialogue, Grade, Message, Response, Verdict

UNREAD = {"refused": "refused", "rejected": "rejected", "length": "cut off"}
"""Finish reasons after which no verdict is looked for, and how they are counted."""


@dataclass(frozen=True, slots=True)
class JudgedPairs:
    """Verdicts, and how many requests gave none, by reason: refused, rejected, cut off, unreadable."""

    verdicts: list[Verdict]
    lost: dict[str, int]


@dataclass(frozen=True, slots=True)
class GradedResponses:
    """Grades, and how many requests gave none, by reason: refused, rejected, cut off, unreadable."""

    grades: list[Grade]
    lost: dict[str, int]


def judge_pairs(
    settings: JudgeSettings, pairs: Sequence[Pair], prompts: Sequence[Dialogue], log: AnswerLog
) -> JudgedPairs:
    """Ask the endpoint about every pair, in the order given, and return what it said; nothing in the log is
    asked again.

    StudyError where a prompt is missing from `prompts`, or the endpoint fails for good.
    """
    texts = _conversations(prompts)
    requests = {
        str(i): ask_pairwise(_find(texts, pair.prompt_id), pair.first, pair.second, settings.instructions)
        for i, pair in enumerate(pairs)
    }
    replies = ask_all(settings, log, requests)
    verdicts, lost = [], Counter[str]()
    for i, pair in enumerate(pairs):
        reply = replies[str(i)]
        read = None if reply.finish in UNREAD else read_verdict(reply.text)
        if read is None:
            lost[_reason(reply)] += 1
        else:
            verdicts.append(pair.verdict(read[0], settings.judge, read[1] or None))
    return JudgedPairs(verdicts, dict(sorted(lost.items())))


def grade_responses(
    settings: JudgeSettings, responses: Sequence[Response], prompts: Sequence[Dialogue], log: AnswerLog
) -> GradedResponses:
    """Ask the endpoint to grade every response on the scale that the settings name; see :func:`judge_pairs`.

    StudyError also where a response belongs to a later turn, which cannot be graded without the turns before it.
    """
    if later := next((response for response in responses if response.turn), None):
        raise StudyError(
            f"prompt {later.prompt_id!r}: turn {later.turn} cannot be graded by itself; give single turns."
        )
    texts = _conversations(prompts)
    scale = HELPFULNESS if settings.grading == "helpfulness" else LABELS
    requests = {
        str(i): ask_grade(_find(texts, response.prompt_id), response.text, scale)
        for i, response in enumerate(responses)
    }
    replies = ask_all(settings, log, requests)
    grades, lost = [], Counter[str]()
    for i, response in enumerate(responses):
        grade = _grade(settings, response, replies[str(i)])
        if grade is None:
            lost[_reason(replies[str(i)])] += 1
        else:
            grades.append(grade)
    return GradedResponses(grades, dict(sorted(lost.items())))


def _grade(settings: JudgeSettings, response: Response, reply: Reply) -> Grade | None:
    if reply.finish in UNREAD:
        return None
    score: float | None = None
    if settings.grading == "helpfulness":
        scored = read_score(reply.text)
        if scored is None:
            return None
        score, label, reason = float(scored[0]), label_of(scored[0]), scored[1]
    else:
        labelled = read_label(reply.text)
        if labelled is None:
            return None
        label, reason = labelled
    return Grade(
        prompt_id=response.prompt_id,
        system=response.system,
        label=label,
        judge=settings.judge,
        score=score,
        sample=response.sample,
        seed=response.seed,
        turn=response.turn,
        reason=reason or None,
    )


def _reason(reply: Reply) -> str:
    return UNREAD.get(reply.finish, "unreadable")


def _conversations(prompts: Sequence[Dialogue]) -> dict[str, list[Message]]:
    return {dialogue.id: dialogue.messages for dialogue in prompts}


def _find(texts: Mapping[str, list[Message]], prompt_id: str) -> list[Message]:
    if prompt_id not in texts:
        raise StudyError(
            f"prompt {prompt_id!r} was answered but is not among the prompts; give the file it comes from."
        )
    return texts[prompt_id]
