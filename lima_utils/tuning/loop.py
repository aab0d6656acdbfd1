"""The loop: exact batches, one history row per step, a checkpoint and a state where they are asked for."""

import copy
import math
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from typing import Any

import polars as pl
import torch
from peft import PeftModel
from torch import nn
from transformers import PreTrainedModel

from lima_utils.errors import StudyError
from lima_utils.tuning.attention import quick_attention
from lima_utils.tuning.batches import draw_batches, micro_batches
from lima_utils.tuning.dialogues import Encoded, Example
from lima_utils.tuning.dropout import residual_dropout
from lima_utils.tuning.lora import add_lora, merge_lora
from lima_utils.tuning.loss import LabelHead, label_positions_only
from lima_utils.tuning.optimiser import RowMask, learning_rate, make_optimiser
from lima_utils.tuning.settings import Recipe
from lima_utils.tuning.state import StateFolder
from lima_utils.tuning.tokens import TurnTokens

AfterEpoch = Callable[[int, PreTrainedModel, pl.DataFrame], None]
"""Called after every epoch with its number, from 1, the plain model in evaluation mode, and the history so far."""


def train(
    model: PreTrainedModel,
    encoded: Encoded,
    recipe: Recipe,
    seed: int,
    tokens: TurnTokens,
    after_epoch: AfterEpoch | None = None,
    states: StateFolder | None = None,
) -> tuple[PreTrainedModel, pl.DataFrame]:
    """Run the recipe on `model` in place; return it in evaluation mode (adapters merged) and its history.

    With `states`, the run takes up the newest state and saves one after every epoch and every so many steps.
    """
    trained: nn.Module = add_lora(model, recipe, tokens.new_ids) if recipe.method == "lora" else model
    batches = math.ceil(len(encoded.examples) / recipe.batch)
    with ExitStack() as stack:
        stack.enter_context(residual_dropout(model, recipe.residual_dropout))
        stack.enter_context(quick_attention(model))
        head = stack.enter_context(label_positions_only(model))
        if recipe.gradient_checkpointing:
            model.gradient_checkpointing_enable({"use_reentrant": False})
        run = _Run(model, trained, head, recipe, tokens, batches * recipe.epochs)
        run.history = [] if states is None else states.load(trained, run.optimiser)
        for epoch in range(1 + len(run.history) // batches, recipe.epochs + 1):
            trained.train()
            order = draw_batches(len(encoded.examples), recipe.batch, seed, epoch)
            for index in range(len(run.history) - (epoch - 1) * batches, batches):
                run.step([encoded.examples[position] for position in order[index]], epoch)
                if states is not None and index + 1 < batches and states.every and (index + 1) % states.every == 0:
                    states.save(trained, run.optimiser, run.history)
            trained.eval()
            if after_epoch is not None:
                whole = merge_lora(copy.deepcopy(trained)) if isinstance(trained, PeftModel) else model
                after_epoch(epoch, whole, pl.DataFrame(run.history))
            if states is not None and epoch < recipe.epochs:
                states.save(trained, run.optimiser, run.history)
        if recipe.gradient_checkpointing:
            model.gradient_checkpointing_disable()
    model = merge_lora(trained) if isinstance(trained, PeftModel) else model
    return model.eval(), pl.DataFrame(run.history)


class _Run:
    """What one run changes: the model, the optimiser's state and the history."""

    history: list[dict[str, Any]]

    def __init__(
        self,
        model: PreTrainedModel,
        trained: nn.Module,
        head: LabelHead,
        recipe: Recipe,
        tokens: TurnTokens,
        steps: int,
    ) -> None:
        self.model, self.trained, self.head, self.recipe, self.steps = model, trained, head, recipe, steps
        self.pad_id = tokens.pad_id
        masked = recipe.embedding == "new-tokens" and recipe.method == "full"
        self.rows = RowMask(model, tokens.new_ids) if masked else None
        self.optimiser = make_optimiser(trained, recipe)
        self.parameters = [parameter for group in self.optimiser.param_groups for parameter in group["params"]]

    def step(self, examples: Sequence[Example], epoch: int) -> None:
        """Take one step on exactly these examples, whatever their cut; the loss is a mean over all their labels."""
        labels = sum(example.labels for example in examples)
        total = torch.zeros((), device=self.model.device)
        for micro in micro_batches(examples, self.recipe.micro_tokens, self.pad_id):
            loss = self.head.loss(self.trained, micro.to(self.model.device), self.recipe.precision) / labels
            loss.backward()
            total += loss.detach()
        if self.rows is not None:
            self.rows.apply()
        norm = nn.utils.clip_grad_norm_(self.parameters, self.recipe.clip_norm or math.inf).item()
        self._refuse_numbers_gone_wrong(total.item(), norm)
        rate = learning_rate(self.recipe, len(self.history), self.steps)
        for group in self.optimiser.param_groups:
            group["lr"] = rate * group["factor"]
        self.optimiser.step()
        self.optimiser.zero_grad(set_to_none=True)
        self.history.append(
            {
                "step": len(self.history) + 1,
                "epoch": epoch,
                "loss": total.item(),
                "learning_rate": rate,
                "gradient_norm": norm,
                "tokens": sum(len(example.inputs) for example in examples),
                "labels": labels,
            }
        )

    def _refuse_numbers_gone_wrong(self, loss: float, norm: float) -> None:
        if not (math.isfinite(loss) and math.isfinite(norm)):
            raise StudyError(
                f"step {len(self.history) + 1}: the loss is {loss} and the gradient's norm {norm}; lower "
                "tuning.learning_rate, set tuning.clip_norm or use precision fp32. Earlier checkpoints are kept."
            )
