"""The one style of every figure: palette, type sizes, canvas.

Figures have an opaque white ground, so that they read the same on a light and on a dark page, and a width of
6 inches with 12-point type, so that they remain legible when a phone shows them at 360 pixels.
"""

import itertools
from collections.abc import Sequence
from typing import Any, cast

import matplotlib as mpl
import matplotlib.pyplot as plt
from cycler import cycler
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib_inline import backend_inline

WIDTH = 6.0
"""Width of a figure in inches."""

# Okabe & Ito (2008), "Color Universal Design": told apart under every common colour blindness. The yellow is
# left out, as it fades on white; the black comes last, as it reads as text.
PALETTE = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#56B4E9", "#E69F00", "#000000")
INK, MUTED, RULE, GROUND = "#1f2328", "#5b6470", "#d5d9de", "#ffffff"
OUTCOME_COLOURS = {"win": "#0072B2", "tie": "#c9ced6", "lose": "#D55E00"}
LABEL_COLOURS = {"excellent": "#0072B2", "pass": "#8ec6e6", "fail": "#D55E00"}

RC: dict[str, Any] = {
    "figure.dpi": 100,
    "figure.facecolor": GROUND,
    "savefig.facecolor": GROUND,
    "font.family": "sans-serif",
    "font.sans-serif": ["DejaVu Sans"],  # ships with matplotlib: the same figure on every machine
    "font.size": 12,
    "axes.titlesize": 12.5,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.labelsize": 12,
    "axes.labelcolor": INK,
    "axes.edgecolor": MUTED,
    "axes.linewidth": 0.8,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.axisbelow": True,
    "axes.prop_cycle": cycler(color=PALETTE),
    "text.color": INK,
    "xtick.color": MUTED,
    "ytick.color": MUTED,
    "xtick.labelcolor": INK,
    "ytick.labelcolor": INK,
    "xtick.labelsize": 11.5,
    "ytick.labelsize": 11.5,
    "grid.color": RULE,
    "grid.linewidth": 0.7,
    "lines.linewidth": 2.0,
    "legend.frameon": False,
    "legend.fontsize": 11.5,
    "svg.hashsalt": "lima",
}


def colour(position: int) -> str:
    """Return the palette's colour for the series at `position`, starting again after seven."""
    return PALETTE[position % len(PALETTE)]


def canvas(height: float, columns: int = 1, **options: Any) -> tuple[Figure, list[Axes]]:
    """Return an empty figure 6 inches wide and `height` inches high, and its axes side by side, in the
    study's style.

    The figure is closed in pyplot, so that a notebook shows it once, where the cell returns it. `options` go
    to ``pyplot.subplots``.
    """
    _sharpen()
    with mpl.rc_context(cast(Any, RC)):
        figure, axes = plt.subplots(1, columns, figsize=(WIDTH, height), layout="constrained", squeeze=False, **options)
    plt.close(figure)
    return figure, list(axes[0])


def percent_axis(axes: Axes, which: str = "x", low: float = 0.0, high: float = 1.0) -> None:
    """Label an axis of shares in percent and draw its quiet grid."""
    axis = axes.xaxis if which == "x" else axes.yaxis
    axis.set_major_formatter(mpl.ticker.PercentFormatter(1.0, decimals=0, symbol=" %"))
    axes.grid(axis="x" if which == "x" else "y")
    (axes.set_xlim if which == "x" else axes.set_ylim)(low, high)


def spread_labels(positions: Sequence[float], gap: float) -> list[float]:
    """Return label positions close to `positions`, in the same order, no two nearer than `gap`."""
    order = sorted(range(len(positions)), key=lambda i: positions[i])
    placed = [float(position) for position in positions]
    for _ in range(100):
        moved = False
        for lower, upper in itertools.pairwise(order):
            lack = gap - (placed[upper] - placed[lower])
            if lack > 1e-9 * max(gap, 1e-12):
                placed[lower] -= lack / 2
                placed[upper] += lack / 2
                moved = True
        if not moved:
            break
    return placed


def _sharpen() -> None:
    """Ask a notebook for pictures of double density, which state their true width; elsewhere do nothing."""
    try:
        from IPython import get_ipython
    except ImportError:
        return
    if get_ipython() is not None:
        backend_inline.set_matplotlib_formats("retina")  # type: ignore[no-untyped-call]
