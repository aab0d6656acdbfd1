"""How the temperature spreads a sample over exchanges: dialogues of each at several τ."""

from collections.abc import Sequence

import polars as pl
from matplotlib.figure import Figure

from lima_utils.errors import StudyError
from lima_utils.figures.intervals import MARKERS
from lima_utils.figures.style import INK, RULE, canvas, colour

NAMED = 15
"""Exchanges of a group up to which each is named on the axis; beyond, their rank by size stands there."""


def draw_temperatures(frame: pl.DataFrame, columns: Sequence[str], group: str = "group") -> Figure:
    """Return one panel a group: the exchanges by size, largest first, and a line of dialogues for each of `columns`.

    `frame` has one row an exchange: `exchange`, `size`, the `group`, and the counts in `columns`, named as the legend
    shall. StudyError for an empty frame.
    """
    if frame.is_empty():
        raise StudyError("temperatures: no exchange to draw; give one row per exchange.")
    groups = list(frame[group].unique(maintain_order=True))
    longest = max(len(name) for name in frame["exchange"])
    named = frame.group_by(group).len()["len"].max() <= NAMED  # type: ignore[operator]
    figure, _ = canvas(2.4 * len(groups) + 0.5 + (0.07 * longest * len(groups) if named else 0))
    figure.clear()
    stacked = figure.subplots(len(groups), 1, squeeze=False)[:, 0]
    for axes, name in zip(stacked, groups, strict=True):
        part = frame.filter(pl.col(group) == name).sort(["size", "exchange"], descending=[True, False])
        places = range(1, len(part) + 1)
        for position, column in enumerate(columns):
            marker = MARKERS[position] if named else ""
            axes.plot(places, part[column], marker=marker, color=colour(position), label=column, linewidth=1.6)
        axes.set_ylim(0, 1.08 * max(1.0, part.select(columns).to_numpy().max()))
        axes.set_ylabel("dialogues", color=INK)
        axes.set_title(f"{name} ({len(part)})", fontsize=11.5, fontweight="bold", loc="left", color=INK)
        axes.grid(axis="y", color=RULE)
        if named:
            axes.set_xticks(places, part["exchange"], rotation=35, ha="right", fontsize=11)
        else:
            axes.set_xlabel("exchanges, largest first", color=INK)
        axes.spines[["top", "right"]].set_visible(False)
    handles, labels = stacked[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside upper left", frameon=False, fontsize=11.5, ncols=len(columns))
    return figure
