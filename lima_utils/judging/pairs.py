"""Blind pairs: two systems' responses to the same prompts, in seeded order, and answers turned back into
verdicts.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from lima_utils.errors import StudyError
from lima_utils.records import Response, Verdict, Winner

Answer = Literal["first", "second", "tie"]
"""What a judge says, who knows the two responses by their place only."""


@dataclass(frozen=True, slots=True)
class Pair:
    """Two responses to one prompt as a judge sees them: `first` and `second`, without the systems' names."""

    prompt_id: str
    first: str
    second: str
    system_a: str
    system_b: str
    shown_first: Literal["a", "b"]
    sample: int = 0
    seed: int = 0

    def swapped(self) -> "Pair":
        """Return the same pair in the other order."""
        other: Literal["a", "b"] = "b" if self.shown_first == "a" else "a"
        return Pair(
            self.prompt_id,
            self.second,
            self.first,
            self.system_a,
            self.system_b,
            other,
            self.sample,
            self.seed,
        )

    def verdict(self, answer: Answer, judge: str, reason: str | None = None) -> Verdict:
        """Turn a judge's answer back into a verdict on systems `a` and `b`, whichever order it saw."""
        winner: Winner = "tie"
        if answer != "tie":
            winner = "a" if (answer == "first") == (self.shown_first == "a") else "b"
        return Verdict(
            prompt_id=self.prompt_id,
            system_a=self.system_a,
            system_b=self.system_b,
            winner=winner,
            judge=judge,
            shown_first=self.shown_first,
            sample=self.sample,
            seed=self.seed,
            reason=reason,
        )


def pair_responses(
    responses: Sequence[Response], system_a: str, system_b: str, seed: int = 0, both_orders: bool = False
) -> list[Pair]:
    """Return one pair per prompt, sample and tuning seed of `system_a`, the order drawn by `seed`.

    The order depends on the seed and the pair alone, not on what else is judged. With `both_orders` every
    pair is followed by its swap. A response of `system_a` meets the one of `system_b` with the same seed or,
    where `system_b` was not tuned per seed, its only one. StudyError names the first prompt that one of the
    two did not answer, responses given twice, and conversations of several turns, which are judged as a whole
    by their own instruction.
    """
    left, right = _by_prompt(responses, system_a), _by_prompt(responses, system_b)
    for system, have, other in ((system_a, left, right), (system_b, right, left)):
        if missing := sorted({key[:2] for key in other} - {key[:2] for key in have}):
            prompt, sample = missing[0]
            raise StudyError(
                f"{system}: no response to prompt {prompt!r} (sample {sample}), which the other system "
                "answered; generate both on the same prompts."
            )
    right_seeds = sorted({key[2] for key in right})
    pairs = []
    for prompt, sample, tuned in sorted(left):
        met = tuned if (prompt, sample, tuned) in right else right_seeds[0]
        if met != tuned and len(right_seeds) > 1:
            raise StudyError(
                f"{system_b}: no response to prompt {prompt!r} with seed {tuned}, but others with seeds "
                f"{right_seeds}; give it the same seeds as the other system, or one."
            )
        pair = Pair(
            prompt_id=prompt,
            first=left[prompt, sample, tuned],
            second=right[prompt, sample, met],
            system_a=system_a,
            system_b=system_b,
            shown_first="a",
            sample=sample,
            seed=tuned,
        )
        if _coin(seed, prompt, sample, tuned, system_a, system_b):
            pair = pair.swapped()
        pairs += [pair, pair.swapped()] if both_orders else [pair]
    return pairs


def _by_prompt(responses: Sequence[Response], system: str) -> dict[tuple[str, int, int], str]:
    found: dict[tuple[str, int, int], str] = {}
    for response in responses:
        if response.system != system:
            continue
        key = (response.prompt_id, response.sample, response.seed)
        if response.turn != 0:
            raise StudyError(f"{system}: prompt {key[0]!r} has several turns; pairs are made of single responses.")
        if key in found:
            raise StudyError(
                f"{system}: prompt {key[0]!r}, sample {key[1]}, seed {key[2]} is answered twice; keep one."
            )
        found[key] = response.text
    if not found:
        have = ", ".join(sorted({response.system for response in responses})) or "none"
        raise StudyError(f"{system}: no responses of this system; the file holds those of {have}.")
    return found


def _coin(seed: int, *parts: object) -> bool:
    """Return a fair coin that any machine throws alike."""
    return hashlib.sha256("\x1f".join(map(str, (seed, *parts))).encode()).digest()[0] % 2 == 1
