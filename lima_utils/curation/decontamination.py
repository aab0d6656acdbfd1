"""Decontamination: evaluated prompts that a training dialogue already shows.

The overlap test is that of GPT-3 (arXiv 2005.14165, appendix C): a run of 13 words in common. A prompt of fewer words
is looked for as a whole, down to 8; shorter ones are caught as exact or near-duplicates only.
"""

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from lima_utils.curation.near_duplicates import list_ngrams, split_words

_SHORTEST = 8  # GPT-3, appendix C: the run is 8 to 13 words long


class Overlap(NamedTuple):
    """The evaluated prompt that a text repeats, and the words in common."""

    prompt_id: str
    words: str


class EvaluatedPrompts:
    """An index of the prompts that training text must not repeat; `ngram` is the number of words in a run."""

    def __init__(self, prompts: Mapping[str, str], ngram: int) -> None:
        self._runs: dict[int, dict[str, str]] = {}
        for prompt_id, prompt in sorted(prompts.items()):
            words = split_words(prompt)
            if len(words) >= _SHORTEST:
                length = min(ngram, len(words))
                runs = self._runs.setdefault(length, {})
                for run in list_ngrams(words, length):
                    runs.setdefault(run, prompt_id)

    def find(self, texts: Iterable[str]) -> Overlap | None:
        """Return the first overlap of any of `texts` (the turns of one dialogue) with a prompt, or None."""
        for text in texts:
            words = split_words(text)
            for length, runs in sorted(self._runs.items(), reverse=True):
                if length > len(words):
                    continue
                for run in list_ngrams(words, length):
                    if run in runs:
                        return Overlap(runs[run], run)
        return None
