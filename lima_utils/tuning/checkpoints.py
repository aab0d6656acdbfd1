"""Checkpoints: one folder per epoch, safetensors alone, complete or not there at all."""

from pathlib import Path
from typing import Any

import polars as pl
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from lima_utils.errors import StudyError
from lima_utils.files import read_json, replacing, write_json


def epoch_folder(out: Path, epoch: int) -> Path:
    """Return the folder of an epoch's checkpoint, epochs counted from 1."""
    return out / f"epoch-{epoch:02d}"


def write_checkpoint(
    out: Path,
    epoch: int,
    model: PreTrainedModel,
    tokenizer: PreTrainedTokenizerBase,
    facts: dict[str, Any],
    history: pl.DataFrame,
) -> Path:
    """Write model, tokenizer, generation settings, history and, last of all, ``manifest.json`` with `facts`."""
    folder = epoch_folder(out, epoch)
    with replacing(folder) as aside:
        model.save_pretrained(aside)
        tokenizer.save_pretrained(aside)
        history.write_parquet(aside / "history.parquet")
        write_json(aside / "manifest.json", facts)
    return folder


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
