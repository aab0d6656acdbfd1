"""Stacked bars of exclusive outcomes, as in LIMA's Figure 1: win / tie / lose, or excellent / pass / fail."""

from collections.abc import Mapping, Sequence

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Patch

from lima_utils.errors import StudyError
from lima_utils.figures.style import GROUND, INK, LABEL_COLOURS, OUTCOME_COLOURS, canvas, colour, percent_axis
from lima_utils.records import Estimate


def draw_shares(
    rows: Mapping[str, Sequence[Estimate]],
    outcomes: Sequence[str] = ("win", "tie", "lose"),
    names: Sequence[str] | None = None,
) -> Figure:
    """Return one stacked bar per row, its segments the shares in `rows` in the order of `outcomes`.

    A thin line across the end of the first segment and across the start of the last one shows its interval
    where the estimate has one. `names` are the legend's texts (the outcomes themselves by default). Segments
    of 5 % and more carry their percentage. StudyError where shares do not sum to 1 (rounded percentages may
    miss it by 0.015).
    """
    for text, shares in rows.items():
        values = [share.estimate for share in shares if share.estimate is not None]
        if len(values) != len(outcomes) or abs(sum(values) - 1) > 0.0151:
            raise StudyError(f"{text}: shares {values} do not sum to 1 over {', '.join(outcomes)}; give all outcomes.")
    if not rows:
        raise StudyError("bars: nothing to draw; give at least one row of shares.")
    shades = {**OUTCOME_COLOURS, **LABEL_COLOURS}
    colours = [shades.get(outcome, colour(i)) for i, outcome in enumerate(outcomes)]
    figure, (axes,) = canvas(1.05 + 0.48 * len(rows))
    for row, shares in enumerate(rows.values()):
        _draw_row(axes, row, shares, colours)
    axes.set_yticks(range(len(rows)), list(rows))
    axes.set_ylim(len(rows) - 0.5, -0.5)
    axes.tick_params(axis="y", length=0)
    axes.spines["left"].set_visible(False)
    percent_axis(axes, "x", 0, 1)
    handles = [Patch(color=shade, label=name) for shade, name in zip(colours, names or outcomes, strict=True)]
    figure.legend(
        handles=handles,
        loc="outside upper left",
        frameon=False,
        fontsize=11.5,
        ncols=len(handles),
        handlelength=1,
        columnspacing=1.4,
    )
    return figure


def _draw_row(axes: Axes, row: int, shares: Sequence[Estimate], colours: Sequence[str]) -> None:
    left = 0.0
    for share, shade in zip(shares, colours, strict=True):
        width = share.estimate or 0.0
        axes.barh(row, width, left=left, height=0.62, color=shade, edgecolor=GROUND, linewidth=1)
        if width >= 0.05:
            dark = shade in ("#0072B2", "#D55E00", "#009E73", "#000000")
            axes.text(
                left + width / 2, row, f"{100 * width:.0f}", ha="center", va="center", fontsize=11.5,
                color=GROUND if dark else INK,
            )  # fmt: skip
        left += width
    first, last = shares[0], shares[-1]
    if first.low is not None and first.high is not None:
        axes.plot([first.low, first.high], [row + 0.2] * 2, color=INK, linewidth=1.4, marker="|", markersize=6)
    if last.low is not None and last.high is not None:
        axes.plot([1 - last.high, 1 - last.low], [row - 0.2] * 2, color=INK, linewidth=1.4, marker="|", markersize=6)
