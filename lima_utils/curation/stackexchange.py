"""Stack Exchange dumps → dialogues by LIMA's rules (§2.1), with a funnel and every reject kept.

Run: ``python -m lima_utils.curation stackexchange EXCHANGE_DIR… --out DIR``
"""

import json
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from itertools import zip_longest
from pathlib import Path

import polars as pl

from lima_utils.curation.dialogues import list_rules, make_dialogue, notice
from lima_utils.curation.exchanges import Exchange, find_exchanges, names, read_groups
from lima_utils.curation.funnel import EXCERPT, SOURCE, Curated, Funnel, Reject, add_up, dialogue_id, to_rejects
from lima_utils.curation.pairs import lay_out, pair_posts, read_pairs
from lima_utils.curation.posts import Index, damage, index_posts
from lima_utils.curation.sampling import draw_counts
from lima_utils.curation.settings import StackExchangeSettings
from lima_utils.errors import StudyError
from lima_utils.files import ensure_directory, replacing, write_json
from lima_utils.records import Dialogue, to_frame, write_frame

PACKED = 2_000
"""Rejects that wait as objects before they are packed into a frame, a quarter of the size."""
JSON_LINES = ("messages", "source", "exchange", "url", "license", "author", "id")


@dataclass(frozen=True, slots=True)
class Candidate:
    """A dialogue that passed every rule, and its place in its exchange's order."""

    dialogue: Dialogue
    rank: tuple[int, int]
    title: str


@dataclass(frozen=True, slots=True)
class Judged:
    """What the rules make of one exchange: candidates in their order, all others with their reasons."""

    candidates: list[Candidate]
    rejects: pl.DataFrame
    funnel: Funnel


def curate_stackexchange(directories: Sequence[Path], settings: StackExchangeSettings, seed: int) -> Curated:
    """Turn dumps, one directory an exchange, into dialogues; StudyError for a missing or broken dump."""
    groups = {**read_groups(settings.exchanges_file), **settings.groups}
    found = find_exchanges(directories, groups)
    exchanges = [exchange for exchange in found if exchange.group != "discarded"]
    passed: dict[str, list[Candidate]] = {}
    funnels: dict[str, Funnel] = {}
    rejects: dict[str, list[pl.DataFrame]] = {}
    for exchange, index in zip(exchanges, _index_ahead(exchanges, settings), strict=True):
        judged = judge_exchange(exchange, index, settings, seed)
        passed[exchange.name], funnels[exchange.name] = judged.candidates, judged.funnel
        rejects[exchange.name] = [judged.rejects]
    late: dict[str, list[Reject]] = defaultdict(list)
    for reject in _drop_copies(passed, funnels) + _draw(exchanges, passed, funnels, settings, seed):
        late[reject.exchange].append(reject)
    for name, group in late.items():
        rejects[name].append(to_rejects(group))
    dialogues = [candidate.dialogue for candidates in passed.values() for candidate in candidates]
    counted = {exchange.name: {"group": exchange.group, **funnels[exchange.name].to_json()} for exchange in exchanges}
    told = {
        "source": SOURCE,
        "seed": seed,
        "exchanges": counted,
        "total": add_up(funnels.values()).to_json(),
        "discarded": names(found, "discarded"),
    }
    fallen = [pl.concat(rejects.pop(name)).sort("id", "reason", "excerpt") for name in sorted(rejects)]
    return Curated(to_frame(dialogues, Dialogue), pl.concat([to_rejects([]), *fallen]), told)


def write_curated(curated: Curated, out: Path) -> None:
    """Write dialogues.parquet, dialogues.jsonl, rejects.parquet and funnel.json, each in one step."""
    ensure_directory(out)
    write_frame(out / "dialogues.parquet", curated.dialogues)
    with replacing(out / "dialogues.jsonl") as aside, aside.open("w", encoding="utf-8") as lines:
        for row in curated.dialogues.select(JSON_LINES).iter_rows(named=True):
            lines.write(json.dumps(row, ensure_ascii=False) + "\n")
    write_frame(out / "rejects.parquet", curated.rejects)
    write_json(out / "funnel.json", curated.funnel)


def judge_exchange(exchange: Exchange, index: Index, settings: StackExchangeSettings, seed: int) -> Judged:
    """Take one exchange through all rules that concern it alone; StudyError for a damaged row (unless skipped)."""
    pairs, fallen, funnel = pair_posts(exchange.name, index, settings, seed)
    candidates: list[Candidate] = []
    rejects: list[Reject] = []
    listed, reasons = [fallen], Counter[str]()
    seen: Counter[str] = Counter()
    with lay_out(exchange.posts, pairs) as (path, places):
        for pair in read_pairs(path, places):
            if pair.question is None or pair.answer is None:
                if not settings.skip_damaged:
                    raise damage(exchange.posts, f"at question {pair.id}")
                rejects.append(Reject(dialogue_id(exchange.name, pair.id), exchange.name, "damaged_text"))
                continue
            seen.update(notice(pair.question, pair.answer))
            made = make_dialogue(exchange, pair.question, pair.answer, settings, pair.key)
            if isinstance(made, Reject):
                rejects.append(made)
            else:
                first = -(pair.question.score or 0) if settings.filtered else pair.key
                candidates.append(Candidate(made, (first, pair.id), pair.question.title))
            if len(rejects) == PACKED:
                reasons.update(reject.reason for reject in rejects)
                listed.append(to_rejects(rejects))
                rejects.clear()
    funnel.seen.update(seen)
    reasons.update(reject.reason for reject in rejects)
    left = len(pairs)
    for rule in ("damaged_text", *list_rules(settings)):
        left = funnel.drop("question", rule, left, reasons[rule])
    candidates.sort(key=lambda candidate: candidate.rank)
    return Judged(candidates, pl.concat([*listed, to_rejects(rejects)]), funnel)


def _index_ahead(exchanges: Sequence[Exchange], settings: StackExchangeSettings) -> Iterator[Index]:
    """Yield each exchange's index, the next one being read while the rules, Python on one core, look at this one."""
    with ThreadPoolExecutor(1) as pool:
        ahead: Future[Index] | None = None
        for exchange, following in zip_longest(exchanges, exchanges[1:]):
            index = (ahead or pool.submit(index_posts, exchange.posts, settings.skip_damaged)).result()
            if following is not None:
                ahead = pool.submit(index_posts, following.posts, settings.skip_damaged)
            yield index


def _drop_copies(passed: dict[str, list[Candidate]], funnels: dict[str, Funnel]) -> list[Reject]:
    """Keep one of equal titles with equal answers (migrated and cross-posted): the highest-scoring, then by name."""
    best: dict[tuple[str, str], tuple[int, str, tuple[int, int]]] = {}
    for name, candidates in passed.items():
        for candidate in candidates:
            claim = (-(candidate.dialogue.score or 0), name, candidate.rank)
            text = (candidate.title, candidate.dialogue.messages[-1]["content"])
            best[text] = min(best.get(text, claim), claim)
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
