"""Stack Exchange dumps → dialogues by LIMA's rules (§2.1), with a funnel and every reject kept.

Run: ``python -m lima_utils.curation stackexchange EXCHANGE_DIR… --out DIR``
"""

import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from itertools import zip_longest
from pathlib import Path

import polars as pl

from lima_utils.curation.aside import Aside, Shelf
from lima_utils.curation.candidates import Candidates, find_copies, find_undrawn
from lima_utils.curation.dialogues import list_rules, make_dialogue, notice
from lima_utils.curation.exchanges import Exchange, find_exchanges, names, read_groups
from lima_utils.curation.funnel import SOURCE, Curated, Funnel, Reject, add_up, dialogue_id, to_rejects
from lima_utils.curation.pairs import lay_out, pair_posts, read_pairs
from lima_utils.curation.posts import damage, index_posts
from lima_utils.curation.sampling import draw_counts
from lima_utils.curation.settings import StackExchangeSettings
from lima_utils.errors import StudyError
from lima_utils.files import ensure_directory, replacing, write_json
from lima_utils.records import write_frame

PACKED = 2_000
"""Rejects that wait in memory before they are set aside."""
SORTED = 5_000
"""Rejects sorted at a time."""
JSON_LINES = ("messages", "source", "exchange", "url", "license", "author", "id")


def curate_stackexchange(directories: Sequence[Path], settings: StackExchangeSettings, seed: int) -> Curated:
    """Turn dumps, one directory an exchange, into dialogues; StudyError for a missing or broken dump.

    One exchange is in memory at a time, and of that a part; what waits for the others waits in a temporary folder.
    """
    groups = {**read_groups(settings.exchanges_file), **settings.groups}
    found = find_exchanges(directories, groups)
    exchanges = [exchange for exchange in found if exchange.group != "discarded"]
    shelf = Shelf()
    candidates = Candidates(shelf)
    funnels: dict[str, Funnel] = {}
    rejects: dict[str, list[Aside]] = {}
    for exchange in exchanges:
        rejects[exchange.name], funnels[exchange.name] = judge_exchange(exchange, settings, seed, candidates, shelf)
    dialogues, late = _choose(exchanges, candidates, funnels, settings, seed)
    fallen = [
        shelf.set_aside(part)
        for name, early in sorted(rejects.items())
        for part in _sort_parts(pl.concat([*(aside.read() for aside in early), late.filter(exchange=name)]))
    ]
    counted = {exchange.name: {"group": exchange.group, **funnels[exchange.name].to_json()} for exchange in exchanges}
    funnel = {
        "source": SOURCE,
        "seed": seed,
        "exchanges": counted,
        "total": add_up(funnels.values()).to_json(),
        "discarded": names(found, "discarded"),
    }
    return Curated(dialogues, fallen, funnel)


def write_curated(curated: Curated, out: Path) -> None:
    """Write dialogues.parquet, dialogues.jsonl, rejects.parquet and funnel.json, each in one step."""
    ensure_directory(out)
    write_frame(out / "dialogues.parquet", curated.dialogues)
    with replacing(out / "dialogues.jsonl") as aside, aside.open("w", encoding="utf-8") as lines:
        for row in curated.dialogues.select(JSON_LINES).iter_rows(named=True):
            lines.write(json.dumps(row, ensure_ascii=False) + "\n")
    curated.write_rejects(out / "rejects.parquet")
    write_json(out / "funnel.json", curated.funnel)


def judge_exchange(
    exchange: Exchange, settings: StackExchangeSettings, seed: int, candidates: Candidates, shelf: Shelf
) -> tuple[list[Aside], Funnel]:
    """Take one exchange through all rules that concern it alone; return rejects and funnel, and add to `candidates`.

    StudyError for a damaged row (unless skipped).
    """
    pairs, fallen, funnel = pair_posts(
        exchange.name, index_posts(exchange.posts, settings.skip_damaged), settings, seed
    )
    listed = [shelf.set_aside(fallen)]
    del fallen
    rejects: list[Reject] = []
    reasons, seen = Counter[str](), Counter[str]()
    with lay_out(exchange.posts, pairs) as (path, placed):
        for pair in read_pairs(path, placed):
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
                # A key has 64 bits without a sign: moved by half of them it keeps its order as a signed number.
                first = -(pair.question.score or 0) if settings.filtered else pair.key - (1 << 63)
                candidates.add(made, first, pair.id, pair.question.title)
            if len(rejects) == PACKED:
                reasons.update(reject.reason for reject in rejects)
                listed.append(shelf.set_aside(to_rejects(rejects)))
                rejects.clear()
    funnel.seen.update(seen)
    reasons.update(reject.reason for reject in rejects)
    listed.append(shelf.set_aside(to_rejects(rejects)))
    left = len(pairs)
    for rule in ("damaged_text", *list_rules(settings)):
        left = funnel.drop("question", rule, left, reasons[rule])
    return listed, funnel


def _sort_parts(rejects: pl.DataFrame) -> Iterator[pl.DataFrame]:
    """Yield one exchange's rejects in order, a part at a time, as sorting takes several times their size."""
    firsts = rejects["id"].unique().sort().gather_every(SORTED).to_list()
    for first, following in zip_longest(firsts, firsts[1:]):
        is_in = (pl.col("id") >= first) & (pl.lit(value=True) if following is None else pl.col("id") < following)
        yield rejects.filter(is_in).sort("id", "reason", "excerpt")


def _choose(
    exchanges: Sequence[Exchange],
    candidates: Candidates,
    funnels: Mapping[str, Funnel],
    settings: StackExchangeSettings,
    seed: int,
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Drop copies, draw from each group, and return the dialogues and the rejects that the others become."""
    ranks = candidates.ranks()
    entered = _count(ranks, exchanges)
    is_copy = find_copies(ranks)
    passed = _count(ranks.filter(~is_copy), exchanges)
    drawn = _draw(exchanges, passed, funnels, settings, seed)
    for name, funnel in funnels.items():
        funnel.drop("question", "copy", entered[name], entered[name] - passed[name])
        funnel.drop("question", "not_drawn", passed[name], passed[name] - drawn[name])
    is_undrawn = find_undrawn(ranks, is_copy, drawn)
    reason = pl.when(is_copy).then(pl.lit("copy")).when(is_undrawn).then(pl.lit("not_drawn"))
    return candidates.divide(ranks, ranks.select(reason.alias("reason")).to_series())


def _count(ranks: pl.DataFrame, exchanges: Sequence[Exchange]) -> dict[str, int]:
    counts = dict(ranks.group_by("exchange").len().iter_rows())
    return {exchange.name: counts.get(exchange.name, 0) for exchange in exchanges}


def _draw(
    exchanges: Sequence[Exchange],
    passed: Mapping[str, int],
    funnels: Mapping[str, Funnel],
    settings: StackExchangeSettings,
    seed: int,
) -> dict[str, int]:
    """Draw the wanted number from each group: how many of its best questions each exchange gives, by temperature."""
    counts = dict(passed)
    for group, wanted in (("stem", settings.n_stem), ("other", settings.n_other)):
        if wanted is None:
            continue
        members = [exchange.name for exchange in exchanges if exchange.group == group]
        available = {name: passed[name] for name in members}
        if sum(available.values()) < wanted:
            raise StudyError(
                f"{group} exchanges: {wanted} dialogues are wanted (n_{group}), "
                f"{sum(available.values())} passed the rules; give more dumps, ask for fewer or loosen the rules."
            )
        sizes = {name: funnels[name].entered("no_answer") for name in members}
        counts |= draw_counts(sizes, available, settings.tau, wanted, seed)
    return counts
