import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from statsmodels.stats.inter_rater import cohens_kappa

from lima_utils.errors import StudyError
from lima_utils.statistics.agreement import chance_agreement, cohen_kappa, tie_discounted

LABELS = ("a", "b", "tie")


@pytest.mark.filterwarnings("ignore::RuntimeWarning:statsmodels")  # its own standard error of perfect agreement
@given(st.lists(st.tuples(st.sampled_from(LABELS), st.sampled_from(LABELS)), min_size=2, max_size=120))
def test_kappa_equals_statsmodels(pairs):
    first, second = zip(*pairs, strict=True)
    ours = cohen_kappa("x", first, second)
    used = [label for label in LABELS if label in {*first, *second}]
    if len(used) == 1:
        assert ours.estimate is None
        return
    table = [[sum(p == (a, b) for p in pairs) for b in used] for a in used]
    theirs = cohens_kappa(table)
    assert ours.estimate == pytest.approx(theirs.kappa, abs=1e-9)
    half = 1.959963984540054 * math.sqrt(max(theirs.var_kappa, 0))  # rounding may leave −1e-17
    assert ours.high == pytest.approx(min(1, theirs.kappa + half), abs=1e-7)
    assert ours.low == pytest.approx(max(-1, theirs.kappa - half), abs=1e-7)


def test_tie_discounted_accuracy_by_hand():
    first = ["a", "b", "tie", "a", "tie"]
    second = ["a", "a", "a", "tie", "tie"]
    ours = tie_discounted("x", first, second)
    assert ours.estimate == pytest.approx((1 + 0 + 0.5 + 0.5 + 1) / 5)
    assert tie_discounted("x", second, first).estimate == ours.estimate
    assert 0 < ours.low < ours.estimate < ours.high < 1


@pytest.mark.parametrize("measure", [tie_discounted, cohen_kappa])
def test_judges_of_different_items_are_refused(measure):
    with pytest.raises(StudyError, match="1 against 2 verdicts"):
        measure("x", ["a"], ["a", "b"])
    with pytest.raises(StudyError, match="no item"):
        measure("x", [], [])


def test_kappa_of_published_annotators(realdata):
    """PandaLM's three annotators: kappa .852, .879 and .862 by their own account."""
    files = sorted((realdata / "preferences" / "pandalm").glob("*.json"))
    if not files:
        pytest.skip("no PandaLM labels among the real data")
    rows = json.loads(files[0].read_text(encoding="utf-8"))
    labels = {n: [str(row[f"annotator{n}"]) for row in rows] for n in (1, 2, 3)}
    found = sorted(round(cohen_kappa("x", labels[a], labels[b]).estimate, 3) for a, b in ((1, 2), (1, 3), (2, 3)))
    assert found == [0.852, 0.862, 0.879]


def test_chance_agreement_equals_drawing_every_pair_of_verdicts():
    shares = {"a": 0.5, "tie": 0.2, "b": 0.3}
    drawn = sum(p * q * tie_discounted("x", [a], [b]).estimate for a, p in shares.items() for b, q in shares.items())
    assert chance_agreement(0.5, 0.2, 0.3) == pytest.approx(drawn)
    with pytest.raises(StudyError, match="not the shares"):
        chance_agreement(0.5, 0.2, 0.4)
