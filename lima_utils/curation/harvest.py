"""What one reading of a source gathers: every row read ends as kept or as dropped with a reason, so that sums agree."""

from collections import Counter
from typing import Any, NamedTuple

from lima_utils.records import Dialogue


class Reject(NamedTuple):
    """A row that was dropped: what it is, the slug of the reason, and a hint for the reader."""

    id: str
    source: str
    reason: str
    detail: str | None = None


class Harvest:
    """The rows of one source as they are kept, dropped, or passed over in bulk."""

    def __init__(self, source: str) -> None:
        self.source = source
        self.kept: list[Dialogue] = []
        self.rejects: list[Reject] = []
        self.passed_over: Counter[str] = Counter()
        """Rows that belong to something else and are too many to list, by reason."""

    def reject(self, row_id: str, reason: str, detail: str | None = None) -> None:
        """Drop a row with the slug of its reason."""
        self.rejects.append(Reject(row_id, self.source, reason, detail[:200] if detail else None))

    def pass_over(self, reason: str, n: int = 1) -> None:
        """Count rows that are no candidates at all."""
        if n:
            self.passed_over[reason] += n

    def count(self) -> dict[str, Any]:
        """Return the funnel: candidates read, dropped by reason, kept; and beside it what was no candidate at all."""
        dropped = Counter(reject.reason for reject in self.rejects)
        return {
            "read": dropped.total() + len(self.kept),
            "dropped": dict(sorted(dropped.items())),
            "kept": len(self.kept),
            "passed_over": dict(sorted(self.passed_over.items())),
        }
