"""The state of a run under way: enough to go on after a kill as if nothing had happened.

A state folder ``out/state-000123/`` holds the trained weights, the optimiser's moments, the random generators and the
history after that many steps, in safetensors and parquet. It appears in one step when it is whole, and the older one
goes afterwards, so whatever moment a run dies at, one whole state is there. Data order needs no state: it follows from
seed and epoch.
"""

import hashlib
import json
import shutil
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import polars as pl
import torch
from safetensors.torch import load_file, save_file
from torch import nn

from lima_utils.files import read_json, replacing, write_json
from lima_utils.tuning.dialogues import Encoded
from lima_utils.tuning.distributed import Ranks, as_part_of, local_part
from lima_utils.tuning.settings import BaseSettings, Recipe

OPTIMISER_STATE = ("exp_avg", "exp_avg_sq", "step", "low")


def fingerprint(base: BaseSettings, recipe: Recipe, encoded: Encoded, seed: int) -> str:
    """Return what tells one run from another: base, recipe, seed, tokens and the source of tuning itself."""
    digest = hashlib.sha256(json.dumps([base.model_dump(), recipe.model_dump(), seed], sort_keys=True).encode())
    for path in sorted(Path(base.model).glob("*.safetensors")):
        digest.update(f"{path.name} {path.stat().st_size} {path.stat().st_mtime_ns}".encode())
    for path in sorted(Path(__file__).parent.glob("*.py")):
        digest.update(path.read_bytes())
    for example in encoded.examples:
        digest.update(example.inputs.numpy().tobytes() + example.targets.numpy().tobytes())
    return digest.hexdigest()


class StateFolder:
    """Keeps the newest state of one run in its output folder."""

    def __init__(self, out: Path, print_: str, every: int | None, ranks: Ranks) -> None:
        self.out, self.every, self.ranks = out, every, ranks
        self.print = f"{print_}, {ranks.count} ranks"  # each rank keeps its own part, so their number must be the same

    def clear_leftovers(self) -> None:
        """Remove what a killed run left half-written, and states of runs with other settings."""
        if self.ranks.rank == 0:
            for path in self.out.glob(".*.partial"):
                shutil.rmtree(path, ignore_errors=True)
            self._remove(path for path in self.out.glob("state-*") if self._step_of(path) is None)
        self.ranks.wait()

    def newest(self) -> Path | None:
        """Return the newest whole state of this run."""
        whole = [path for path in self.out.glob("state-*") if self._step_of(path) is not None]
        return max(whole, default=None)

    def save(self, trained: nn.Module, optimiser: torch.optim.Optimizer, history: list[dict[str, Any]]) -> None:
        """Write the state after ``len(history)`` steps; older states go once it is whole."""
        tensors = {"rng.cpu": torch.get_rng_state()}
        if torch.cuda.is_available():
            tensors["rng.cuda"] = torch.cuda.get_rng_state()
        for name, parameter in _trained(trained):
            tensors[f"parameter.{name}"] = local_part(parameter.detach())
            for key, value in optimiser.state[parameter].items():
                tensors[f"{key}.{name}"] = local_part(value)
        tensors = {name: tensor.contiguous() for name, tensor in tensors.items()}
        target = self.out / f"state-{len(history):06d}"
        if self.ranks.rank == 0:
            with replacing(target) as aside:
                aside.mkdir()
                self.ranks.share(aside)
                save_file(tensors, aside / self._file)
                self.ranks.wait()
                pl.DataFrame(history).write_parquet(aside / "history.parquet")
                write_json(aside / "manifest.json", {"fingerprint": self.print, "step": len(history)})
            self._remove(path for path in self.out.glob("state-*") if path != target)
        else:
            save_file(tensors, self.ranks.share(target) / self._file)
            self.ranks.wait()
        self.ranks.wait()

    def load(self, trained: nn.Module, optimiser: torch.optim.Optimizer) -> list[dict[str, Any]]:
        """Put the newest state into model, optimiser and generators; return its history, empty if there is none."""
        folder = self.newest()
        if folder is None:
            return []
        tensors = load_file(folder / self._file)
        with torch.no_grad():
            for name, parameter in _trained(trained):
                local_part(parameter).copy_(tensors[f"parameter.{name}"])
                parts = {key: tensors.get(f"{key}.{name}") for key in OPTIMISER_STATE}
                optimiser.state[parameter] = {
                    key: as_part_of(parameter, part.to(parameter.device))
                    for key, part in parts.items()
                    if part is not None
                }
        torch.set_rng_state(tensors["rng.cpu"])
        if "rng.cuda" in tensors:
            torch.cuda.set_rng_state(tensors["rng.cuda"])
        return pl.read_parquet(folder / "history.parquet").to_dicts()

    def finish(self) -> None:
        """Remove the state: the run is done and its checkpoints hold all that matters."""
        if self.ranks.rank == 0:
            self._remove(self.out.glob("state-*"))

    @property
    def _file(self) -> str:
        return f"rank-{self.ranks.rank:04d}.safetensors"

    def _step_of(self, folder: Path) -> int | None:
        path = folder / "manifest.json"
        manifest = read_json(path, "tuning") if path.exists() else {}
        return int(manifest["step"]) if manifest.get("fingerprint") == self.print else None

    @staticmethod
    def _remove(folders: Iterable[Path]) -> None:
        for folder in list(folders):
            shutil.rmtree(folder)


def _trained(model: nn.Module) -> list[tuple[str, nn.Parameter]]:
    return [(name, parameter) for name, parameter in model.named_parameters() if parameter.requires_grad]
