"""Checkpoints: one folder per epoch, safetensors alone, complete or not there at all."""

import shutil
from pathlib import Path
from typing import Any, Literal

import polars as pl
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from lima_utils.errors import StudyError
from lima_utils.files import ensure_directory, read_json, replacing, write_json


def epoch_folder(out: Path, epoch: int) -> Path:
    """Return the folder of an epoch's checkpoint, epochs counted from 1."""
    return out / f"epoch-{epoch:02d}"


def read_manifest(folder: Path) -> dict[str, Any]:
    """Return a checkpoint's manifest; StudyError where the folder is no whole checkpoint."""
    manifest = read_json(folder / "manifest.json", "`python -m lima_utils.tuning`")
    if not isinstance(manifest, dict):
        raise StudyError(f"{folder / 'manifest.json'}: expected an object; tune again to make it.")
    return manifest


def list_checkpoints(out: Path) -> dict[int, Path]:
    """Return the whole checkpoints of a run by epoch."""
    return {
        int(path.parent.name.removeprefix("epoch-")): path.parent for path in sorted(out.glob("epoch-*/manifest.json"))
    }


class RunFolder:
    """The checkpoints of one run; those of a run with other settings go when the first of this one is whole."""

    def __init__(self, out: Path, epochs: int, keep: Literal["all", "last"], facts: dict[str, Any]) -> None:
        """Look at `out`; `facts` go into every manifest, and their ``fingerprint`` tells this run from others."""
        self.out, self.epochs, self.keep, self.facts = ensure_directory(out), epochs, keep, facts
        prints = {epoch: read_manifest(folder).get("fingerprint") for epoch, folder in list_checkpoints(out).items()}
        self.finished = prints.get(epochs) == facts["fingerprint"]
        self._stale = [epoch for epoch, its_print in prints.items() if its_print != facts["fingerprint"]]

    @property
    def final(self) -> Path:
        """The last epoch's folder."""
        return epoch_folder(self.out, self.epochs)

    def wants(self, epoch: int) -> bool:
        """Say whether this epoch's checkpoint is to be kept."""
        return self.keep == "all" or epoch == self.epochs

    def write(
        self,
        epoch: int,
        model: PreTrainedModel,
        tokenizer: PreTrainedTokenizerBase,
        history: pl.DataFrame,
        weights: dict[str, Any] | None = None,
    ) -> None:
        """Write model (or its gathered `weights`), tokenizer, history and, last of all, ``manifest.json``."""
        with replacing(epoch_folder(self.out, epoch)) as aside:
            model.save_pretrained(aside, state_dict=weights)
            tokenizer.save_pretrained(aside)
            history.write_parquet(aside / "history.parquet")
            write_json(aside / "manifest.json", {**self.facts, "epoch": epoch})
        while self._stale:
            if (other := self._stale.pop()) != epoch:
                shutil.rmtree(epoch_folder(self.out, other), ignore_errors=True)
