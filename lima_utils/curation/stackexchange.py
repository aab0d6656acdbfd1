"""Stack Exchange dumps → dialogues by LIMA's rules (§2.1), with a funnel and every reject kept.

Run: ``python -m lima_utils.curation stackexchange EXCHANGE_DIR… --out DIR``
"""

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from lima_utils.curation.exchanges import Exchange, find_exchanges, names, read_groups
from lima_utils.curation.funnel import EXCERPT, REJECTS, SOURCE, Funnel, Reject, add_up, dialogue_id
from lima_utils.curation.markup import clean, is_closed_stub
from lima_utils.curation.pairs import pair_posts, read_pairs, shuffle_keys
from lima_utils.curation.posts import Post, index_posts
from lima_utils.curation.rules import check_first_person, check_length, check_references, check_title
from lima_utils.curation.sampling import draw_counts
from lima_utils.curation.settings import StackExchangeSettings
from lima_utils.errors import StudyError
from lima_utils.files import ensure_directory, replacing, write_json
from lima_utils.records import Dialogue, to_frame, write_frame

JSON_LINES = ("messages", "source", "exchange", "url", "license", "author", "id")


@dataclass(frozen=True)
class Curated:
    """What a source gives: dialogues (columns of `records.Dialogue`), rejects with reasons, funnel."""

    dialogues: pl.DataFrame
    rejects: pl.DataFrame
    funnel: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Candidate:
    """A dialogue that passed every rule, and its place in its exchange's order."""

    dialogue: Dialogue
    rank: tuple[int, int]


def curate_stackexchange(directories: Sequence[Path], settings: StackExchangeSettings, seed: int) -> Curated:
    """Turn dumps, one directory an exchange, into dialogues; StudyError for a missing or broken dump."""
    groups = {**read_groups(settings.exchanges_file), **settings.groups}
    found = find_exchanges(directories, groups)
    exchanges = [exchange for exchange in found if exchange.group != "discarded"]
    passed: dict[str, list[Candidate]] = {}
    funnels: dict[str, Funnel] = {}
    rejects: list[Reject] = []
    for exchange in exchanges:
        passed[exchange.name], fallen, funnels[exchange.name] = _examine(exchange, settings, seed)
        rejects += fallen
    rejects += _drop_copies(passed, funnels)
    rejects += _draw(exchanges, passed, funnels, settings, seed)
    dialogues = [candidate.dialogue for candidates in passed.values() for candidate in candidates]
    counted = {exchange.name: {"group": exchange.group, **funnels[exchange.name].to_json()} for exchange in exchanges}
    funnel = {
        "source": SOURCE,
        "seed": seed,
        "exchanges": counted,
        "total": add_up(funnels.values()).to_json(),
        "discarded": names(found, "discarded"),
    }
    frame = pl.DataFrame([asdict(reject) for reject in rejects], schema=REJECTS)
    return Curated(to_frame(dialogues, Dialogue), frame.sort(frame.columns), funnel)


def write_curated(curated: Curated, out: Path) -> None:
    """Write dialogues.parquet, dialogues.jsonl, rejects.parquet and funnel.json, each in one step."""
    ensure_directory(out)
    write_frame(out / "dialogues.parquet", curated.dialogues)
    with replacing(out / "dialogues.jsonl") as aside, aside.open("w", encoding="utf-8") as lines:
        for row in curated.dialogues.select(JSON_LINES).iter_rows(named=True):
            lines.write(json.dumps(row, ensure_ascii=False) + "\n")
    write_frame(out / "rejects.parquet", curated.rejects)
    write_json(out / "funnel.json", curated.funnel)


def license_of(created: str) -> str:
    """Return the licence of a post of this ISO date, as Stack Exchange's help page dates the changes."""
    if not created[:4].isdigit():
        return "CC BY-SA"
    if created < "2011-04-08":
        return "CC BY-SA 2.5"
    return "CC BY-SA 3.0" if created < "2018-05-02" else "CC BY-SA 4.0"


def _examine(
    exchange: Exchange, settings: StackExchangeSettings, seed: int
) -> tuple[list[Candidate], list[Reject], Funnel]:
    """Take one exchange through all rules that concern it alone."""
    index = index_posts(exchange.posts, settings.skip_damaged)
    pairs, rejects, funnel = pair_posts(exchange.name, index, settings, seed)
    reasons: Counter[str] = Counter()
    candidates: list[Candidate] = []
    for question, answer in read_pairs(exchange.posts, pairs):
        _notice(funnel, question, answer)
        reason, text = _check(question, answer, settings)
        prompt = "" if reason else _prompt(exchange.name, question, settings, seed)
        if reason is None and not (prompt and text):
            reason = "no_text"
        if reason is None:
            dialogue = _dialogue(exchange, question, answer, prompt, text)
            first = -(question.score or 0) if settings.filtered else _key(exchange.name, question.id, seed)
            candidates.append(Candidate(dialogue, (first, question.id)))
        else:
            reasons[reason] += 1
            shown = (text or question.title)[:EXCERPT]
            number = dialogue_id(exchange.name, question.id)
            rejects.append(Reject(number, exchange.name, reason, answer.score, len(text), shown))
    left = len(pairs)
    for rule in _rules(settings):
        left = funnel.drop("question", rule, left, reasons[rule])
    return sorted(candidates, key=lambda candidate: candidate.rank), rejects, funnel


def _rules(settings: StackExchangeSettings) -> list[str]:
    """Return the rules on the text in the order they are applied and counted."""
    if not settings.filtered:
        return ["no_text"]
    applied = {
        "lives_elsewhere": True,
        "title_not_self_contained": settings.self_contained,
        "too_short": True,
        "too_long": True,
        "first_person": settings.first_person,
        "refers_to_others": settings.references,
        "no_text": True,
    }
    return [rule for rule, is_on in applied.items() if is_on]


def _check(question: Post, answer: Post, settings: StackExchangeSettings) -> tuple[str | None, str]:
    """Return the first rule that drops a pair (None: keep it) and the cleaned answer (if needed)."""
    if not settings.filtered:
        return None, clean(answer.body)
    if is_closed_stub(question.body):
        return "lives_elsewhere", ""
    if settings.self_contained and (reason := check_title(question.title)):
        return reason, ""
    text = clean(answer.body)
    reason = check_length(text, settings.answer_chars)
    if reason is None and settings.first_person:
        reason = check_first_person(text)
    if reason is None and settings.references:
        reason = check_references(text)
    return reason, text


def _prompt(exchange: str, question: Post, settings: StackExchangeSettings, seed: int) -> str:
    """Return title or description, by seed where both may be (LIMA §2.1); the other where one is empty."""
    titled = settings.prompt == "title"
    if settings.prompt == "either":
        titled = _key(exchange, question.id, seed) % 2 == 0
    if titled and question.title:
        return question.title
    return clean(question.body) or question.title


def _key(exchange: str, question: int, seed: int) -> int:
    return int(shuffle_keys(np.array([question]), exchange, seed)[0])


def _dialogue(exchange: Exchange, question: Post, answer: Post, prompt: str, text: str) -> Dialogue:
    return Dialogue(
        id=dialogue_id(exchange.name, question.id),
        source=SOURCE,
        messages=[{"role": "user", "content": prompt}, {"role": "assistant", "content": text}],
        exchange=exchange.name,
        group=exchange.group,
        url=f"https://{exchange.name}/a/{answer.id}",
        license=answer.license or license_of(answer.created),
        author=f"user:{answer.owner}" if answer.owner else answer.owner_name or None,
        revised=answer.edited or answer.created or None,
        score=answer.score,
    )


def _notice(funnel: Funnel, question: Post, answer: Post) -> None:
    """Count what is unusual about a pair and yet no reason to drop it."""
    unusual = {
        "answer_by_deleted_user": answer.owner is None,
        "answer_is_community_wiki": answer.wiki,
        "question_is_closed": question.closed,
        "question_without_score": question.score is None,
        "answer_without_score": answer.score is None,
        "license_from_date": answer.license is None,
    }
    for what, is_so in unusual.items():
        funnel.seen[what] = funnel.seen.get(what, 0) + is_so


def _drop_copies(passed: dict[str, list[Candidate]], funnels: dict[str, Funnel]) -> list[Reject]:
    """Keep one of equal answers (cross-posts, migrated posts): the highest-scoring, then by name."""
    best: dict[str, tuple[int, str, tuple[int, int]]] = {}
    for name, candidates in passed.items():
        for candidate in candidates:
            claim = (-(candidate.dialogue.score or 0), name, candidate.rank)
            answer = candidate.dialogue.messages[-1]["content"]
            best[answer] = min(best.get(answer, claim), claim)
    chosen = {(name, rank) for _, name, rank in best.values()}
    rejects = []
    for name, candidates in passed.items():
        passed[name] = [candidate for candidate in candidates if (name, candidate.rank) in chosen]
        rejects += [_fallen(one, "copy") for one in candidates if (name, one.rank) not in chosen]
        funnels[name].drop("question", "copy", len(candidates), len(candidates) - len(passed[name]))
    return rejects


def _draw(
    exchanges: Sequence[Exchange],
    passed: dict[str, list[Candidate]],
    funnels: dict[str, Funnel],
    settings: StackExchangeSettings,
    seed: int,
) -> list[Reject]:
    """Draw the wanted number from each group: exchanges by temperature, in each the best questions."""
    counts = {name: len(candidates) for name, candidates in passed.items()}
    for group, wanted in (("stem", settings.n_stem), ("other", settings.n_other)):
        if wanted is None:
            continue
        members = [exchange.name for exchange in exchanges if exchange.group == group]
        available = {name: len(passed[name]) for name in members}
        if sum(available.values()) < wanted:
            raise StudyError(
                f"{group} exchanges: {wanted} dialogues are wanted (n_{group}), "
                f"{sum(available.values())} passed the rules; give more dumps, ask for fewer or loosen the rules."
            )
        sizes = {name: funnels[name].entered("no_answer") for name in members}
        counts |= draw_counts(sizes, available, settings.tau, wanted, seed)
    rejects = []
    for name, candidates in passed.items():
        passed[name] = candidates[: counts[name]]
        rejects += [_fallen(one, "not_drawn") for one in candidates[counts[name] :]]
        funnels[name].drop("question", "not_drawn", len(candidates), len(candidates) - counts[name])
    return rejects


def _fallen(candidate: Candidate, reason: str) -> Reject:
    dialogue = candidate.dialogue
    text = dialogue.messages[-1]["content"]
    return Reject(dialogue.id, dialogue.exchange or "", reason, dialogue.score, len(text), text[:EXCERPT])
