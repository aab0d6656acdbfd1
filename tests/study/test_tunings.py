"""The choice of a checkpoint, on epochs whose order is known."""

from pathlib import Path

import polars as pl
import pytest

from lima_utils.errors import StudyError
from lima_utils.study.paths import Paths
from lima_utils.study.tuning_report import say_choice
from lima_utils.study.tunings import choose_epoch, chosen_checkpoint, write_choice


def epochs(excellent: list[float], passed: list[float] | None = None) -> pl.DataFrame:
    n = len(excellent)
    shares = {"excellent": excellent, "excellent_low": excellent, "excellent_high": excellent}
    perplexity = [2.0 + 0.1 * i for i in range(n)]
    return pl.DataFrame(
        {
            "epoch": range(1, n + 1),
            "n": [50] * n,
            "perplexity": perplexity,
            "at_least_pass": passed or excellent,
            **shares,
        }
    )


def test_the_best_of_epochs_five_to_ten_is_taken_even_if_others_are_better() -> None:
    shares = [0.9] * 4 + [0.5, 0.6, 0.8, 0.7, 0.6, 0.5] + [0.95] * 5
    assert choose_epoch(epochs(shares)) == 7


def test_ties_go_to_more_passes_then_to_the_earliest() -> None:
    assert choose_epoch(epochs([0.8] * 15, [0.8] * 7 + [0.9] * 2 + [0.8] * 6)) == 8
    assert choose_epoch(epochs([0.8] * 15)) == 5


def test_short_or_ungraded_runs_take_their_last_epoch() -> None:
    assert choose_epoch(epochs([0.9, 0.1, 0.1])) == 3
    assert choose_epoch(pl.DataFrame({"epoch": [1, 2, 3], "perplexity": [None] * 3})) == 3


def test_a_choice_is_recorded_and_a_lost_checkpoint_is_told(tmp_path: Path) -> None:
    paths = Paths("x", tmp_path)
    with pytest.raises(StudyError, match=r"run notebooks/04-tune-base\.ipynb"):
        chosen_checkpoint(paths, "tuned")
    write_choice(paths, "tuned", 7)
    with pytest.raises(StudyError, match="the chosen checkpoint is gone"):
        chosen_checkpoint(paths, "tuned")
    folder = paths.tuning / "tuned" / "epoch-07"
    folder.mkdir()
    (folder / "manifest.json").write_text("{}")
    assert chosen_checkpoint(paths, "tuned") == folder


def test_the_sentence_says_whether_perplexity_would_have_agreed() -> None:
    told = say_choice(epochs([0.1] * 6 + [0.8] + [0.2] * 8), 7)
    assert "Epoch 7 was chosen: 80 % of its 50 answers" in told
    assert "Perplexity rises" in told
    assert "would have taken epoch 1" in told
