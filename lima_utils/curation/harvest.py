"""What one reading of a source gathers: every candidate ends as kept or as dropped with a reason."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import polars as pl

from lima_utils.curation.funnel import EXCERPT, REJECTS, Funnel, Reject
from lima_utils.records import Dialogue, to_frame


@dataclass(frozen=True, slots=True)
class Shortlisted:
    """One row of a ranked shortlist, from which a reader may choose by hand as LIMA's authors did."""

    rank: int
    id: str
    score: int
    prompt: str
    response: str | None


@dataclass
class Harvest:
    """The rows of one source as they are kept, dropped, or passed over in bulk.

    `dialogues`, `rejects` and `funnel` are what every source of curation gives.
    """

    source: str
    unit: str
    """What the funnel counts, e.g. ``article``."""
    rules: tuple[str, ...]
    """Slugs of the reasons in the order in which the rules are applied."""
    kept: list[Dialogue] = field(default_factory=list)
    fallen: list[Reject] = field(default_factory=list)
    shortlist: list[Shortlisted] = field(default_factory=list)
    unlisted: Counter[str] = field(default_factory=Counter)
    """Candidates dropped by a rule under which so many fall that only their number is kept."""
    seen: Counter[str] = field(default_factory=Counter)
    """What is no candidate at all and too much to list (other threads, joined lines), by reason."""

    def reject(self, row_id: str, reason: str, text: str | None = None, score: int | None = None) -> None:
        """Drop a row with the slug of its reason, and what shows a reader which row it was."""
        excerpt = (text or "")[:EXCERPT]
        self.fallen.append(Reject(row_id, "", reason, score, len(text) if text else None, excerpt))

    def pass_over(self, reason: str, n: int = 1) -> None:
        """Count rows that are no candidates at all."""
        if n:
            self.seen[reason] += n

    @property
    def dialogues(self) -> pl.DataFrame:
        """The kept rows as a frame with the columns of :class:`Dialogue`."""
        return to_frame(self.kept, Dialogue)

    @property
    def rejects(self) -> pl.DataFrame:
        """The dropped rows with their reasons, in an order that does not depend on the input's."""
        return sort_rejects(self.fallen)

    @property
    def funnel(self) -> dict[str, Any]:
        """How many candidates entered, and at which rule how many fell."""
        dropped = Counter(reject.reason for reject in self.fallen) + self.unlisted
        order = [rule for rule in self.rules if rule in dropped]
        flaws = sorted(set(dropped) - set(order))  # of lines that could not be read: before any rule
        funnel, left = Funnel(seen=dict(self.seen)), dropped.total() + len(self.kept)
        for rule in flaws + order:
            left = funnel.drop(self.unit, rule, left, dropped[rule])
        return {"source": self.source, "kept": len(self.kept), "total": funnel.to_json()}


def sort_rejects(rejects: Sequence[Reject]) -> pl.DataFrame:
    """Return dropped rows with the columns of ``rejects.parquet``, in an order that does not depend on the input's."""
    return pl.DataFrame([asdict(reject) for reject in rejects], schema=REJECTS).sort(list(REJECTS))
