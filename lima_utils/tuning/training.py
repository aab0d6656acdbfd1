"""Training: exact batches, label positions only, one history row per step.

``tune`` reads a base from disk and leaves checkpoints; ``tune_model`` does the same in memory, for sweeps over many
small tunings. Both run the loop of ``train``.
"""

import copy
import math
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import polars as pl
import torch
import torch.nn.functional as F
from peft import PeftModel
from torch import nn
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from lima_utils.errors import StudyError
from lima_utils.models import load_model
from lima_utils.records import Dialogue, Message
from lima_utils.tuning.attention import quick_attention
from lima_utils.tuning.batches import MicroBatch, draw_batches, micro_batches
from lima_utils.tuning.checkpoints import epoch_folder, write_checkpoint
from lima_utils.tuning.dialogues import Encoded, encode_dialogues
from lima_utils.tuning.dropout import residual_dropout
from lima_utils.tuning.lora import add_lora, merge_lora
from lima_utils.tuning.optimiser import RowMask, learning_rate, make_optimiser
from lima_utils.tuning.settings import BaseSettings, Recipe
from lima_utils.tuning.tokens import TurnTokens, add_turn_tokens

Dialogues = Sequence[Dialogue | Sequence[Message]]
OnEpoch = Callable[[int, PreTrainedModel], None]
"""Called after every epoch with its number, from 1, and the model as it is, in evaluation mode."""


@dataclass(frozen=True)
class Tuned:
    """What a tuning run left on disk."""

    final: Path
    """The last epoch's checkpoint."""
    history: pl.DataFrame
    """One row per step: step, epoch, loss, learning_rate, gradient_norm, tokens, labels."""
    trimmed: int
    seconds: float


@dataclass(frozen=True)
class TunedModel:
    """What a tuning run in memory returns; the base it started from is untouched."""

    model: PreTrainedModel
    tokenizer: PreTrainedTokenizerBase
    tokens: TurnTokens
    history: pl.DataFrame
    trimmed: int
    seconds: float


def tune(
    base: BaseSettings | Path,
    dialogues: Dialogues,
    recipe: Recipe,
    out: Path,
    seed: int,
    keep_epochs: Literal["all", "last"] = "all",
    on_epoch: OnEpoch | None = None,
) -> Tuned:
    """Tune a base on dialogues and write a checkpoint per epoch to ``out/epoch-NN`` (or of the last epoch alone)."""
    settings = base if isinstance(base, BaseSettings) else BaseSettings(model=str(base))
    model, tokenizer = load_model(settings.model, settings.revision, settings.dtype)
    start = time.perf_counter()

    def after_epoch(epoch: int, trained: PreTrainedModel, history: pl.DataFrame) -> None:
        if keep_epochs == "all" or epoch == recipe.epochs:
            facts = {"epoch": epoch, "seed": seed, "base": settings.model, "eot_token": recipe.eot_token}
            facts |= {"recipe": recipe.model_dump(mode="json"), "examples": encoded.counts()}
            write_checkpoint(out, epoch, trained, tokenizer, facts, history)
        if on_epoch is not None:
            on_epoch(epoch, trained)

    with _seeded(seed, model.device, recipe.threads):
        tokens = add_turn_tokens(model, tokenizer, recipe.eot_token, seed)
        encoded = encode_dialogues(tokenizer, dialogues, tokens.eot_id, recipe.max_tokens, recipe.loss_on)
        _, history = train(model, encoded, recipe, seed, tokens, after_epoch)
    return Tuned(epoch_folder(out, recipe.epochs), history, encoded.trimmed, time.perf_counter() - start)


def tune_model(
    model: PreTrainedModel,
    tokenizer: PreTrainedTokenizerBase,
    dialogues: Dialogues,
    recipe: Recipe,
    seed: int,
    on_epoch: OnEpoch | None = None,
) -> TunedModel:
    """Tune a copy of `model` in memory; nothing is written and the base stays as it was."""
    start = time.perf_counter()
    model, tokenizer = copy.deepcopy(model), copy.deepcopy(tokenizer)
    after_epoch = None if on_epoch is None else (lambda epoch, trained, _: on_epoch(epoch, trained))
    with _seeded(seed, model.device, recipe.threads):
        tokens = add_turn_tokens(model, tokenizer, recipe.eot_token, seed)
        encoded = encode_dialogues(tokenizer, dialogues, tokens.eot_id, recipe.max_tokens, recipe.loss_on)
        model, history = train(model, encoded, recipe, seed, tokens, after_epoch)
    return TunedModel(model, tokenizer, tokens, history, encoded.trimmed, time.perf_counter() - start)


def train(
    model: PreTrainedModel,
    encoded: Encoded,
    recipe: Recipe,
    seed: int,
    tokens: TurnTokens,
    after_epoch: Callable[[int, PreTrainedModel, pl.DataFrame], None] | None,
) -> tuple[PreTrainedModel, pl.DataFrame]:
    """Run the recipe on `model` in place; return it in evaluation mode (adapters merged) and its history."""
    trained: nn.Module = add_lora(model, recipe, tokens.new_ids) if recipe.method == "lora" else model
    rows = RowMask(model, tokens.new_ids) if recipe.embedding == "new-tokens" and recipe.method == "full" else None
    optimiser = make_optimiser(trained, recipe)
    parameters = [parameter for group in optimiser.param_groups for parameter in group["params"]]
    steps = recipe.epochs * math.ceil(len(encoded.examples) / recipe.batch)
    history: list[dict[str, Any]] = []
    with ExitStack() as stack:
        stack.enter_context(residual_dropout(model, recipe.residual_dropout))
        stack.enter_context(quick_attention(model))
        head = stack.enter_context(label_positions_only(model))
        if recipe.gradient_checkpointing:
            model.gradient_checkpointing_enable({"use_reentrant": False})
        for epoch in range(1, recipe.epochs + 1):
            trained.train()
            for batch in draw_batches(len(encoded.examples), recipe.batch, seed, epoch):
                chosen = [encoded.examples[index] for index in batch]
                labels = sum(example.labels for example in chosen)
                loss = torch.zeros((), device=model.device)
                for micro in micro_batches(chosen, recipe.micro_tokens, tokens.pad_id):
                    part = head.loss(trained, micro.to(model.device), recipe.precision) / labels
                    part.backward()
                    loss += part.detach()
                if rows is not None:
                    rows.apply()
                norm = nn.utils.clip_grad_norm_(parameters, recipe.clip_norm or math.inf)
                if not math.isfinite(loss.item()) or not math.isfinite(norm.item()):
                    raise StudyError(
                        f"step {len(history) + 1}: the loss is {loss.item()} and the gradient norm {norm.item()}; "
                        "lower tuning.learning_rate, set tuning.clip_norm or use precision fp32. "
                        "Checkpoints of earlier epochs are kept."
                    )
                rate = learning_rate(recipe, len(history), steps)
                for group in optimiser.param_groups:
                    group["lr"] = rate
                optimiser.step()
                optimiser.zero_grad(set_to_none=True)
                history.append(
                    {
                        "step": len(history) + 1,
                        "epoch": epoch,
                        "loss": loss.item(),
                        "learning_rate": rate,
                        "gradient_norm": norm.item(),
                        "tokens": sum(len(example.inputs) for example in chosen),
                        "labels": labels,
                    }
                )
            trained.eval()
            if after_epoch is not None:
                whole = merge_lora(copy.deepcopy(trained)) if isinstance(trained, PeftModel) else model
                after_epoch(epoch, whole, pl.DataFrame(history))
    model = merge_lora(trained) if isinstance(trained, PeftModel) else model
    return model.eval(), pl.DataFrame(history)


class LabelHead:
    """Computes the loss of a micro-batch with the output head applied to the positions that carry a label alone."""

    positions: torch.Tensor | None = None

    def gather(self, _: nn.Module, args: tuple[torch.Tensor, ...]) -> tuple[torch.Tensor, ...] | None:
        """Hand the head only the hidden states, [labels, width], whose prediction counts."""
        if self.positions is None:
            return None
        return (args[0].flatten(0, 1).index_select(0, self.positions), *args[1:])

    def loss(self, model: nn.Module, micro: MicroBatch, precision: Literal["bf16", "fp32"]) -> torch.Tensor:
        """Return the summed cross-entropy (nats, float32) of the micro-batch."""
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


@contextmanager
def _seeded(seed: int, device: torch.device, threads: int | None) -> Iterator[None]:
    """Within the block, dropout draws from `seed` and `threads` are used; the caller's state comes back afterwards."""
    before = torch.get_num_threads()
    with torch.random.fork_rng([device] if device.type == "cuda" else []):
        torch.manual_seed(seed)
        torch.set_flush_denormal(True)  # a confident small model's gradients underflow, which is slow on a CPU
        try:
            torch.set_num_threads(threads or before)
            yield
        finally:
            torch.set_num_threads(before)
            torch.set_flush_denormal(False)
