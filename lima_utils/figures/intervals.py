"""Points with their intervals, one per row: the forest plot."""

from collections.abc import Mapping, Sequence

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from lima_utils.errors import StudyError
from lima_utils.figures.style import GROUND, INK, MUTED, canvas, colour, percent_axis
from lima_utils.records import Estimate

MARKERS = "osD^v"


def draw_intervals(
    rows: Mapping[str, Estimate] | Mapping[str, Mapping[str, Estimate]],
    label: str,
    *,
    reference: float | None = None,
    reference_label: str = "",
    percent: bool = True,
    limits: tuple[float, float] | None = None,
) -> Figure:
    """Return a forest plot: one line of text per row, a point and its interval on a common axis named
    `label`.

    `rows` maps a row's text to its estimate, or to several estimates by series (series are told apart by
    colour and marker, and named in a legend). `reference` draws a dashed line, e.g. at chance. With
    `percent`, values are shares in 0 … 1 (or differences in −1 … 1). An estimate without interval is drawn as
    a hollow point; StudyError where there is none at all.
    """
    table = {text: {"": value} if isinstance(value, Estimate) else value for text, value in rows.items()}
    if not any(value.estimate is not None for values in table.values() for value in values.values()):
        raise StudyError(f"figure {label!r}: no estimate to draw; give at least one with a value.")
    series = list(dict.fromkeys(name for values in table.values() for name in values))
    named = len(series) > 1
    figure, (axes,) = canvas(0.95 + max(0.38, 0.26 * len(series)) * len(table) + (0.35 if named else 0))
    for row, values in enumerate(table.values()):
        for name, estimate in values.items():
            position = series.index(name)
            _draw_point(axes, estimate, row + (position - (len(series) - 1) / 2) * 0.8 / len(series), position)
    axes.set_yticks(range(len(table)), list(table))
    axes.set_ylim(len(table) - 0.5, -0.5)
    axes.tick_params(axis="y", length=0)
    axes.spines["left"].set_visible(False)
    axes.set_xlabel(label)
    low, high = limits or _limits([value for values in table.values() for value in values.values()], reference, percent)
    if percent:
        percent_axis(axes, "x", low, high)
    else:
        axes.set_xlim(low, high)
        axes.grid(axis="x")
    if reference is not None:
        _draw_reference(axes, reference, reference_label)
    if named:
        handles = [Line2D([], [], color=colour(i), marker=MARKERS[i % 5], label=name) for i, name in enumerate(series)]
        figure.legend(
            handles=handles, loc="outside upper left", frameon=False, fontsize=11.5, ncols=3, columnspacing=1.4
        )
    return figure


def _draw_point(axes: Axes, estimate: Estimate, y: float, position: int) -> None:
    if estimate.estimate is None:
        return
    shade = colour(position)
    bounded = False
    if estimate.low is not None and estimate.high is not None:
        bounded = True
        axes.plot([estimate.low, estimate.high], [y, y], color=shade, linewidth=2.2, solid_capstyle="round")
    axes.plot(
        estimate.estimate, y, MARKERS[position % 5], color=shade, markersize=7, markeredgewidth=1.5,
        markerfacecolor=shade if bounded else GROUND,
    )  # fmt: skip


def _draw_reference(axes: Axes, reference: float, text: str) -> None:
    axes.axvline(reference, color=INK, linewidth=1, linestyle=(0, (4, 3)), zorder=1)
    axes.annotate(
        text, (reference, 1), xycoords=("data", "axes fraction"), xytext=(0, 3), textcoords="offset points",
        ha="center", color=MUTED, fontsize=11,
    )  # fmt: skip


def _limits(estimates: Sequence[Estimate], reference: float | None, percent: bool) -> tuple[float, float]:
    """Return the axis' ends: 0 … 100 % for shares, else the data with a little air."""
    drawn = [x for e in estimates for x in (e.estimate, e.low, e.high) if x is not None]
    if reference is not None:
        drawn.append(reference)
    low, high = min(drawn), max(drawn)
    if percent and low >= 0 and high <= 1:
        return -0.01, 1.01
    air = 0.06 * ((high - low) or 1.0)
    return low - air, high + air
