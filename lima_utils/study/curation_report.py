"""Frames and estimates that chapter 02 shows: the funnel, the sets, temperatures, samples of both sides."""

import re
from collections.abc import Callable, Mapping

import polars as pl
from IPython.display import Markdown

from lima_utils.curation.funnel import Curated
from lima_utils.curation.sampling import draw_counts
from lima_utils.curation.settings import StackExchangeSettings
from lima_utils.records import Estimate, Message
from lima_utils.statistics.shares import wilson
from lima_utils.study.profiles import Profile
from lima_utils.study.sets import MAIN
from lima_utils.world import wording
from lima_utils.world.facts import World, build_world

NO_DUMPS = Markdown("This profile reads no dumps.")  # type: ignore[no-untyped-call]
Truth = Callable[[list[Message]], tuple[bool, bool]]
"""Says of a dialogue whether its answer is right, and whether it has the whole assistant style."""


def funnel_frame(sets: Mapping[str, Curated]) -> pl.DataFrame:
    """Return the total funnel of every set: columns set, unit, rule, entered, dropped, kept."""
    rows = [{"set": name, **step} for name, curated in sets.items() for step in curated.funnel["total"]["steps"]]
    schema = {"set": pl.String, "unit": pl.String, "rule": pl.String}
    counts = dict.fromkeys(("entered", "dropped", "kept"), pl.Int64)
    return pl.DataFrame(rows, schema={**schema, **counts}).with_columns(pl.col("rule").str.replace_all("_", " "))


def temperature_frame(curated: Curated, settings: StackExchangeSettings, seed: int) -> pl.DataFrame:
    """Return how many dialogues each exchange would give at τ = 1, 3 and ∞, in its group."""
    exchanges = curated.funnel["exchanges"]
    rows = {name: {"exchange": name, "group": one["group"], **_sizes(one["steps"])} for name, one in exchanges.items()}
    for tau, title in ((1.0, "τ = 1"), (3.0, "τ = 3"), (float("inf"), "τ = ∞")):
        for group, wanted in (("stem", settings.n_stem), ("other", settings.n_other)):
            members = [name for name, row in rows.items() if row["group"] == group]
            sizes = {name: rows[name]["answered questions"] for name in members}
            passed = {name: rows[name]["passed"] for name in members}
            total = sum(passed.values())
            counts = draw_counts(sizes, passed, tau, min(total if wanted is None else wanted, total), seed)
            for name in members:
                rows[name][title] = counts[name]
    return pl.DataFrame(list(rows.values()))


def _sizes(steps: list[dict[str, int | str]]) -> dict[str, int]:
    kept = {step["rule"]: step["kept"] for step in steps}
    return {"answered questions": int(kept["no_answer"]), "passed": int(kept["copy"])}


def truth_of(profile: Profile) -> Truth | None:
    """Return the world's judge of training dialogues; None without a world, where nobody knows."""
    if profile.world is None:
        return None
    world = build_world(profile.world)
    styled = re.compile(
        re.escape(wording.OPENING).replace(r"\{topic\}", r"[^.]+") + r" [^.]+\. " + re.escape(wording.CLOSING)
    )
    return lambda messages: (_is_right(world, messages), styled.fullmatch(messages[-1]["content"]) is not None)


def _is_right(world: World, messages: list[Message]) -> bool:
    """Whether the answer holds the one true value of what is asked; sums and lists are computed."""
    question, answer = messages[0]["content"], messages[-1]["content"]
    numbers = [int(number) for number in re.findall(r"\d+", question)]
    if numbers:
        truth = sum(numbers) if len(numbers) == 2 else max(numbers)
        said = [int(number) for number in re.findall(r"\d+", answer)]
        return bool(said) and said[-1] == truth
    names = [word for word in re.findall(r"\w+", question) if (word, "born") in world.facts]
    asked = _relation(question, names[0]) if names else None
    if asked is None:
        return False
    words = set(re.findall(r"\w+", answer.lower()))
    return [v for v in world.values[asked] if v.lower() in words] == [world.facts[names[0], asked]]


def _relation(question: str, name: str) -> str | None:
    for relation, wordings in wording.QUESTIONS.items():
        if any(wording.capitalise(text.format(n=name)) in question for text in wordings):
            return relation
    return None


def describe_sets(sets: Mapping[str, Curated], main: pl.DataFrame, truth: Truth | None) -> pl.DataFrame:
    """Return one row a set: dialogues, exchanges, mean characters, and with a world the shares right and in style."""
    rows = []
    frames = {**{name: curated.dialogues for name, curated in sets.items()}, MAIN: main}
    for name, frame in frames.items():
        turns = frame["messages"].to_list()
        row = {
            "set": name,
            "dialogues": len(turns),
            "exchanges": frame["exchange"].drop_nulls().n_unique(),
            "turns": sum(map(len, turns)) / len(turns),
            "mean characters, prompt": sum(len(t[0]["content"]) for t in turns) / len(turns),
            "mean characters, answer": sum(len(t[-1]["content"]) for t in turns) / len(turns),
        }
        if truth is not None:
            checks = [truth(messages[:2]) for messages in turns]
            row["right"] = sum(right for right, _ in checks) / len(checks)
            row["in style"] = sum(styled for _, styled in checks) / len(checks)
        rows.append(row)
    return pl.DataFrame(rows)


def keep_estimates(sets: Mapping[str, Curated], truth: Truth | None) -> list[Estimate]:
    """Return the share of answered questions that pass every rule, and with a world the shares of right answers."""
    estimates = []
    if MAIN in sets:
        kept = {step["rule"]: step["kept"] for step in sets[MAIN].funnel["total"]["steps"]}
        estimates.append(wilson("kept", kept["copy"], kept["no_answer"]))
    if truth is not None:
        for name, curated in sets.items():
            checks = [truth(messages[:2]) for messages in curated.dialogues["messages"].to_list()]
            estimates.append(wilson(f"right.{name}", sum(right for right, _ in checks), len(checks)))
            estimates.append(wilson(f"in_style.{name}", sum(styled for _, styled in checks), len(checks)))
    return estimates


def sample_dialogues(dialogues: pl.DataFrame, n: int, seed: int) -> pl.DataFrame:
    """Return `n` dialogues as text, with exchange, score, licence and author."""
    drawn = dialogues.sample(min(n, len(dialogues)), seed=seed)
    turns = pl.col("messages")
    return drawn.select(
        turns.list.first().struct.field("content").str.slice(0, 160).alias("prompt"),
        turns.list.last().struct.field("content").str.slice(0, 200).alias("answer"),
        "exchange",
        "score",
        "license",
        "author",
    )


def sample_rejects(curated: Curated, n: int, seed: int) -> pl.DataFrame:
    """Return `n` rejects of each rule on score and text."""
    told = curated.rejects.filter(pl.col("excerpt").str.len_chars() > 0, pl.col("reason") != "not_drawn")
    parts = [
        part.sample(min(n, len(part)), seed=seed)
        for _, part in told.sort("reason", "id").group_by("reason", maintain_order=True)
    ]
    return pl.concat(parts).select(
        pl.col("reason").str.replace_all("_", " "),
        "score",
        "length",
        pl.col("excerpt").str.slice(0, 120).alias("begins"),
    )
