"""The branching factor: how many continuations a model in effect chooses among (Yang and Holtzman 2025).

Two definitions, both from arXiv 2506.17871:

- `entropy`: BF(x) = exp(mean over positions of the entropy of the next-token distribution);
- `official`, the estimator of the paper's code: samples are averaged position by position; for outputs of up to 50
  tokens log BF is that mean entropy, for longer ones the mean negative log-likelihood of the sampled tokens under the
  truncated distribution.

Distributions are cut to their nucleus (top-p 0.9), the sampled token always kept, and renormalised.
"""

from typing import Literal

import numpy as np
import polars as pl
from numpy.typing import NDArray

from lima_utils.errors import StudyError
from lima_utils.records import Estimate
from lima_utils.statistics.clusters import crossed_mean

Definition = Literal["entropy", "official"]
SHORT = 50
"""Tokens up to which the official estimator uses the entropy (arXiv 2506.17871)."""
COLUMNS = ("prompt_id", "sample", "position", "entropy", "nll")


def truncate(
    logits: NDArray[np.floating], chosen: NDArray[np.integer], top_p: float = 0.9
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return entropy and negative log-likelihood (nats) of each position's nucleus, the chosen token forced in.

    `logits` is positions × vocabulary, `chosen` the sampled token of each position. The nucleus is the
    smallest set of likeliest tokens whose probabilities reach `top_p`. StudyError where shapes do not match
    or `top_p` is not in (0, 1].
    """
    if logits.ndim != 2 or chosen.shape != logits.shape[:1] or not 0 < top_p <= 1:
        raise StudyError(f"entropy: logits {logits.shape}, tokens {chosen.shape}, top-p {top_p} do not go together.")
    scores = np.asarray(logits, dtype=np.float64)
    shares = np.exp(scores - scores.max(axis=1, keepdims=True))
    shares /= shares.sum(axis=1, keepdims=True)
    order = np.argsort(-shares, axis=1, kind="stable")
    ordered = np.take_along_axis(shares, order, axis=1)
    inside = np.cumsum(ordered, axis=1) - ordered < top_p - 1e-12  # the token that crosses top_p belongs to it
    kept = np.zeros_like(inside)
    np.put_along_axis(kept, order, inside, axis=1)
    rows = np.arange(len(chosen))
    kept[rows, chosen] = True
    nucleus = np.where(kept, shares, 0.0)
    nucleus /= nucleus.sum(axis=1, keepdims=True)
    logs = np.log(nucleus, out=np.zeros_like(nucleus), where=nucleus > 0)
    with np.errstate(divide="ignore"):  # a token of probability 0 in float64 has an infinite surprise, not a wrong one
        surprise = -np.log(nucleus[rows, chosen])
    return -(nucleus * logs).sum(axis=1), surprise


def branching_by_prompt(tokens: pl.DataFrame, definition: Definition = "entropy") -> pl.DataFrame:
    """Return BF per prompt (`prompt_id`, `branching`, `length`) from one row per generated token.

    `tokens` has the columns `prompt_id`, `sample`, `position` (from 0), `entropy` and `nll` (nats). `length` is the
    prompt's longest sample. StudyError where a column or every row is missing.
    """
    if missing := [column for column in COLUMNS if column not in tokens.columns]:
        raise StudyError(f"branching factor: column {missing[0]!r} is missing; tokens need {', '.join(COLUMNS)}.")
    if tokens.is_empty():
        raise StudyError("branching factor: no token; generate at least one response.")
    by_position = tokens.group_by("prompt_id", "position").agg(pl.col("entropy", "nll").mean())
    mean_entropy = pl.col("entropy").mean()
    log_factor = mean_entropy
    if definition == "official":
        log_factor = pl.when(pl.len() <= SHORT).then(mean_entropy).otherwise(pl.col("nll").mean())
    elif definition != "entropy":
        raise StudyError(f"branching factor: {definition!r} is not a definition; choose entropy or official.")
    return (
        by_position.group_by("prompt_id")
        .agg(log_factor.exp().alias("branching"), pl.len().alias("length"))
        .sort("prompt_id")
    )


def branching_factor(
    name: str,
    tokens: pl.DataFrame,
    *,
    seed: int,
    definition: Definition = "entropy",
    level: float = 0.95,
    resamples: int = 10_000,
) -> Estimate:
    """Return the mean of BF over prompts with a bootstrap interval over prompts; `tokens` as above."""
    factors = branching_by_prompt(tokens, definition)["branching"].to_numpy()
    unit = f"branching factor ({definition})"
    return crossed_mean(name, factors, seed=seed, level=level, resamples=resamples, unit=unit)


def branching_at(tokens: pl.DataFrame, positions: list[int], *, seed: int, level: float = 0.95) -> dict[int, Estimate]:
    """Return BF at single positions (exp of the entropy there, averaged over samples), for a curve along generations.

    Positions that no sample reaches are left out.
    """
    curve = {}
    for position in positions:
        here = tokens.filter(pl.col("position") == position)
        if here.height:
            factors = here.group_by("prompt_id").agg(pl.col("entropy").mean().exp()).sort("prompt_id")["entropy"]
            name, unit = f"branching.position{position}", "branching factor (entropy)"
            curve[position] = crossed_mean(name, factors.to_numpy(), seed=seed, level=level, unit=unit)
    return curve
