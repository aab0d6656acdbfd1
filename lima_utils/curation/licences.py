"""The licence ledger: for every dialogue who wrote it, where, under which licence, when, and what was changed.

Creative Commons' attribution licences ask for the author, the source, the licence, and a note of changes (CC BY-SA 4.0,
section 3(a)); the ledger is that notice, row by row, for whoever passes the assembled set on.
"""

import polars as pl

UNKNOWN = "unknown"

_CHANGES = {
    "stackexchange": "shortened to one question and its best answer; links, images and tags removed",
    "stackexchange-comments": "shortened to one question, its best answer and the comments of their two authors; "
    "links, images, tags and names removed",
    "wikihow": "title turned into a question; links, images and some sections removed",
    "writingprompts": "tag, links and later remarks removed",
    "askreddit": "title only; its address to the readers removed",
    "natural-instructions": "definition and example restyled by a template",
    "lima": "none",
    "authored-a": "none",
    "authored-b": "none",
    "authored-dialogues": "none",
}
_OTHER_CHANGES = "none but masked personal data"


def write_ledger(dialogues: pl.DataFrame) -> pl.DataFrame:
    """Return the ledger of `dialogues` (columns of Dialogue): one row each, in the same order.

    Columns: id, split, source, author, url, license, revised, changes and `notice`, the sentence to show. What a source
    does not tell is "unknown", never left out.
    """
    known = dialogues.select(
        "id",
        "split",
        "source",
        *(pl.col(name).fill_null(UNKNOWN) for name in ("author", "url", "license", "revised")),
        pl.col("source").replace_strict(_CHANGES, default=_OTHER_CHANGES).alias("changes"),
    )
    notice = pl.format("By {} ({}), {}, as of {}; changes: {}.", "author", "url", "license", "revised", "changes")
    return known.with_columns(notice.alias("notice"))


def count_licences(ledger: pl.DataFrame) -> pl.DataFrame:
    """Return the number of dialogues under each licence by source, with columns source, license and n."""
    return ledger.group_by("source", "license").agg(pl.len().alias("n")).sort("source", "license")
