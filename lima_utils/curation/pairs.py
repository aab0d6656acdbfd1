"""Questions paired with one answer each: the top one, or a random one for the unfiltered ablation."""

import zlib
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import numpy.typing as npt
import polars as pl

from lima_utils.curation.funnel import Funnel, Reject, dialogue_id
from lima_utils.curation.posts import Index, Post, read_posts
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
) -> tuple[pl.DataFrame, list[Reject], Funnel]:
    """Pair each question with its answer and count what is left over.

    The pairs have the columns id, place, score (of the question) and answer, answer_place, answer_score.
    """
    funnel = Funnel()
    left = funnel.drop("row", "damaged_row", index.rows, len(index.damaged))
    left = funnel.drop("row", "other_post_type", left, index.other)
    posts = index.posts.unique("id", keep="first", maintain_order=True)
    again = index.posts.join(posts, on="place", how="anti")
    funnel.drop("row", "duplicate_id", left, len(again))
    questions = posts.filter(kind=1).select("id", "place", "score")
    answers = posts.filter(kind=2)
    known = answers.join(questions, left_on="parent", right_on="id", how="semi", maintain_order="left")
    left = funnel.drop("answer", "question_missing", len(answers), len(answers) - len(known))
    best = _choose(name, known, settings, seed)
    rule = "not_the_top_answer" if settings.filtered else "not_the_random_answer"
    funnel.drop("answer", rule, left, left - len(best))
    chosen = best.select("parent", answer="id", answer_place="place", answer_score="score")
    pairs = questions.join(chosen, left_on="id", right_on="parent", how="left").sort("id")
    unanswered = pairs.filter(pl.col("answer").is_null())
    left = funnel.drop("question", "no_answer", len(pairs), len(unanswered))
    pairs = pairs.filter(pl.col("answer").is_not_null())
    rejects = [Reject(dialogue_id(name, -place), name, "damaged_row", excerpt=text) for place, text in index.damaged]
    rejects += [Reject(dialogue_id(name, number), name, "duplicate_id") for number in again["id"]]
    rejects += [Reject(dialogue_id(name, number), name, "no_answer") for number in unanswered["id"]]
    if settings.filtered:
        low = pl.col("answer_score").fill_null(settings.min_score - 1) < settings.min_score
        fallen = pairs.filter(low).select("id", "answer_score")
        rejects += [Reject(dialogue_id(name, n), name, "low_score", score) for n, score in fallen.iter_rows()]
        pairs = pairs.filter(~low)
        funnel.drop("question", "low_score", left, len(fallen))
    return pairs, rejects, funnel


def _choose(name: str, answers: pl.DataFrame, settings: StackExchangeSettings, seed: int) -> pl.DataFrame:
    """Return one answer a question; LIMA §2.1: "the top answer". Equal scores go to the older post."""
    if settings.filtered:
        ranked = answers.sort("score", "id", descending=[True, False], nulls_last=True)
    else:
        ranked = answers.with_columns(key=pl.Series(shuffle_keys(answers["id"], name, seed))).sort("key", "id")
    return ranked.unique("parent", keep="first", maintain_order=True)


def read_pairs(path: Path, pairs: pl.DataFrame) -> Iterator[tuple[Post, Post]]:
    """Yield each pair's question and answer, in the order of `pairs`."""
    posts = dict(read_posts(path, set(pairs["place"]) | set(pairs["answer_place"])))
    for place, answer_place in pairs.select("place", "answer_place").iter_rows():
        yield posts[place], posts[answer_place]
