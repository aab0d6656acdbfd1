"""The sets of dialogues that the study tunes on, as chapter 02 writes them and later chapters read them."""

import random
from dataclasses import dataclass
from pathlib import Path

from lima_utils.errors import StudyError
from lima_utils.records import Dialogue, read_rows
from lima_utils.study.order import maker_of
from lima_utils.study.paths import Paths

MAIN = "dialogues"
"""LIMA's filtered Stack Exchange from all exchanges, and without an assembly every other source beside it."""
ASSEMBLED = "assembled"
"""All sources by the quotas of the profile's assembly, by default those of LIMA's Table 1."""
QUANTITY = "quantity"
"""Filtered as the main set, and larger: the pool that the sweep over K draws from."""
UNFILTERED = "unfiltered"
"""A random answer to any question (LIMA §5)."""
HOMOGENEOUS = "homogeneous"
"""Filtered, but of one exchange only, as wikiHow is of one form (LIMA §5)."""
CHAINS = "chains"
"""Dialogues of several turns, from comment chains (LIMA §6)."""
PROMPTS = "prompts"
"""Development and test prompts."""


@dataclass(frozen=True)
class Sets:
    """The curated sets of one run, read on demand."""

    paths: Paths

    def path(self, name: str) -> Path:
        """Return where a set lies."""
        return self.paths.curation / (f"{name}/dialogues.parquet" if name == ASSEMBLED else f"{name}.parquet")

    def read(self, name: str) -> list[Dialogue]:
        """Read one set; StudyError says which notebook makes it where it is missing."""
        path = self.path(name)
        return read_rows(path, Dialogue, maker_of(path, self.paths))

    def prompts(self, split: str) -> list[Dialogue]:
        """Read the prompts of one split, `dev` or `test`."""
        return [prompt for prompt in self.read(PROMPTS) if prompt.split == split]


def draw_subset(dialogues: list[Dialogue], k: int, seed: int) -> list[Dialogue]:
    """Return `k` dialogues drawn by `seed`; of the same seed the smaller sets are parts of the larger ones."""
    if k > len(dialogues):
        raise StudyError(f"{k} dialogues are wanted, {len(dialogues)} are there; curate more or ask for fewer.")
    order = sorted(dialogues, key=lambda dialogue: dialogue.id)
    random.Random(f"subset {seed}").shuffle(order)
    return order[:k]
