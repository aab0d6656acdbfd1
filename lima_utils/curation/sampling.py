"""How many dialogues each exchange gives: temperature sampling over exchanges, without replacement.

LIMA §2.1 samples "from each set using a temperature of τ = 3 to get a more uniform sample of the different
domains" and gives no formula. We read it as in multilingual language modelling: an exchange with n questions
is drawn with p ∝ n^(1/τ). τ = 1 keeps the proportions, τ = ∞ makes all exchanges equal.
"""

from collections.abc import Mapping

import numpy as np


def expected_counts(sizes: Mapping[str, int], tau: float, total: int) -> dict[str, float]:
    """Return how many of `total` draws each exchange (of n questions) can expect at temperature `tau`."""
    weights = {name: size ** (1 / tau) if size else 0.0 for name, size in sizes.items()}
    whole = sum(weights.values())
    return {name: total * weight / whole if whole else 0.0 for name, weight in weights.items()}


def draw_counts(
    sizes: Mapping[str, int], available: Mapping[str, int], tau: float, total: int, seed: int
) -> dict[str, int]:
    """Draw `total` times with p ∝ n^(1/τ), each exchange while it has dialogues; fewer where all run dry.

    `sizes` are the exchanges' questions, `available` the dialogues that passed. The result depends on
    the seed and the names, never on the order of the mappings.
    """
    names = sorted(name for name in sizes if available.get(name, 0) > 0)
    weights = np.array([max(sizes[name], 1) ** (1 / tau) for name in names])
    counts = dict.fromkeys(sorted(sizes), 0)
    random = np.random.default_rng(seed)
    for _ in range(min(total, sum(available[name] for name in names))):
        drawn = int(random.choice(len(names), p=weights / weights.sum()))
        counts[names[drawn]] += 1
        if counts[names[drawn]] == available[names[drawn]]:
            weights[drawn] = 0.0
    return counts
