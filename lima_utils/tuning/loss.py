"""The loss of a micro-batch, with the output head applied to the positions that carry a label alone."""

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from typing import Literal

import torch
import torch.nn.functional as F
from torch import nn
from transformers import PreTrainedModel

from lima_utils.errors import StudyError
from lima_utils.tuning.batches import MicroBatch


class LabelHead:
    """Computes losses of a model whose output head it feeds."""

    positions: torch.Tensor | None = None

    def gather(self, _: nn.Module, args: tuple[torch.Tensor, ...]) -> tuple[torch.Tensor, ...] | None:
        """Hand the head only the hidden states, [labels, width], whose prediction counts."""
        if self.positions is None:
            return None
        return (args[0].flatten(0, 1).index_select(0, self.positions), *args[1:])

    def loss(self, model: nn.Module, micro: MicroBatch, precision: Literal["bf16", "fp32"]) -> torch.Tensor:
        """Return the summed cross-entropy (nats, float32) of the micro-batch's labels."""
        autocast = torch.autocast(micro.inputs.device.type, torch.bfloat16) if precision == "bf16" else nullcontext()
        self.positions = micro.positions
        try:
            with autocast:
                logits = model(input_ids=micro.inputs, use_cache=False).logits
        finally:
            self.positions = None
        return F.cross_entropy(logits.float(), micro.targets, reduction="sum")


@contextmanager
def label_positions_only(model: PreTrainedModel) -> Iterator[LabelHead]:
    """Within the block, losses computed by the LabelHead skip the output head at positions without a label."""
    module = model.get_output_embeddings()
    if module is None:
        raise StudyError(f"{type(model).__name__}: this model has no output head, so it cannot be tuned on text.")
    head = LabelHead()
    handle = module.register_forward_pre_hook(head.gather)
    try:
        yield head
    finally:
        handle.remove()
