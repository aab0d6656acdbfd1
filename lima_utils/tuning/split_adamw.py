"""AdamW for bf16 weights that loses no update: each weight keeps its lower 16 bits beside it.

LIMA's rate of 1e-5 moves a weight by far less than bf16 can show (8 bits of mantissa), so plain bf16 training stands
still. A float32 is a bf16 and 16 bits more: the model computes with the upper half, the optimiser puts both together,
steps in float32 and takes them apart again. With both moments in bf16 that is 10 bytes a weight, gradient included,
against 16 for float32 masters: a 7B model fits on one GPU of 80 GB.
"""

from collections.abc import Iterable
from typing import Any

import torch
from torch import nn
from torch.optim import Optimizer

from lima_utils.tuning.distributed import local_part

EPSILON = 1e-8
AT_ONCE = 2**24
"""Weights updated at once: an update takes seven numbers in float32 a weight beside the state, and the largest tensor
of a model, its embedding or all experts of a layer, would need gigabytes."""


class SplitAdamW(Optimizer):
    """AdamW (decoupled weight decay, bias correction; Loshchilov and Hutter 2019) over bf16 parameters."""

    def __init__(self, params: Iterable[Any], lr: float, betas: tuple[float, float]) -> None:
        super().__init__(params, {"lr": lr, "betas": betas, "weight_decay": 0.0})

    @torch.no_grad()
    def step(self, closure: None = None) -> None:  # type: ignore[override]
        """Take one step from the gradients that are there."""
        for group in self.param_groups:
            for parameter in group["params"]:
                if parameter.grad is not None:
                    self._update(parameter, group)

    def _update(self, parameter: nn.Parameter, group: dict[str, Any]) -> None:
        weight, gradient = local_part(parameter.detach()), local_part(parameter.grad)  # type: ignore[arg-type]
        state = self.state[parameter]
        if not state:
            state["step"] = torch.zeros(())
            state["exp_avg"], state["exp_avg_sq"] = torch.zeros_like(weight), torch.zeros_like(weight)
            state["low"] = torch.zeros_like(weight, dtype=torch.int16)
        state["step"] += 1
        tensors = (weight, gradient, *(local_part(state[key]) for key in ("low", "exp_avg", "exp_avg_sq")))
        rows = [torch.atleast_1d(tensor) for tensor in tensors]
        count = max(1, AT_ONCE // max(1, rows[0][:1].numel()))
        for first in range(0, len(rows[0]), count):
            _update_rows(float(state["step"]), group, *(tensor[first : first + count] for tensor in rows))


def _update_rows(
    step: float,
    group: dict[str, Any],
    weight: torch.Tensor,
    gradient: torch.Tensor,
    low: torch.Tensor,
    mean: torch.Tensor,
    square: torch.Tensor,
) -> None:
    """Update some rows of a parameter and of its state, in place."""
    (first, second), rate = group["betas"], group["lr"]
    gradient = gradient.float()
    new_mean = mean.float().lerp_(gradient, 1 - first)
    new_square = square.float().mul_(second).addcmul_(gradient, gradient, value=1 - second)
    mean.copy_(new_mean)
    square.copy_(new_square)
    exact = join_halves(weight, low).mul_(1 - rate * group["weight_decay"])
    scale = new_square.div_(1 - second**step).sqrt_().add_(EPSILON)
    exact.addcdiv_(new_mean, scale, value=-rate / (1 - first**step))
    for half, new in zip((weight, low), split_halves(exact), strict=True):
        half.copy_(new)


def join_halves(high: torch.Tensor, low: torch.Tensor) -> torch.Tensor:
    """Return the float32 whose bf16 rounding is `high` and whose distance from it, in last places, is `low` (int16)."""
    return ((high.view(torch.int16).int() << 16) + low.int()).view(torch.float32)


def split_halves(exact: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Return the nearest bf16 and the int16 that brings the float32 back, bit by bit."""
    bits = exact.view(torch.int32)
    high = (bits + 0x8000) >> 16
    return high.short().view(torch.bfloat16), (bits - (high << 16)).short()
