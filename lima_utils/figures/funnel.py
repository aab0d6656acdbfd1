"""What remains after each rule of curation: one row per rule, one bar per source or exchange."""

import polars as pl
from matplotlib.figure import Figure

from lima_utils.errors import StudyError
from lima_utils.figures.style import INK, MUTED, RULE, canvas, colour


def draw_funnel(funnel: pl.DataFrame, rule: str = "rule", kept: str = "kept", group: str | None = None) -> Figure:
    """Return horizontal bars of what each rule left, rules from top to bottom, on a logarithmic axis.

    `funnel` has one row per rule in order (and per `group`, e.g. the source: then one panel each with its own rules,
    at most six, the largest first): column `rule` names it, `kept` counts what remained after it. The share that passed
    the rule stands behind the count: of the rows `entered`, where the frame has this column (rows may be counted in
    another unit from one rule on), else of the row before. StudyError where the frame is empty or a count rises.
    """
    if funnel.is_empty():
        raise StudyError("funnel: no row to draw; give one row per rule.")
    panels = _panels(funnel, kept, group)
    most = max(int(part[kept].max() or 0) for _, part in panels)  # type: ignore[arg-type]
    rows = [len(part) for _, part in panels]
    figure, _ = canvas(0.4 + 0.35 * len(panels) + 0.3 * sum(rows))
    figure.clear()
    # A title takes the height of about one bar.
    stacked = figure.subplots(len(panels), 1, sharex=True, squeeze=False, height_ratios=[n + 1 for n in rows])[:, 0]
    for position, (axes, (title, part)) in enumerate(zip(stacked, panels, strict=True)):
        before: int | None = None
        for row, count in enumerate(map(int, part[kept])):
            if before is not None and count > before:
                raise StudyError(f"funnel: {part[rule][row]!r} left {count} of {before}; a rule can only remove rows.")
            entered = int(part["entered"][row]) if "entered" in part.columns and before is not None else before
            passed = f"  {100 * count / entered:.0f} %" if entered else ""
            axes.barh(row, max(count, 0.8), color=colour(position), height=0.7)
            axes.annotate(
                f"{count:,}{passed}", (max(count, 0.8), row), xytext=(4, 0), textcoords="offset points", va="center",
                fontsize=11, color=INK, annotation_clip=False,
            )  # fmt: skip
            before = count
        axes.set_xscale("log")
        axes.set_xlim(0.8, max(most, 10) * 12)
        axes.set_yticks(range(len(part)), part[rule], fontsize=11.5, color=INK)
        axes.set_ylim(len(part) - 0.5, -0.5)
        axes.tick_params(axis="both", which="both", length=0)
        axes.tick_params(axis="x", labelbottom=position == len(panels) - 1, labelcolor=MUTED, labelsize=11)
        axes.spines[["top", "right", "left"]].set_visible(False)
        axes.spines["bottom"].set_color(RULE)
        axes.set_title(title, fontsize=11.5, fontweight="bold", loc="left", color=INK)
    stacked[-1].set_xlabel("rows left (logarithmic)", color=INK, fontsize=12)
    return figure


def _panels(funnel: pl.DataFrame, kept: str, group: str | None) -> list[tuple[str, pl.DataFrame]]:
    """Return title and rows of each panel."""
    if group is None:
        return [("", funnel)]
    order = funnel.group_by(group, maintain_order=True).agg(pl.col(kept).max()).sort(kept, descending=True)
    return [(str(name), funnel.filter(pl.col(group) == name)) for name in order[group].head(6)]
