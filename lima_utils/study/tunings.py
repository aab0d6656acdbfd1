"""The tuning runs of a profile: made if they are not there, judged epoch by epoch, one checkpoint chosen.

LIMA chose its checkpoint by hand between the 5th and the 10th epoch, by the quality of answers to 50 development
prompts, since perplexity does not track quality (LIMA §3, appendix B). Here the profile's judge takes the hand's place.
"""

from pathlib import Path
from typing import Literal

import polars as pl

from lima_utils.errors import StudyError
from lima_utils.files import read_json, write_json
from lima_utils.generation.settings import System
from lima_utils.generation.systems import Engine, load_engine, respond
from lima_utils.records import Dialogue, Estimate, Grade
from lima_utils.statistics.shares import wilson
from lima_utils.study.judges import grade
from lima_utils.study.paths import Paths
from lima_utils.study.profiles import Profile, TuningRun
from lima_utils.study.sets import Sets, draw_subset
from lima_utils.tuning.checkpoints import epoch_folder, list_checkpoints
from lima_utils.tuning.perplexity import measure_perplexity
from lima_utils.tuning.settings import Recipe
from lima_utils.tuning.training import tune

CHOICE = (5, 10)
"""First and last epoch that may be chosen (LIMA §3)."""
HELD_OUT = 200
"""Dialogues on which perplexity is measured (LIMA appendix B uses 2,000)."""


def read_training(sets: Sets, run: TuningRun, seed: int) -> list[Dialogue]:
    """Return the dialogues that a tuning run trains on, in the order of their set."""
    rows = [dialogue for dialogue in sets.read(run.dialogues) if dialogue.split == "train"]
    return rows if run.size is None else draw_subset(rows, run.size, seed)


def read_main(profile: Profile, paths: Paths) -> list[Dialogue]:
    """Return the training dialogues of the study's own tuning, the first that the profile names."""
    return read_training(Sets(paths), next(iter(profile.tunings.values())), profile.seed)


def recipe_of(profile: Profile, name: str) -> Recipe:
    """Return the recipe of the profile's tuning run `name`: the profile's own, with the run's number of epochs."""
    epochs = profile.tunings[name].epochs or profile.tuning.epochs
    return profile.tuning.model_copy(update={"epochs": epochs})


def tune_run(profile: Profile, paths: Paths, name: str, dialogues: list[Dialogue]) -> pl.DataFrame:
    """Tune as the profile's run `name` says and return the history, one row a step.

    A finished run of the same settings and data is taken as it is, so one made on several GPUs by
    ``accelerate launch -m lima_utils.tuning`` is picked up here.
    """
    keep: Literal["all", "last"] = "all" if profile.tunings[name].choose else "last"
    recipe = recipe_of(profile, name)
    return tune(profile.base, dialogues, recipe, paths.tuning / name, profile.seed, keep).history


def judge_epochs(
    profile: Profile, paths: Paths, name: str, prompts: list[Dialogue], held_out: list[Dialogue]
) -> pl.DataFrame:
    """Judge every kept epoch of a run on the development prompts, and measure its perplexity on `held_out`.

    One row an epoch: epoch, perplexity, n, and for excellent and for at least pass a share with its Wilson interval.
    """
    rows = []
    for epoch, folder in list_checkpoints(paths.tuning / name).items():
        engine = load_engine(str(folder))
        system = System(name=f"{name}-epoch-{epoch:02d}", kind="checkpoint")
        responses = respond(system, prompts, profile.generation, profile.seed, engine=engine)
        grades = grade(profile, paths, responses, prompts)
        rows.append({"epoch": epoch, "perplexity": _perplexity(engine, held_out, profile), **_shares(grades)})
    return pl.DataFrame(rows)


def _perplexity(engine: Engine, held_out: list[Dialogue], profile: Profile) -> float | None:
    if not held_out:
        return None
    return measure_perplexity(engine.model, engine.tokenizer, held_out, profile.tuning.max_tokens)


def _shares(grades: list[Grade]) -> dict[str, float | int | None]:
    labels = [one.label for one in grades]
    row: dict[str, float | int | None] = {"n": len(labels)}
    for share, counted in (("excellent", ("excellent",)), ("at_least_pass", ("excellent", "pass"))):
        if labels:
            estimate = wilson(share, sum(label in counted for label in labels), len(labels))
            row |= {share: estimate.estimate, f"{share}_low": estimate.low, f"{share}_high": estimate.high}
    return row


def choose_epoch(epochs: pl.DataFrame, first: int = CHOICE[0], last: int = CHOICE[1]) -> int:
    """Return the epoch from `first` to `last` with most excellent answers, then most passed ones, then the earliest.

    Where a run is shorter than `first` epochs, or no judge graded anything, its last epoch is taken.
    """
    window = epochs.filter(pl.col("epoch").is_between(first, last))
    if window.is_empty() or "excellent" not in window.columns:
        return int(epochs["epoch"].max())  # type: ignore[arg-type]
    ranked = window.sort("excellent", "at_least_pass", "epoch", descending=[True, True, False])
    return int(ranked["epoch"][0])


def write_choice(paths: Paths, name: str, epoch: int) -> None:
    """Record the chosen epoch of a run as ``tuning/<name>/chosen.json``."""
    write_json(paths.tuning / name / "chosen.json", {"epoch": epoch})


def chosen_checkpoint(paths: Paths, name: str) -> Path:
    """Return the folder of a run's chosen checkpoint; StudyError where none was chosen."""
    choice = read_json(paths.tuning / name / "chosen.json", "notebooks/04-tune-base.ipynb (or `make book`)")
    folder = epoch_folder(paths.tuning / name, choice["epoch"])
    if not (folder / "manifest.json").exists():
        raise StudyError(f"{folder}: the chosen checkpoint is gone; run notebooks/04-tune-base.ipynb again.")
    return folder


def epoch_curves(epochs: pl.DataFrame) -> dict[str, dict[float, Estimate]]:
    """Return the shares of excellent and of passed answers over epochs, as curves to draw."""
    names = {"excellent": "excellent", "at_least_pass": "excellent or pass"}
    return {
        title: {
            row["epoch"]: Estimate(title, row[name], row[f"{name}_low"], row[f"{name}_high"], 0.95, row["n"], "Wilson")
            for row in epochs.to_dicts()
        }
        for name, title in names.items()
        if name in epochs.columns
    }
