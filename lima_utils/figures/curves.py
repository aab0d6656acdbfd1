"""A measure over the number of examples: lines on a logarithmic axis with bands, labelled where they end."""

import itertools
import math
from collections.abc import Mapping, Sequence

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from lima_utils.errors import StudyError
from lima_utils.figures.style import GROUND, INK, MUTED, canvas, colour, percent_axis, spread_labels
from lima_utils.records import Estimate


def draw_curves(
    series: Mapping[str, Mapping[float, Estimate]],
    xlabel: str,
    ylabel: str,
    *,
    reference: float | None = None,
    reference_label: str = "",
    log: bool = True,
    percent: bool = True,
    limits: tuple[float, float] | None = None,
) -> Figure:
    """Return one line per series over its keys (e.g. K, the number of examples), the interval as a band.

    `series` maps a name to `{x: estimate}`; names stand at the right end of their lines. With `log` the axis
    is logarithmic and x = 0 stands one step left of the smallest positive x. With
    `percent` values are shares. `reference` draws a dashed line, e.g. at chance. StudyError where no series
    holds a value.
    """
    kept = {
        name: {x: e for x, e in sorted(points.items()) if e.estimate is not None} for name, points in series.items()
    }
    kept = {name: points for name, points in kept.items() if points}
    if not kept:
        raise StudyError(f"figure {ylabel!r}: no estimate to draw; give at least one series with a value.")
    figure, (axes,) = canvas(3.6)
    place = _Axis(sorted({x for points in kept.values() for x in points}), log)
    for position, points in enumerate(kept.values()):
        _draw_series(axes, [place(x) for x in points], list(points.values()), colour(position))
    axes.set_xticks([place(x) for x in place.ticks], [f"{x:g}" for x in place.ticks])
    axes.minorticks_off()
    axes.set_xlabel(xlabel)
    axes.set_ylabel(ylabel)
    values = [
        v for points in kept.values() for e in points.values() for v in (e.estimate, e.low, e.high) if v is not None
    ]
    shares = percent and min(values) >= 0 and max(values) <= 1
    air = 0.06 * ((max(values) - min(values)) or 1.0)
    low, high = limits or ((-0.02, 1.02) if shares else (min(values) - air, max(values) + air))
    if percent:
        percent_axis(axes, "y", low, high)
    else:
        axes.set_ylim(low, high)
        axes.grid(axis="y")
    if reference is not None:
        axes.axhline(reference, color=INK, linewidth=1, linestyle=(0, (4, 3)), zorder=1)
        axes.annotate(
            reference_label, (0, reference), xycoords=("axes fraction", "data"), xytext=(3, 3),
            textcoords="offset points", color=MUTED, fontsize=11, bbox={"facecolor": GROUND, "alpha": 0.75,
            "edgecolor": "none", "pad": 1},
        )  # fmt: skip
    _name_lines(axes, kept, 0.062 * (high - low))
    return figure


class _Axis:
    """Where an x lands: log10, with 0 one step (at most a decade) to the left; or x itself."""

    def __init__(self, xs: Sequence[float], log: bool) -> None:
        positive = [x for x in xs if x > 0]
        self.log = log and bool(positive)
        steps = [math.log10(b / a) for a, b in itertools.pairwise(positive)] if self.log else []
        self.zero = math.log10(positive[0]) - min([1.0, *steps[:1]]) if self.log else 0.0
        self.ticks = _thin([(self(x), x) for x in xs])

    def __call__(self, x: float) -> float:
        """Return the position of x on the axis."""
        if not self.log:
            return float(x)
        return math.log10(x) if x > 0 else self.zero


def _thin(places: Sequence[tuple[float, float]]) -> list[float]:
    """Return the xs to label: all, or those that leave a ninth of the axis between two labels."""
    gap = (places[-1][0] - places[0][0]) / 9
    kept: list[tuple[float, float]] = []
    for place in places:
        if not kept or place[0] - kept[-1][0] >= gap:
            kept.append(place)
    return [x for _, x in kept]


def _draw_series(axes: Axes, xs: Sequence[float], estimates: Sequence[Estimate], shade: str) -> None:
    middle = [e.estimate for e in estimates if e.estimate is not None]
    axes.plot(xs, middle, color=shade, marker="o", markersize=5)
    bounded = [
        (x, e.low, e.high) for x, e in zip(xs, estimates, strict=True) if e.low is not None and e.high is not None
    ]
    if len(bounded) > 1:
        left, low, high = zip(*bounded, strict=True)
        axes.fill_between(left, low, high, color=shade, alpha=0.18, linewidth=0)
    elif bounded:
        x, low_, high_ = bounded[0]
        axes.plot([x, x], [low_, high_], color=shade, linewidth=2)


def _name_lines(axes: Axes, kept: Mapping[str, Mapping[float, Estimate]], gap: float) -> None:
    """Write each series' name at the right of its last point, moved apart where lines end together."""
    ends = [list(points.values())[-1].estimate or 0.0 for points in kept.values()]
    for position, (name, y) in enumerate(zip(kept, spread_labels(ends, gap), strict=True)):
        axes.annotate(
            name, (1, y), xycoords=("axes fraction", "data"), xytext=(5, 0), textcoords="offset points",
            color=colour(position), va="center", fontsize=11.5, fontweight="bold", annotation_clip=False,
        )  # fmt: skip
