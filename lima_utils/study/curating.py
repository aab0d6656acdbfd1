"""Chapter 02's work: the sets that the study tunes on and the prompts that it asks, from whatever sources there are.

With a world, its dumps are read and its prompts are asked. Without one, the profile names dumps, LIMA's own rows or
dialogues of one's own, and the authored prompts are asked.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from lima_utils.curation.comments import curate_comments
from lima_utils.curation.funnel import Curated
from lima_utils.curation.messages import read_messages
from lima_utils.curation.settings import StackExchangeSettings
from lima_utils.curation.stackexchange import curate_stackexchange, write_curated
from lima_utils.errors import StudyError
from lima_utils.records import Dialogue, read_frame, to_frame, write_frame
from lima_utils.study.order import maker_of
from lima_utils.study.paths import Paths
from lima_utils.study.profiles import Profile
from lima_utils.study.sets import CHAINS, HOMOGENEOUS, MAIN, PROMPTS, QUANTITY, UNFILTERED, Sets

AUTHORED = Path("data/authored")


@dataclass(frozen=True)
class CuratedSets:
    """What chapter 02 made: the curated Stack Exchange sets by name, and all training dialogues of the main set."""

    sets: dict[str, Curated]
    main: pl.DataFrame
    prompts: pl.DataFrame


def curate_sets(profile: Profile, paths: Paths) -> CuratedSets:
    """Curate every set of the profile and write it to ``curation/``; StudyError where no source is named."""
    sets, own = {}, _read_own(profile)
    if folders := exchange_folders(profile, paths):
        for name, (settings, chosen) in _plan(profile, folders).items():
            sets[name] = curate_stackexchange(chosen, settings, profile.seed)
        if profile.sweep is not None:
            sets[CHAINS] = curate_comments(folders, profile.curation.comments, profile.seed)
    if not sets and own.is_empty():
        raise StudyError(
            f"profile {profile.name!r}: no source of dialogues; name Stack Exchange dumps in curation.dumps or JSON "
            "lines in curation.messages."
        )
    main = pl.concat([sets[MAIN].dialogues, own]) if sets else own
    prompts = read_prompts(profile, paths)
    for name, curated in sets.items():
        write_frame(Sets(paths).path(name), curated.dialogues)
    if MAIN in sets:
        write_curated(sets[MAIN], paths.curation)
    write_frame(Sets(paths).path(MAIN), main)
    write_frame(Sets(paths).path(PROMPTS), prompts)
    return CuratedSets(sets, main, prompts)


def exchange_folders(profile: Profile, paths: Paths) -> list[Path]:
    """Return the folders of the exchanges that the profile curates: the world's, or those that it names."""
    if profile.world is None:
        return list(profile.curation.dumps)
    if not paths.dumps.is_dir():
        raise StudyError(f"{paths.dumps} is missing: run {maker_of(paths.dumps, paths)} first.")
    return sorted(path for path in paths.dumps.iterdir() if path.is_dir())


def read_prompts(profile: Profile, paths: Paths) -> pl.DataFrame:
    """Return the development and test prompts: the world's, or the authored ones."""
    if profile.world is not None:
        files = [paths.world / f"{name}.parquet" for name in ("dev", "test")]
        return pl.concat([read_frame(path, Dialogue, maker_of(path, paths)) for path in files])
    harvests = [
        read_messages([AUTHORED / "group_a_dev.jsonl"], "authored-a", "dev"),
        read_messages([AUTHORED / "group_b_test.jsonl"], "authored-b", "test"),
    ]
    return pl.concat([harvest.dialogues for harvest in harvests])


def score_candidates(folders: Iterable[Path], settings: StackExchangeSettings, seed: int) -> pl.DataFrame:
    """Return length and score of every answer that reached the text rules, kept or not, for the cuts' figures.

    Columns: score, length (characters after cleaning), reason (null where kept).
    """
    if not (given := list(folders)):
        return pl.DataFrame(schema={"score": pl.Int64, "length": pl.Int64, "reason": pl.String})
    open_settings = settings.model_copy(update={"n_stem": None, "n_other": None})
    curated = curate_stackexchange(given, open_settings, seed)
    kept = curated.dialogues.select(
        "score",
        length=pl.col("messages").list.last().struct.field("content").str.len_chars().cast(pl.Int64),
        reason=None,
    )
    fallen = curated.rejects.select("score", pl.col("length").cast(pl.Int64), "reason").filter(pl.col("length") > 0)
    return pl.concat([kept.cast({"reason": pl.String}), fallen])


def _plan(profile: Profile, folders: list[Path]) -> dict[str, tuple[StackExchangeSettings, list[Path]]]:
    """Return settings and folders of each set; the ablation sets are curated only where a sweep asks for them."""
    settings, sweep = profile.curation.stackexchange, profile.sweep
    plan = {MAIN: (settings, folders)}
    if sweep is None:
        return plan
    n_stem, n_other = settings.n_stem or 0, settings.n_other or 0
    factor = max(sweep.sizes) / (n_stem + n_other) if n_stem + n_other else 1
    larger = {"n_stem": round(n_stem * factor), "n_other": max(sweep.sizes) - round(n_stem * factor)}
    plan[QUANTITY] = (settings.model_copy(update=larger), folders)
    plan[UNFILTERED] = (settings.model_copy(update={**larger, "filtered": False}), folders)
    one = [folder for folder in folders if folder.name == sweep.homogeneous]
    if not one:
        names = ", ".join(folder.name for folder in folders)
        raise StudyError(f"sweep.homogeneous names {sweep.homogeneous!r}, which has no dump; there are {names}.")
    alone = {"n_stem": None, "n_other": sweep.quality_size, "groups": {sweep.homogeneous: "other"}}
    plan[HOMOGENEOUS] = (settings.model_copy(update=alone), one)
    return plan


def _read_own(profile: Profile) -> pl.DataFrame:
    """Return the profile's own dialogues, JSON lines in the `messages` form; StudyError names a bad line."""
    if not profile.curation.messages:
        return to_frame([], Dialogue)
    return read_messages(list(profile.curation.messages), "own").dialogues
