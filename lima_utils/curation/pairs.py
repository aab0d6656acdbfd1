"""Questions paired with one answer each: the top one, or a random one for the unfiltered ablation."""

import zlib
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import polars as pl

from lima_utils.curation.dump import Dump
from lima_utils.curation.funnel import REJECTS, SOURCE, Funnel, Reject, to_rejects
from lima_utils.curation.posts import Index, Post, open_rows
from lima_utils.curation.settings import StackExchangeSettings


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

    The pairs have the columns id, place, size, score of the question and answer, answer_place, answer_size,
    answer_score.
    """
    funnel, bad = Funnel(), index.damaged
    left = funnel.drop("row", "damaged_row", index.rows, len(bad))
    left = funnel.drop("row", "other_post_type", left, index.other)
    posts = index.posts.unique("id", keep="first", maintain_order=True)
    again = index.posts.join(posts, on="place", how="anti")
    funnel.drop("row", "duplicate_id", left, len(again))
    questions = posts.filter(kind=1).select("id", "place", "size", "score")
    answers = posts.filter(kind=2)
    known = answers.join(questions, left_on="parent", right_on="id", how="semi", maintain_order="left")
    left = funnel.drop("answer", "question_missing", len(answers), len(answers) - len(known))
    best = _choose(name, known, settings, seed)
    rule = "not_the_top_answer" if settings.filtered else "not_the_random_answer"
    funnel.drop("answer", rule, left, left - len(best))
    chosen = best.select("parent", answer="id", answer_place="place", answer_size="size", answer_score="score")
    pairs = questions.join(chosen, left_on="id", right_on="parent", how="left").sort("id")
    unanswered = pairs.filter(pl.col("answer").is_null())
    left = funnel.drop("question", "no_answer", len(pairs), len(unanswered))
    pairs = pairs.filter(pl.col("answer").is_not_null())
    rejects = [
        to_rejects([Reject(f"{SOURCE}/{name}/byte-{place}", name, "damaged_row", excerpt=text) for place, text in bad]),
        _reject_all(name, again, "duplicate_id"),
        _reject_all(name, unanswered, "no_answer"),
    ]
    if settings.filtered:
        low = pl.col("answer_score").fill_null(settings.min_score - 1) < settings.min_score
        fallen = pairs.filter(low)
        rejects.append(_reject_all(name, fallen, "low_score"))
        pairs = pairs.filter(~low)
        funnel.drop("question", "low_score", left, len(fallen))
    return pairs, pl.concat(rejects), funnel


def _reject_all(name: str, rows: pl.DataFrame, reason: str) -> pl.DataFrame:
    """Return rejects for rows with an id (and an answer's score where there is one)."""
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
    """A question and its answer; None for one whose row turned out damaged, and then `place` says where."""

    id: int
    question: Post | None
    answer: Post | None
    place: int


def read_pairs(dump: Dump, pairs: pl.DataFrame) -> Iterator[Pair]:
    """Yield each pair's posts in the order of `pairs`."""
    answers = pairs.select(place="answer_place", size="answer_size")
    columns = pairs.select("id", "place", "size", "answer_place", "answer_size")
    with open_rows(dump, pl.concat([pairs.select("place", "size"), answers])) as rows:
        for number, place, size, answer_place, answer_size in columns.iter_rows():
            question = rows.read(place, size)
            answer = rows.read(answer_place, answer_size)
            yield Pair(number, question, answer, place if question is None else answer_place)
