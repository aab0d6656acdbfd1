"""Dialogues that passed the rules of their exchange: set aside until all exchanges are read, then chosen among."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from hashlib import blake2b

import polars as pl

from lima_utils.curation.aside import Pile, Shelf
from lima_utils.curation.funnel import REJECTS, to_fallen
from lima_utils.records import Dialogue, to_frame

RANKS = {
    "exchange": pl.String,
    "score": pl.Int64,
    "first": pl.Int64,
    "question": pl.Int64,
    "text": pl.Binary,
}
"""What choosing needs of a candidate: its answer's score, its rank in its exchange (`first`, then the question's id),
and a digest of title and answer."""
Rank = tuple[str, int, int, int, bytes]
"""One row of `RANKS`."""


def rank(dialogue: Dialogue, first: int, question: int, title: str) -> Rank:
    """Return the rank of a dialogue; in its exchange lower `first` goes first, then the lower id of the question."""
    content = dialogue.messages[-1]["content"]
    text = blake2b(f"{len(title)} {title}{content}".encode(), digest_size=16).digest()
    return dialogue.exchange or "", dialogue.score or 0, first, question, text


@dataclass(frozen=True, slots=True)
class Ranked:
    """Some candidates and their ranks, row by row."""

    dialogues: pl.DataFrame
    ranks: pl.DataFrame

    @classmethod
    def of(cls, dialogues: Sequence[Dialogue], ranks: Sequence[Rank]) -> "Ranked":
        """Return dialogues and ranks as frames."""
        return cls(to_frame(dialogues, Dialogue), pl.DataFrame(ranks, schema=RANKS, orient="row"))


class Candidates:
    """Dialogues in the order in which they were added, the texts on disk."""

    def __init__(self, shelf: Shelf) -> None:
        self._texts = Pile(shelf)
        self._ranks: list[pl.DataFrame] = [pl.DataFrame(schema=RANKS)]

    def add(self, ranked: Ranked) -> None:
        """Add some candidates."""
        self._texts.add(ranked.dialogues)
        self._ranks.append(ranked.ranks)

    def ranks(self) -> pl.DataFrame:
        """Return the columns of `RANKS`, one row a candidate in the order of adding."""
        return pl.concat(self._ranks, rechunk=True)

    def divide(self, ranks: pl.DataFrame, reasons: pl.Series) -> tuple[pl.DataFrame, pl.DataFrame]:
        """Return the dialogues without a reason, by exchange and rank, and the rejects that the others become.

        `reasons` has one entry, null or a slug, for each row of `ranks`.
        """
        kept, fallen = [to_frame([], Dialogue)], [pl.DataFrame(schema=REJECTS)]
        for part, why in self._read(reasons):
            kept.append(_copy(part.filter(why.is_null())))
            fallen.append(_copy(to_fallen(part.filter(why.is_not_null()), why.drop_nulls())))
        order = ranks.filter(reasons.is_null()).select(pl.arg_sort_by("exchange", "first", "question")).to_series()
        return pl.concat(kept, rechunk=True)[order], pl.concat(fallen, rechunk=True)

    def _read(self, reasons: pl.Series) -> Iterator[tuple[pl.DataFrame, pl.Series]]:
        start = 0
        for part in self._texts.asides():
            yield part.read(), reasons.slice(start, part.height)
            start += part.height


def _copy(rows: pl.DataFrame) -> pl.DataFrame:
    """Return the same rows, which as a part of other rows would keep the texts of all of these in memory."""
    return pl.DataFrame(rows.rows(), schema=rows.schema, orient="row")


def find_copies(ranks: pl.DataFrame) -> pl.Series:
    """Say which candidates repeat title and answer of a better one (migrated and cross-posted).

    The highest score is the best, then the exchange first by name, then the rank in the exchange.
    """
    numbered = ranks.with_row_index("at").sort(-pl.col("score"), "exchange", "first", "question")
    best = numbered.unique("text", keep="first", maintain_order=True)["at"]
    return ~ranks.with_row_index("at")["at"].is_in(best.implode())


def find_undrawn(ranks: pl.DataFrame, out: pl.Series, counts: Mapping[str, int]) -> pl.Series:
    """Say which candidates, those that are `out` aside, come after the first `counts[exchange]` of their exchange."""
    left = ranks.with_row_index("at").filter(~out).sort("exchange", "first", "question")
    place = pl.int_range(pl.len()).over("exchange")
    quota = pl.col("exchange").replace_strict(counts, default=0, return_dtype=pl.Int64)
    undrawn = left.filter(place >= quota)["at"]
    return ranks.with_row_index("at")["at"].is_in(undrawn.implode())
