"""Questions paired with one answer each: the top one, or a random one for the unfiltered ablation."""

import os
import tempfile
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import polars as pl

from lima_utils.curation.dump import Dump, read_blocks
from lima_utils.curation.funnel import REJECTS, SOURCE, Funnel, Reject, to_rejects
from lima_utils.curation.posts import Index, Post, read_post
from lima_utils.curation.settings import StackExchangeSettings

BUCKET = 100_000
"""Posts paired at a time; a question and its answers always meet, and memory does not grow with the dump."""
LISTED = 20_000
"""Rejects listed for a rule on numbers alone in one exchange, lowest ids first; the funnel counts all of them."""
Places = tuple[int, int, int, int, int, int]
"""Where a pair lies: id and key of the question, place and size of its row, place and size of the answer's."""


def shuffle_keys(ids: npt.ArrayLike, exchange: str, seed: int) -> npt.NDArray[np.uint64]:
    """Return a random 64-bit key for each id (SplitMix64), the same whatever the order of rows and files."""
    state = np.asarray(ids, dtype=np.int64).astype(np.uint64)
    with np.errstate(over="ignore"):
        state = (state + np.uint64(1)) * np.uint64(0x9E3779B97F4A7C15)
        state ^= np.uint64(zlib.crc32(exchange.encode()) << 32 | zlib.crc32(str(seed).encode()))
        for shift, factor in ((30, 0xBF58476D1CE4E5B9), (27, 0x94D049BB133111EB)):
            state = (state ^ (state >> np.uint64(shift))) * np.uint64(factor)
        mixed: npt.NDArray[np.uint64] = state ^ (state >> np.uint64(31))
    return mixed


def pair_posts(
    name: str, index: Index, settings: StackExchangeSettings, seed: int
) -> tuple[pl.DataFrame, pl.DataFrame, Funnel]:
    """Pair each question with its answer and count what is left over.

    The pairs have the columns id, place, size, score and key (a random number by seed) of the question, and
    answer, answer_place, answer_size, answer_score.
    """
    is_first = index.posts["id"].is_first_distinct()
    thread = pl.when(kind=1).then("id").otherwise("parent").fill_null(0).abs()
    buckets = 1 + len(index.posts) // BUCKET
    parts = [
        _pair_bucket(name, index.posts.filter(is_first & (thread % buckets == number)), settings, seed)
        for number in range(buckets)
    ]
    pairs = pl.concat([part.pairs for part in parts]).sort("id")
    unanswered = pl.concat([part.unanswered for part in parts]).sort("id")
    low = pl.concat([part.low for part in parts]).sort("id")
    again = index.posts.filter(~is_first)

    funnel, bad = Funnel(), index.damaged
    left = funnel.drop("row", "damaged_row", index.rows, len(bad))
    left = funnel.drop("row", "other_post_type", left, index.other)
    funnel.drop("row", "duplicate_id", left, len(again))
    answers, known = sum(part.answers for part in parts), sum(part.known for part in parts)
    left = funnel.drop("answer", "question_missing", answers, answers - known)
    rule = "not_the_top_answer" if settings.filtered else "not_the_random_answer"
    funnel.drop("answer", rule, left, left - len(low) - len(pairs))
    left = funnel.drop("question", "no_answer", len(pairs) + len(low) + len(unanswered), len(unanswered))
    if settings.filtered:
        funnel.drop("question", "low_score", left, len(low))
    rejects = [
        to_rejects([Reject(f"{SOURCE}/{name}/byte-{place}", name, "damaged_row", excerpt=text) for place, text in bad]),
        _reject_all(name, again, "duplicate_id"),
        _reject_all(name, unanswered, "no_answer"),
        _reject_all(name, low, "low_score"),
    ]
    keys = pl.Series("key", shuffle_keys(pairs["id"], name, seed), dtype=pl.UInt64)
    return pairs.with_columns(keys), pl.concat(rejects), funnel


@dataclass(frozen=True, slots=True)
class _Paired:
    """The questions of one bucket, by what became of them, and the number of its answers."""

    pairs: pl.DataFrame
    unanswered: pl.DataFrame
    low: pl.DataFrame
    answers: int
    known: int


def _pair_bucket(name: str, posts: pl.DataFrame, settings: StackExchangeSettings, seed: int) -> _Paired:
    """Pair some questions of an exchange, all of whose answers are in `posts`."""
    questions = posts.filter(kind=1).select("id", "place", "size", "score")
    answers = posts.filter(kind=2)
    known = answers.join(questions, left_on="parent", right_on="id", how="semi", maintain_order="left")
    best = _choose(name, known, settings, seed)
    chosen = best.select("parent", answer="id", answer_place="place", answer_size="size", answer_score="score")
    pairs = questions.join(chosen, left_on="id", right_on="parent", how="left")
    unanswered = pairs.filter(pl.col("answer").is_null()).select("id")
    pairs = pairs.filter(pl.col("answer").is_not_null())
    is_low = pl.lit(value=False)
    if settings.filtered:
        is_low = pl.col("answer_score").fill_null(settings.min_score - 1) < settings.min_score
    low = pairs.filter(is_low).select("id", "answer_score")
    return _Paired(pairs.filter(~is_low), unanswered, low, len(answers), len(known))


def _reject_all(name: str, rows: pl.DataFrame, reason: str) -> pl.DataFrame:
    """Return rejects for rows with an id (and an answer's score where there is one), `LISTED` at most."""
    rows = rows.head(LISTED)
    score = pl.col("answer_score") if "answer_score" in rows.columns else pl.lit(None)
    frame = rows.select(
        id=pl.format("{}/{}/{}", pl.lit(SOURCE), pl.lit(name), "id"),
        exchange=pl.lit(name),
        reason=pl.lit(reason),
        score=score,
        length=pl.lit(None),
        excerpt=pl.lit(""),
    )
    return frame.cast(REJECTS)  # type: ignore[arg-type]


def _choose(name: str, answers: pl.DataFrame, settings: StackExchangeSettings, seed: int) -> pl.DataFrame:
    """Return one answer a question; LIMA §2.1: "the top answer". Equal scores go to the older post."""
    if settings.filtered:
        ranked = answers.sort("score", "id", descending=[True, False], nulls_last=True)
    else:
        ranked = answers.with_columns(key=pl.Series(shuffle_keys(answers["id"], name, seed))).sort("key", "id")
    return ranked.unique("parent", keep="first", maintain_order=True)


@dataclass(frozen=True, slots=True)
class Pair:
    """A question and its answer; None for one whose row turned out damaged."""

    id: int
    key: int
    """The question's random number."""
    question: Post | None
    answer: Post | None


@contextmanager
def lay_out(dump: Dump, pairs: pl.DataFrame) -> Iterator[tuple[Path, list[Places]]]:
    """Yield a file that holds the rows of `pairs` and where in it they lie.

    A dump on disk is that file itself. An archive has to be streamed once more, and these rows alone are set
    aside in a temporary file.
    """
    columns = pairs.select("id", "key", "place", "size", "answer_place", "answer_size")
    if dump.member is None:
        yield dump.path, columns.rows()
        return
    wanted = pl.concat([pairs["place"], pairs["answer_place"]]).to_numpy()
    moved: dict[int, int] = {}
    with tempfile.NamedTemporaryFile() as file:
        for block in read_blocks(dump):
            for number in np.flatnonzero(np.isin(block.starts + block.offset, wanted)):
                moved[block.offset + int(block.starts[number])] = file.tell()
                file.write(block.piece(int(number)))
        file.flush()
        there = pl.col("place", "answer_place").replace_strict(moved, return_dtype=pl.Int64)
        yield Path(file.name), (columns.with_columns(there) if moved else columns).rows()


def read_pairs(path: Path, places: Sequence[Places]) -> Iterator[Pair]:
    """Yield the posts of pairs from a file that `lay_out` gave."""
    with path.open("rb") as file:

        def read(place: int, size: int) -> Post | None:
            return read_post(os.pread(file.fileno(), size, place))

        for number, key, place, size, answer_place, answer_size in places:
            yield Pair(number, key, read(place, size), read(answer_place, answer_size))
