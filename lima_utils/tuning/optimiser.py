"""AdamW as LIMA §3 sets it, its linear decay, and the rows of the embedding that may move."""

from collections.abc import Iterable
from typing import Any

import torch
from torch import nn
from torch.distributed.tensor import DTensor, distribute_tensor
from transformers import PreTrainedModel

from lima_utils.tuning.settings import Recipe
from lima_utils.tuning.split_adamw import SplitAdamW


def learning_rate(recipe: Recipe, step: int, steps: int) -> float:
    """Return the rate of step 0 … steps − 1: linear down to `final_fraction` of it, no warm-up (LIMA §3)."""
    return recipe.learning_rate * (1 - (1 - recipe.final_fraction) * step / max(1, steps - 1))


def make_optimiser(model: nn.Module, recipe: Recipe) -> torch.optim.Optimizer:
    """Return AdamW over the trainable parameters; norms, biases and a nearly frozen embedding do not decay.

    Weights in bf16 get the AdamW that keeps their lower halves, or LIMA's small steps would be lost.
    """
    masked = recipe.embedding == "new-tokens" and recipe.method == "full"
    kept = {id(table) for table in embedding_tables(model)} if masked else set()
    decayed: list[nn.Parameter] = []
    plain: list[nn.Parameter] = []
    tables: list[nn.Parameter] = []
    for parameter in model.parameters():
        if parameter.requires_grad:
            (tables if id(parameter) in kept else decayed if parameter.ndim > 1 else plain).append(parameter)
    groups: list[dict[str, Any]] = [
        {"params": decayed, "weight_decay": recipe.weight_decay, "factor": 1.0},
        {"params": plain, "weight_decay": 0.0, "factor": 1.0},
        {"params": tables, "weight_decay": 0.0, "factor": recipe.new_token_factor},
    ]
    groups = [group for group in groups if group["params"]]
    if all(parameter.dtype == torch.bfloat16 for group in groups for parameter in group["params"]):
        return SplitAdamW(groups, lr=recipe.learning_rate, betas=recipe.betas)
    return torch.optim.AdamW(groups, lr=recipe.learning_rate, betas=recipe.betas, fused=True)


def embedding_tables(model: nn.Module) -> list[nn.Parameter]:
    """Return the weights of the embedding and of an untied output head."""
    assert isinstance(model, PreTrainedModel)
    head = model.get_output_embeddings()
    tables = [model.get_input_embeddings().weight] + ([] if head is None else [head.weight])
    return list({id(table): table for table in tables}.values())


class RowMask:
    """Clears the gradient of all embedding rows but those of new tokens."""

    def __init__(self, model: nn.Module, new_ids: Iterable[int]) -> None:
        self.tables = embedding_tables(model)
        self.masks = []
        for table in self.tables:
            mask = torch.zeros(table.shape[0], 1, dtype=table.dtype, device=table.device)
            mask[sorted(new_ids)] = 1
            if isinstance(table, DTensor):
                mask = distribute_tensor(mask, table.device_mesh, table.placements)
            self.masks.append(mask)

    @torch.no_grad()
    def apply(self) -> None:
        """Clear the gradients in place; call it before the optimiser's step."""
        for table, mask in zip(self.tables, self.masks, strict=True):
            if table.grad is not None:
                table.grad *= mask
