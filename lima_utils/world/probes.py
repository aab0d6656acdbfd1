"""What a base knows, read off its next-token distribution: facts completed, names copied."""

import random
from collections.abc import Sequence

import polars as pl
import torch
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from lima_utils.world import wording
from lima_utils.world.facts import World
from lima_utils.world.wording import capitalise


@torch.no_grad()
def predict_next(
    model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase, texts: Sequence[str], batch: int = 256
) -> torch.Tensor:
    """Return the next-token logits after each text: float32, shape (texts, vocabulary)."""
    encoded = [[tokenizer.bos_token_id, *tokenizer.encode(text, add_special_tokens=False)] for text in texts]
    rows = []
    for start in range(0, len(encoded), batch):
        part = encoded[start : start + batch]
        ids = torch.zeros(len(part), max(map(len, part)), dtype=torch.long)
        for row, tokens in zip(ids, part, strict=True):
            row[: len(tokens)] = torch.tensor(tokens)
        # Padding stands behind the text, where a causal model cannot see it.
        logits = model(input_ids=ids, use_cache=False).logits
        rows.append(logits[torch.arange(len(part)), torch.tensor([len(tokens) - 1 for tokens in part])].float())
    return torch.cat(rows)


def complete_facts(
    model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase, world: World, people: Sequence[str]
) -> pl.DataFrame:
    """Complete "X was born in …" and its like: one row a fact, columns subject, relation, right, probability.

    `right` is True where the true value is the most probable of *all* tokens, not only among the relation's values.
    """
    asked = [(name, relation) for relation in wording.PERSON_RELATIONS for name in people]
    stems = [capitalise(wording.SENTENCES[r][0].split("{v}")[0].format(n=name)).rstrip() for name, r in asked]
    gold = [tokenizer.encode(world.facts[fact], add_special_tokens=False)[0] for fact in asked]
    logits = predict_next(model, tokenizer, stems)
    probability = logits.softmax(-1)[torch.arange(len(gold)), torch.tensor(gold)]
    right = logits.argmax(-1) == torch.tensor(gold)
    columns = {"subject": [s for s, _ in asked], "relation": [r for _, r in asked]}
    return pl.DataFrame({**columns, "right": right.tolist(), "probability": probability.tolist()})


def probe_cloze(
    model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase, world: World, people: Sequence[str]
) -> float:
    """Return the share of the facts of `people` that the model completes."""
    return float(complete_facts(model, tokenizer, world, people)["right"].mean())  # type: ignore[arg-type]


def probe_copying(model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase, world: World, n: int = 100) -> float:
    """Return the share of lists of four names, half of them never described, whose third name is read back."""
    rng = random.Random("copying")
    names = [*world.people["known_dev"], *world.people["unknown_dev"]]
    texts, gold = [], []
    for _ in range(n):
        listed = rng.sample(names, 4)
        texts.append(f"note: {' '.join(listed)}. again: {listed[0]} {listed[1]}")
        gold.append(tokenizer.encode(listed[2], add_special_tokens=False)[0])
    predicted = predict_next(model, tokenizer, texts).argmax(-1)
    return (predicted == torch.tensor(gold)).float().mean().item()
