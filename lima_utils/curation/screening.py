"""One exchange through all rules that concern it alone: its posts paired, then the pairs, a part of them at a time.

Both steps read the dump themselves, so that little passes between the processes that run them.
"""

from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from lima_utils.curation.candidates import Ranked, rank
from lima_utils.curation.dialogues import make_dialogue, notice
from lima_utils.curation.exchanges import Exchange
from lima_utils.curation.funnel import Funnel, Reject, dialogue_id, to_rejects
from lima_utils.curation.pairs import lay_out, pair_posts, read_pairs
from lima_utils.curation.posts import damage, index_posts
from lima_utils.curation.settings import StackExchangeSettings
from lima_utils.records import Dialogue


@dataclass(frozen=True, slots=True)
class Paired:
    """An exchange's questions, each with its answer."""

    exchange: Exchange
    rows: Path
    """The file that holds the rows of `pairs`: the dump, or a file in the folder for what is set aside."""
    pairs: pl.DataFrame
    rejects: pl.DataFrame
    """Columns of `funnel.REJECTS`."""
    funnel: Funnel
    """Down to the pairs."""


@dataclass(frozen=True, slots=True)
class Screened:
    """What became of some pairs of one exchange."""

    exchange: str
    passed: Ranked
    rejects: pl.DataFrame
    seen: Counter[str]
    """What was noticed about the pairs without dropping them."""


def pair_exchange(exchange: Exchange, settings: StackExchangeSettings, seed: int, folder: Path) -> Paired:
    """Pair the posts of an exchange; StudyError for a broken dump, or row (unless skipped)."""
    index = index_posts(exchange.posts, settings.skip_damaged)
    pairs, rejects, funnel = pair_posts(exchange.name, index, settings, seed)
    rows, placed = lay_out(exchange.posts, pairs, folder)
    return Paired(exchange, rows, placed, rejects, funnel)


def screen_pairs(exchange: Exchange, rows: Path, pairs: pl.DataFrame, settings: StackExchangeSettings) -> Screened:
    """Take some of the pairs that `pair_exchange` gave through the rules.

    StudyError for a damaged row (unless skipped).
    """
    passed, ranks, rejects, seen = list[Dialogue](), [], list[Reject](), Counter[str]()
    for pair in read_pairs(rows, pairs):
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
            passed.append(made)
            ranks.append(rank(made, first, pair.id, pair.question.title))
    return Screened(exchange.name, Ranked.of(passed, ranks), to_rejects(rejects), seen)
