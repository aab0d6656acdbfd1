"""Tables and sentences that chapter 06 shows: who judged, and what the net preferences say."""

from collections.abc import Mapping

import polars as pl

from lima_utils.figures.tables import p_value, percentage
from lima_utils.records import Estimate
from lima_utils.statistics.shares import Preference
from lima_utils.statistics.verdicts import above
from lima_utils.study.profiles import Profile

READINGS = {"supported": "preferred", "contradicted": "dispreferred", "not shown": "not told apart"}


def say_judge(profile: Profile) -> str:
    """Return who judges in this run, and what that judge can and cannot see."""
    judge = profile.judge
    if judge.kind == "oracle":
        return (
            "The judge is the world's *oracle*, a program, not a person and not a language model. It knows every "
            "answer, so style cannot fool it: an answer is excellent if it is right and has the whole assistant "
            "form, a pass if it is right, else a fail; the better grade wins, equal grades tie. A wrong answer in good "
            "form therefore ties with a wrong answer in bad form, where a person might prefer the former."
        )
    if judge.kind == "endpoint":
        orders = (
            "in both orders; verdicts that change with the order become ties" if judge.both_orders else "in one order"
        )
        return (
            f"The judge is the language model `{judge.judge}`. It sees each pair without the systems' names, {orders}."
        )
    return f"The verdicts were recorded before, in `{judge.path}`."


def preference_table(results: Mapping[str, Preference]) -> pl.DataFrame:
    """Return win, tie, lose, net preference, sign test and reading, one row a rival."""
    rows = [
        {
            "against": other,
            "win": percentage(result.win),
            "tie": percentage(result.tie),
            "lose": percentage(result.lose),
            "net": percentage(result.net),
            "sign test": p_value(result.test.p),
            "n": result.win.n,
            "reading": READINGS[above(result.net, 0).answer],
        }
        for other, result in results.items()
    ]
    return pl.DataFrame(rows)


def conversation_table(turns: Mapping[str, Mapping[str, Estimate]]) -> pl.DataFrame:
    """Return the graded turns of conversations, one row a system."""
    names = {"excellent": "excellent turns", "passed": "excellent or pass", "unbroken": "conversations without a fail"}
    rows = [
        {
            "system": system,
            **{title: percentage(estimates[name]) for name, title in names.items()},
            "conversations": estimates["unbroken"].n,
        }
        for system, estimates in turns.items()
    ]
    return pl.DataFrame(rows)


def say_preferences(results: Mapping[str, Preference]) -> str:
    """Return one sentence a rival: the reading with its net preference."""
    told = [
        f"Against **{other}** the tuned model is *{READINGS[above(result.net, 0).answer]}* "
        f"(net {percentage(result.net)})."
        for other, result in results.items()
    ]
    return " ".join(told)
