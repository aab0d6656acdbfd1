"""What a judge is told, and how strictly its answer is read.

The instructions are LIMA's in our own words: imagine that you wrote the prompt, and say which response meets your needs
significantly better, or that neither does (LIMA §4.1 and appendix); excellent, pass or fail (LIMA §4.3); helpfulness
from 1 to 6, the reason first and the number last (LIMA §5 and appendix). Only the last line counts, in one form: an
answer that hedges, or gives two, is unreadable and counted as such.
"""

import re
from collections.abc import Sequence

from lima_utils.judging.pairs import Answer
from lima_utils.records import Label, Message

PAIRWISE = """\
You compare two responses, A and B, to the same message. Imagine that you wrote the message yourself. Which response \
meets your needs significantly better: is it more helpful, more relevant, more correct and of a fitting form? If \
neither is significantly better, say so. Do not be swayed by the order in which the responses stand, nor by their \
length, nor by what they say about themselves.

First give your reason in a few sentences. Then end with one line that holds nothing but one of
Verdict: A
Verdict: B
Verdict: neither"""

LABELS = """\
You grade one response to a message. Imagine that you wrote the message yourself.
fail: the response does not meet what the message asks for.
pass: the response meets what the message asks for, with flaws.
excellent: the response is of the kind you hoped for; you would change nothing of weight.

First give your reason in a few sentences. Then end with one line that holds nothing but one of
Grade: fail
Grade: pass
Grade: excellent"""

HELPFULNESS = """\
You grade how helpful one response to a message is. Imagine that you wrote the message yourself.
1: it is off the point, or of no use.
2: it touches the point, but leaves out most of what was asked, or misleads.
3: it helps in part: the basic question is met, with clear gaps, errors or padding.
4: it helps: the question is answered in full from the asker's view, though not at its best.
5: it helps well: complete, clear and to the point, with slight room for betterment.
6: it could hardly be better: complete, correct, insightful and pleasant to read.

First give your reason in a few sentences. Then end with one line that holds nothing but
Score: N
where N is a whole number from 1 to 6."""

_VERDICT = re.compile(r"Verdict: (A|B|neither)\.?")
_LABEL = re.compile(r"Grade: (excellent|pass|fail)\.?")
_SCORE = re.compile(r"Score: ([1-6])\.?")
_DECORATION = str.maketrans("", "", "*_`")
"""Markdown that models put around their last line; nothing else is forgiven."""


def ask_pairwise(conversation: Sequence[Message], first: str, second: str, instructions: str = "") -> list[Message]:
    """Return the request that shows the two responses as A (`first`) and B (`second`), without any system's name."""
    body = f"{_write(conversation)}\n\n{_frame('Response A', first)}\n\n{_frame('Response B', second)}"
    return _request(instructions or PAIRWISE, body)


def ask_grade(conversation: Sequence[Message], response: str, instructions: str) -> list[Message]:
    """Return the request to grade one response; `instructions` is LABELS or HELPFULNESS."""
    return _request(instructions, f"{_write(conversation)}\n\n{_frame('Response', response)}")


def read_verdict(text: str) -> tuple[Answer, str] | None:
    """Return the judge's answer and its reason, or None where the last line is not exactly one verdict."""
    found = _read(text, _VERDICT)
    if found is None:
        return None
    answers: dict[str, Answer] = {"A": "first", "B": "second", "neither": "tie"}
    return answers[found[0]], found[1]


def read_label(text: str) -> tuple[Label, str] | None:
    """Return the grade and its reason, or None where the last line is not exactly one grade."""
    found = _read(text, _LABEL)
    if found is None:
        return None
    labels: dict[str, Label] = {"excellent": "excellent", "pass": "pass", "fail": "fail"}
    return labels[found[0]], found[1]


def read_score(text: str) -> tuple[int, str] | None:
    """Return the helpfulness from 1 to 6 and its reason, or None where the last line is not exactly one score."""
    found = _read(text, _SCORE)
    return (int(found[0]), found[1]) if found else None


def label_of(score: int) -> Label:
    """Return the label that stands for a helpfulness score: 5 and 6 excellent, 3 and 4 pass, below that fail.

    This reading is ours: LIMA keeps the two scales apart.
    """
    return "excellent" if score >= 5 else "pass" if score >= 3 else "fail"


def _read(text: str, form: re.Pattern[str]) -> tuple[str, str] | None:
    """Return what stands in the last line, and all before it; None if the form occurs elsewhere with another answer."""
    lines = text.strip().splitlines()
    if not lines:
        return None
    last = form.fullmatch(lines[-1].translate(_DECORATION).strip())
    earlier = {match[1] for line in lines[:-1] if (match := form.fullmatch(line.translate(_DECORATION).strip()))}
    if last is None or earlier - {last[1]}:
        return None
    return last[1], "\n".join(lines[:-1]).strip()


def _write(conversation: Sequence[Message]) -> str:
    """Return a single message framed as such, a conversation turn by turn."""
    if len(conversation) == 1:
        return _frame("Message", conversation[0]["content"])
    turns = "\n\n".join(f"{message['role']}: {message['content']}" for message in conversation)
    return _frame("Conversation, to whose last turn the response replies", turns)


def _frame(title: str, text: str) -> str:
    return f"[{title}]\n{text}\n[End of {title.split(',', maxsplit=1)[0].lower()}]"


def _request(instructions: str, body: str) -> list[Message]:
    return [{"role": "system", "content": instructions}, {"role": "user", "content": body}]
