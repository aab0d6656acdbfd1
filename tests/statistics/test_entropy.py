import math

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lima_utils.errors import StudyError
from lima_utils.statistics.entropy import branching_at, branching_by_prompt, branching_factor, truncate


def truncate_one(logits, chosen, top_p):
    """The nucleus, built token by token."""
    shares = np.exp(np.array(logits) - max(logits))
    shares /= shares.sum()
    kept, total = set(), 0.0
    for token in sorted(range(len(shares)), key=lambda t: -shares[t]):
        if total >= top_p - 1e-12:
            break
        kept.add(token)
        total += shares[token]
    kept.add(chosen)
    whole = sum(shares[t] for t in kept)
    return (
        -sum(shares[t] / whole * math.log(shares[t] / whole) for t in kept),
        -math.log(shares[chosen] / whole),
    )


@settings(deadline=None)
@given(st.lists(st.integers(-60, 60), min_size=2, max_size=9, unique=True), st.data())
def test_truncation_equals_building_the_nucleus(scores, data):
    logits = [score / 10 for score in scores]
    chosen = data.draw(st.integers(0, len(scores) - 1))
    top_p = data.draw(st.sampled_from([0.5, 0.9, 1.0]))
    entropy, nll = truncate(np.array([logits, logits]), np.array([chosen, chosen]), top_p)
    expected = truncate_one(logits, chosen, top_p)
    assert entropy[0] == pytest.approx(expected[0], abs=1e-9)
    assert nll[1] == pytest.approx(expected[1], abs=1e-9)


def test_a_uniform_choice_of_eight_has_a_branching_factor_of_eight():
    entropy, nll = truncate(np.zeros((3, 8)), np.array([0, 5, 7]), 1.0)
    tokens = rows([("p", 0, i, entropy[i], nll[i]) for i in range(3)])
    for definition in ("entropy", "official"):
        assert branching_by_prompt(tokens, definition)["branching"][0] == pytest.approx(8)


def rows(values):
    return pl.DataFrame(values, schema=["prompt_id", "sample", "position", "entropy", "nll"], orient="row")


def test_definitions_part_after_fifty_tokens():
    """Entropy 1 and surprise 2 at each position: the official estimator changes sides at 51 tokens."""
    for length, expected in ((50, 1.0), (51, 2.0)):
        tokens = rows([("p", 0, i, 1.0, 2.0) for i in range(length)])
        assert branching_by_prompt(tokens, "official")["branching"][0] == pytest.approx(math.exp(expected))
        assert branching_by_prompt(tokens, "entropy")["branching"][0] == pytest.approx(math.e)
        assert branching_by_prompt(tokens)["length"][0] == length


def test_samples_are_averaged_position_by_position_first():
    tokens = rows([("p", 0, 0, 0.0, 0.0), ("p", 0, 1, 3.0, 0.0), ("p", 1, 0, 2.0, 0.0)])
    assert branching_by_prompt(tokens)["branching"][0] == pytest.approx(math.exp(((0 + 2) / 2 + 3) / 2))


def test_mean_is_over_prompts_of_the_exponential_with_an_interval():
    tokens = rows([(f"p{i}", 0, 0, math.log(1 + i % 3), 0.0) for i in range(30)])
    estimate = branching_factor("branching.base", tokens, seed=1)
    assert estimate.estimate == pytest.approx(2.0)
    assert 1 < estimate.low < 2 < estimate.high < 3
    assert estimate == branching_factor("branching.base", tokens, seed=1)
    curve = branching_at(tokens, [0, 1], seed=1)
    assert list(curve) == [0]
    assert curve[0].estimate == pytest.approx(2.0)


def test_sentences():
    with pytest.raises(StudyError, match="column 'nll' is missing"):
        branching_by_prompt(rows([("p", 0, 0, 1.0, 1.0)]).drop("nll"))
    with pytest.raises(StudyError, match="no token"):
        branching_by_prompt(rows([("p", 0, 0, 1.0, 1.0)]).clear())
    with pytest.raises(StudyError, match="not a definition"):
        branching_by_prompt(rows([("p", 0, 0, 1.0, 1.0)]), "other")
    with pytest.raises(StudyError, match="do not go together"):
        truncate(np.zeros((2, 3)), np.array([0]))
