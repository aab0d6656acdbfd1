"""Perplexity of held-out answers: the loss that LIMA watched, and did not choose by (LIMA appendix B)."""

from collections.abc import Sequence
from math import exp

import torch
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from lima_utils.records import Dialogue
from lima_utils.tuning.batches import micro_batches
from lima_utils.tuning.dialogues import encode_dialogues
from lima_utils.tuning.loss import label_positions_only


@torch.no_grad()
def measure_perplexity(
    model: PreTrainedModel,
    tokenizer: PreTrainedTokenizerBase,
    dialogues: Sequence[Dialogue],
    max_tokens: int = 2048,
    micro_tokens: int = 8192,
) -> float:
    """Return exp(mean negative log-likelihood) over the tokens of the assistant's turns, their EOT included.

    `model` is a tuned checkpoint whose tokenizer ends turns with its EOS token, as tuning leaves it; in float32.
    """
    encoded = encode_dialogues(tokenizer, dialogues, int(tokenizer.eos_token_id), max_tokens)
    model.eval()
    total = labels = 0.0
    with label_positions_only(model) as head:
        for micro in micro_batches(encoded.examples, micro_tokens, int(tokenizer.pad_token_id)):
            total += head.loss(model, micro.to(model.device), "fp32").item()
            labels += len(micro.targets)
    return exp(total / labels)
