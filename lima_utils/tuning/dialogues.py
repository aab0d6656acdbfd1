"""Dialogues as token ids and labels: what the model reads, and what it is asked to predict."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import torch
from transformers import PreTrainedTokenizerBase

from lima_utils.errors import StudyError
from lima_utils.records import Dialogue, Message
from lima_utils.turns import encode_turns

IGNORED = -100
"""The label of a position whose prediction is not asked for."""


@dataclass(frozen=True, slots=True)
class Example:
    """One dialogue ready for training."""

    inputs: torch.Tensor
    """int64 [n]: the dialogue's ids without the last."""
    targets: torch.Tensor
    """int64 [n]: for every input position the next id, or IGNORED."""
    labels: int
    """How many targets count."""


@dataclass(frozen=True, slots=True)
class Encoded:
    """A tuning set ready for training, and what encoding it cost."""

    examples: list[Example]
    trimmed: int
    """Dialogues cut at the maximum length."""

    def counts(self) -> dict[str, int]:
        """Return the token arithmetic: dialogues, trimmed dialogues, tokens read and labels."""
        tokens = Counter[str]()
        for example in self.examples:
            tokens["tokens"] += len(example.inputs)
            tokens["labels"] += example.labels
        return {"dialogues": len(self.examples), "trimmed": self.trimmed, **tokens}


def encode_dialogues(
    tokenizer: PreTrainedTokenizerBase,
    dialogues: Sequence[Dialogue | Sequence[Message]],
    eot_id: int,
    max_tokens: int,
    loss_on: Literal["responses", "all"] = "responses",
) -> Encoded:
    """Encode whole dialogues as ``[bos] user EOT assistant EOT …`` (LIMA §3), bos only if the tokenizer has one.

    Labels are the tokens of assistant turns with their EOT, or every token (`loss_on="all"`). Dialogues longer than
    `max_tokens` lose their end (LIMA §3) and are counted. StudyError for a set or a dialogue without a single label.
    """
    if not dialogues:
        raise StudyError("tuning: the list of dialogues is empty; give at least one that ends with an answer.")
    named = [_name(index, dialogue) for index, dialogue in enumerate(dialogues)]
    bos = [] if tokenizer.bos_token_id is None else [int(tokenizer.bos_token_id)]
    examples, trimmed = [], 0
    for (name, messages), turns in zip(
        named, encode_turns(tokenizer, [messages for _, messages in named], eot_id), strict=True
    ):
        ids, counted = list(bos), [False] * len(bos)
        for message, turn in zip(messages, turns, strict=True):
            ids += turn
            counted += [loss_on == "all" or message["role"] == "assistant"] * len(turn)
        trimmed += len(ids) > max_tokens
        ids, counted = ids[:max_tokens], counted[:max_tokens]
        if not any(counted[1:]):
            raise StudyError(
                f"{name}: no token of an assistant's turn is left within {max_tokens} tokens, so there is nothing to "
                "learn; give it an answer, raise max_tokens or leave the dialogue out."
            )
        sequence, mask = torch.tensor(ids), torch.tensor(counted)
        targets = torch.where(mask, sequence, IGNORED)[1:]
        examples.append(Example(sequence[:-1], targets, int(mask[1:].sum())))
    return Encoded(examples, trimmed)


def _name(index: int, dialogue: Dialogue | Sequence[Message]) -> tuple[str, Sequence[Message]]:
    return (dialogue.id, dialogue.messages) if isinstance(dialogue, Dialogue) else (f"dialogue {index}", dialogue)
