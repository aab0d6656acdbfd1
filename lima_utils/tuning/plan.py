"""Planning a run before paying for it: memory per GPU by part, steps, tokens, FLOPs, hours and cost."""

from collections.abc import Iterator
from dataclasses import dataclass
from math import ceil

from lima_utils.errors import StudyError
from lima_utils.tuning.settings import BaseSettings, Recipe
from lima_utils.tuning.shapes import Shape, read_shape

GIB = 2**30
GPUS: dict[str, tuple[float, float]] = {
    # memory in GiB, peak in 10¹² dense bf16 FLOP/s, from the makers' data sheets
    "rtx4090": (24, 165),
    "l40s": (48, 362),
    "a100-40": (40, 312),
    "a100": (80, 312),
    "h100": (80, 989),
    "h200": (141, 989),
    "b200": (180, 2250),
    "mi300x": (192, 1307),
}
USED_SHARE = 0.4
"""Share of the peak that training is expected to reach, recomputation included."""
RESERVE = 0.06
"""Share of a GPU's memory left to the driver, the communication buffers and fragmentation."""
LIMA_DIALOGUES, LIMA_TOKENS = 1000, 759_800  # LIMA table 1, rows summed
LOSS_BYTES = 10
"""Bytes per logit at the loss: in bf16, in float32 and as log-softmax; backwards, log-softmax and both gradients."""
NODE = 8
"""GPUs of one machine."""
LINKS = (300e9, 40e9)
"""Bytes per second that a GPU exchanges with the others within a machine (NVLink) and across (400 Gbit/s)."""


@dataclass(frozen=True)
class Plan:
    """What a run will take."""

    gpus: int
    gpu: str
    memory: dict[str, float]
    """Bytes per GPU by part, at the peak."""
    capacity: float
    """Bytes that one GPU gives."""
    steps: int
    tokens: int
    """Tokens read over all epochs."""
    flops: float
    """Of the model, 6 per active weight and token and attention; recomputation is not counted."""
    compute_hours: float
    exchange_hours: float
    """Weights gathered twice and gradients summed once, in float32, at every micro-batch."""

    @property
    def hours(self) -> float:
        """Expected duration: computing and exchanging overlap."""
        return max(self.compute_hours, self.exchange_hours)

    @property
    def peak(self) -> float:
        """Bytes per GPU."""
        return sum(self.memory.values())

    @property
    def fits(self) -> bool:
        """Whether a GPU holds it."""
        return self.peak <= self.capacity


def plan_run(
    base: BaseSettings,
    recipe: Recipe,
    gpus: int,
    gpu: str,
    dialogues: int = LIMA_DIALOGUES,
    tokens: int = LIMA_TOKENS,
) -> Plan:
    """Return the plan of a run on `gpus` GPUs of kind `gpu`, over so many dialogues and tokens an epoch."""
    if gpu not in GPUS:
        raise StudyError(f"--gpu {gpu!r} is unknown; there are {', '.join(GPUS)}.")
    size, peak = GPUS[gpu]
    shape = read_shape(base)
    mean = tokens / dialogues
    attention = 12 * shape.layers * shape.width * mean  # 4 products of s·d a layer, forward and twice back, half masked
    flops = recipe.epochs * tokens * (6 * shape.active_weights + attention)
    extra = 4 / 3 if recipe.gradient_checkpointing else 1.0
    steps = recipe.epochs * ceil(dialogues / recipe.batch)
    rounds = max(1, ceil(recipe.batch * mean / (gpus * recipe.micro_tokens)))
    exchanged = 8.0 * shape.weights * rounds if gpus > 1 and recipe.method == "full" else 0.0
    return Plan(
        gpus=gpus,
        gpu=gpu,
        memory=predict_memory(shape, base, recipe, gpus),
        capacity=size * GIB * (1 - RESERVE),
        steps=steps,
        tokens=recipe.epochs * tokens,
        flops=flops,
        compute_hours=flops * extra / (gpus * peak * 1e12 * USED_SHARE) / 3600,
        exchange_hours=steps * exchanged / LINKS[gpus > NODE] / 3600,
    )


def predict_memory(shape: Shape, base: BaseSettings, recipe: Recipe, gpus: int) -> dict[str, float]:
    """Return the bytes per GPU at the peak, by part: at the loss of the largest micro-batch, after the first.

    With checkpointing, the peak may instead be the recomputation of one layer; the larger of the two counts.
    """
    wide = base.dtype == "float32"
    lora = recipe.method == "lora"
    trained = _adapters(shape, recipe) if lora else shape.weights
    parts = 1 if lora else gpus  # adapters run whole on every GPU
    tokens = max(recipe.max_tokens, recipe.micro_tokens)
    loss, kept = float(shape.vocabulary * LOSS_BYTES), shape.layers * shape.kept_per_layer
    if recipe.gradient_checkpointing:
        loss, kept = max(loss, shape.kept_per_layer), float(shape.layers * shape.stream_bytes)
    copies = 2.0 * shape.weights if wide and parts == 1 else 0.0  # autocast keeps each matrix in bf16
    gathered = 2.0 * (shape.other_weights + 2 * shape.layer_weights) + 6.0 * shape.layer_weights
    return {
        "weights": (4.0 if wide else 2.0) * shape.weights / parts,
        "gradients": (4.0 if wide else 2.0) * trained / parts,
        "optimiser": (8.0 if wide else 6.0) * trained / parts,
        "gathered layers": gathered if parts > 1 else copies,
        "activations": tokens * (kept + shape.kept_besides),
        "loss": tokens * loss,
    }


def _adapters(shape: Shape, recipe: Recipe) -> float:
    """Return about how many weights LoRA trains: rank · (in + out) of every matrix, as if each were square."""
    return 2 * recipe.lora_rank * shape.layers * (shape.layer_weights / shape.width + 3 * shape.width)


def smallest_change(base: BaseSettings, recipe: Recipe, gpus: int, gpu: str) -> str | None:
    """Return the first of the changes, smallest first, that makes the run fit; None if none does."""
    for said, changed_base, changed_recipe, changed_gpus in _changes(base, recipe, gpus):
        if plan_run(changed_base, changed_recipe, changed_gpus, gpu).fits:
            return said
    return None


def _changes(base: BaseSettings, recipe: Recipe, gpus: int) -> Iterator[tuple[str, BaseSettings, Recipe, int]]:
    said: list[str] = []
    if recipe.micro_tokens > recipe.max_tokens:
        recipe = recipe.model_copy(update={"micro_tokens": recipe.max_tokens})
        said.append(f"tuning.micro_tokens: {recipe.max_tokens}")
        yield said[-1], base, recipe, gpus
    if not recipe.gradient_checkpointing:
        recipe = recipe.model_copy(update={"gradient_checkpointing": True})
        said.append("tuning.gradient_checkpointing: true")
        yield ", ".join(said), base, recipe, gpus
    if base.dtype == "float32":
        base = base.model_copy(update={"dtype": "bfloat16"})
        said.append("base.dtype: bfloat16")
        yield ", ".join(said), base, recipe, gpus
    more = gpus
    while recipe.method == "full" and (more := 2 * more) <= 1024:
        yield ", ".join([*said, f"{more} GPUs"]), base, recipe, more
    lora = recipe.model_copy(update={"method": "lora"})
    yield ", ".join([*said, "tuning.method: lora"]), base, lora, gpus


def write_plan(plan: Plan, price: float | None = None) -> str:
    """Return the plan as text: a line per part of the memory, then the run; `price` is per GPU and hour."""
    lines = [f"memory of each of {plan.gpus} × {plan.gpu}, GiB"]
    lines += [f"  {part:<16} {size / GIB:9.1f}" for part, size in plan.memory.items()]
    lines += [f"  {'together':<16} {plan.peak / GIB:9.1f} of {plan.capacity / GIB:.1f} usable"]
    lines += [f"steps {plan.steps:,}, tokens {plan.tokens:,}, {plan.flops:.2e} FLOPs"]
    lines += [f"expected {plan.hours:.1f} hours: computing {plan.compute_hours:.1f} at {USED_SHARE:.0%} of the peak, "]
    lines[-1] += f"exchanging {plan.exchange_hours:.1f} meanwhile"
    if price is not None:
        lines += [f"expected cost {plan.hours * plan.gpus * price:,.0f} at {price:g} a GPU and hour"]
    return "\n".join(lines)
