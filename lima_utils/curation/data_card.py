"""The data card: README.md beside an assembled set, in the form that the Hugging Face hub and `datasets` read."""

import json
from collections.abc import Sequence
from typing import Any

import polars as pl
import yaml

from lima_utils.curation.licences import UNKNOWN, count_licences
from lima_utils.curation.source_settings import AssemblySettings

_SPLIT_NAMES = {"train": "train", "dev": "validation", "test": "test"}


def write_card(
    dialogues: pl.DataFrame,
    ledger: pl.DataFrame,
    masked: pl.DataFrame,
    funnel: Sequence[dict[str, Any]],
    settings: AssemblySettings,
    seed: int,
) -> str:
    """Return the card of an assembled set: contents, how it was made, personal data, licences, how to load it."""
    splits = [split for split in _SPLIT_NAMES if split in dialogues["split"]]
    files = [{"split": _SPLIT_NAMES[split], "path": f"{split}.jsonl"} for split in splits]
    front = {
        "pretty_name": "Dialogues curated as LIMA was",
        "license": "other",
        "license_name": "per-row",
        "task_categories": ["text-generation"],
        "configs": [{"config_name": "default", "data_files": files}],
    }
    unknown = ledger.filter(pl.col("license") == UNKNOWN).height
    return "\n".join(
        [
            "---",
            yaml.safe_dump(front, sort_keys=False).strip(),
            "---",
            "# Dialogues curated as LIMA was",
            "",
            f"{dialogues.height:,} rows: " + ", ".join(_count_split(dialogues, split) for split in splits) + ".",
            "A row's `messages` alternate between user and assistant; training rows end with the assistant, test rows "
            "with the user.",
            "",
            "## Contents",
            "",
            *_table(
                ("split", "source", "group", "rows", "offered", "left out"),
                [
                    (e["split"], e["source"], e["group"] or "", e["taken"], e["offered"], _list_reasons(e["dropped"]))
                    for e in funnel
                ],
            ),
            "",
            "## How it was made",
            "",
            f"Seed {seed}. A row was left out if it repeats one taken before it (test first, then development, then "
            "training): the same prompt or text, or a Jaccard similarity of word 5-grams of "
            f"{settings.near_duplicate:g} or more; and a training row if it shares {settings.ngram} words in a row "
            "with an evaluated prompt. `rejects.parquet` lists every row left out with its reason.",
            "",
            "## Personal data",
            "",
            *_describe_masks(masked, settings),
            "",
            "## Licences",
            "",
            "Every row keeps the licence of its source. `ledger.csv` names author, address, licence, date and changes "
            "of each row, as attribution asks; pass it on with the data.",
            *([f"The licence of {unknown:,} rows is unknown: clear them before publishing."] if unknown else []),
            "",
            *_table(("source", "licence", "rows"), count_licences(ledger).iter_rows()),
            "",
            "## Loading",
            "",
            "```python",
            "from datasets import load_dataset",
            f'load_dataset("json", data_files={json.dumps({file["split"]: file["path"] for file in files})})',
            "```",
            "",
            "TRL reads the column `messages` as it is; in Axolotl: `type: chat_template`, `field_messages: messages`, "
            "`message_property_mappings: {role: role, content: content}`.",
            "",
        ]
    )


def _count_split(dialogues: pl.DataFrame, split: str) -> str:
    return f"{dialogues.filter(pl.col('split') == split).height:,} {_SPLIT_NAMES[split]}"


def _list_reasons(dropped: dict[str, int]) -> str:
    return ", ".join(f"{n:,} {reason.replace('_', ' ')}" for reason, n in dropped.items()) or "none"


def _describe_masks(masked: pl.DataFrame, settings: AssemblySettings) -> list[str]:
    if not settings.masks:
        return ["Not looked for."]
    kinds = ", ".join(settings.masks)
    if masked.is_empty():
        return [f"Looked for ({kinds}) by rules, none found; rules miss things."]
    counted = masked.group_by("kind").agg(pl.col("n").sum(), pl.len().alias("rows")).sort("kind")
    return [
        f"Looked for ({kinds}) by rules and replaced by `[email]`, `[phone]`, `[key]`, `[ip]`; rules miss things.",
        "",
        *_table(("kind", "found", "in rows"), counted.iter_rows()),
    ]


def _table(header: Sequence[str], rows: Any) -> list[str]:
    cells = [[f"{cell:,}" if isinstance(cell, int) else str(cell).replace("|", "\\|") for cell in row] for row in rows]
    return [f"| {' | '.join(row)} |" for row in [list(header), ["---"] * len(header), *cells]]
