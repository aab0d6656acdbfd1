"""Tables and numbers in words: frames as Markdown that Quarto and pandoc both show, estimates as text."""

import re
from collections.abc import Collection, Iterable
from html import unescape

import polars as pl
from IPython.display import Markdown

from lima_utils.errors import StudyError
from lima_utils.records import Estimate

MISSING = "–"
_SIGNS = re.compile(r"""[\\`*_{}\[\]<>$@^~#!&'"|]|-(?=-)|\.(?=\.)""")
"""What Markdown may read as markup within a cell; runs of dashes and dots, and quotes, for the sake of typography."""


def table(frame: pl.DataFrame, digits: int = 2, markup: Collection[str] = ()) -> Markdown:
    """Return `frame` as a Markdown pipe table: numbers to the right, floats with `digits` decimals, nulls as
    a dash.

    Column names are the headings. Text is shown as it is, whatever a model or a forum wrote; only the columns named
    in `markup` are Markdown (so `**bold**` and `[@key]` work in them). StudyError where there is no column, or a
    column of `markup` is not there.
    """
    if not frame.columns:
        raise StudyError("table: the frame has no column; select at least one.")
    if strange := sorted(set(markup) - set(frame.columns)):
        raise StudyError(f"table: no column {strange[0]!r} to read as Markdown; there are {', '.join(frame.columns)}.")
    rows = [
        [
            _cell(_text(value, digits)) if name in markup else escape(_text(value, digits))
            for name, value in zip(frame.columns, row, strict=True)
        ]
        for row in frame.iter_rows()
    ]
    heads = [escape(name) for name in frame.columns]
    # Where a line is long, pandoc shares the width out by the rules' lengths: give long texts more of it.
    widths = [max(4, min(48, max(len(unescape(cell)) for cell in column))) for column in zip(heads, *rows, strict=True)]
    numeric = [dtype.is_numeric() for dtype in frame.dtypes]
    rules = ["-" * width + ":" if right else ":" + "-" * width for width, right in zip(widths, numeric, strict=True)]
    lines = [_line(cells) for cells in (heads, rules, *rows)]
    return Markdown("\n".join(lines))  # type: ignore[no-untyped-call]


def estimates_table(estimates: Iterable[Estimate], percent: bool = True) -> Markdown:
    """Return estimates as a table of name, value with interval, n and method."""
    rows = [
        {"estimate": e.name, "value": percentage(e) if percent else number(e), "n": e.n, "method": e.method}
        for e in estimates
    ]
    return table(
        pl.DataFrame(rows, schema={"estimate": pl.String, "value": pl.String, "n": pl.Int64, "method": pl.String})
    )


def percentage(estimate: Estimate, digits: int = 0) -> str:
    """Return a share in words, e.g. ``53 % [47, 59]``, a difference of shares as ``+9 points [−1, +19]``."""
    if estimate.estimate is None:
        return estimate.verdict or MISSING
    sign = "+" if "difference" in estimate.unit else ""
    middle = f"{_signed(100 * estimate.estimate, digits, sign)} {'points' if sign else '%'}"
    if estimate.low is None or estimate.high is None:
        return middle
    low, high = _signed(100 * estimate.low, digits, sign), _signed(100 * estimate.high, digits, sign)
    return f"{middle} [{low}, {high}]"


def number(estimate: Estimate, digits: int = 2) -> str:
    """Return a number in words, e.g. ``3.83 [3.55, 4.11]``."""
    if estimate.estimate is None:
        return estimate.verdict or MISSING
    middle = _signed(estimate.estimate, digits)
    if estimate.low is None or estimate.high is None:
        return middle
    return f"{middle} [{_signed(estimate.low, digits)}, {_signed(estimate.high, digits)}]"


def p_value(p: float) -> str:
    """Return a p-value in words, e.g. ``p = 0.03`` or ``p < 0.001``."""
    return "p < 0.001" if p < 0.001 else f"p = {p:.3f}" if p < 0.01 else f"p = {p:.2f}"


def listing(names: Iterable[str]) -> str:
    """Return names in a row: ``a, b and c``; ``none`` where there is none."""
    given = list(names)
    return " and ".join([", ".join(given[:-1]), given[-1]] if len(given) > 1 else given or ["none"])


def _signed(value: float, digits: int, sign: str = "") -> str:
    """Return a number with a true minus sign and no minus zero."""
    return f"{round(value, digits) + 0.0:{sign}.{digits}f}".replace("-", "−")


def _text(value: object, digits: int) -> str:
    if value is None:
        return MISSING
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return _signed(value, digits)
    if isinstance(value, int):
        return f"{value:,}".replace("-", "−")
    if isinstance(value, (list, tuple)):
        return ", ".join(_text(item, digits) for item in value)
    return str(value)


def escape(text: str) -> str:
    """Return Markdown that reads as `text`, on one line.

    Signs become character references, which no reader of Markdown takes for markup. Colons in a row stay colons, but
    are kept apart by a comment: Quarto warns of every word that holds three, taking it for the fence of a block.
    """
    told = _SIGNS.sub(lambda sign: f"&#{ord(sign[0])};", " ".join(text.split()))
    return re.sub(":(?=:)", ":<!-- -->", told)


def _cell(text: str) -> str:
    return " ".join(text.replace("|", "\\|").split())


def _line(cells: list[str]) -> str:
    return "| " + " | ".join(cells) + " |"
