"""Settings of curation: which dumps, which of LIMA's rules with which limits, how many dialogues."""

from pathlib import Path
from typing import Literal

from pydantic import Field, PositiveInt, model_validator

from lima_utils.curation.source_settings import AssemblySettings, SourcesSettings
from lima_utils.settings import Settings

EXCHANGES_FILE = Path(__file__).resolve().parents[2] / "data" / "exchanges.csv"

Group = Literal["stem", "other", "discarded"]


class StackExchangeSettings(Settings):
    """How Stack Exchange dumps become dialogues; the defaults are LIMA §2.1 to the letter."""

    filtered: bool = True
    """False gives the paper's unfiltered ablation (LIMA §5): a random answer of any question, no rules."""
    min_score: int = 10
    """Lowest score of an answer (LIMA §2.1: at least 10)."""
    answer_chars: tuple[int, int] = (1200, 4096)
    """Fewest and most characters of an answer after cleaning, both allowed (LIMA §2.1)."""
    first_person: bool = True
    """Drop answers written in the first person singular (LIMA §2.1)."""
    references: bool = True
    """Drop answers that refer to other answers, comments or the site (LIMA §2.1)."""
    self_contained: bool = True
    """Drop questions whose title cannot be understood alone (LIMA §2.1)."""
    prompt: Literal["either", "title", "description"] = "either"
    """What the user says: the question's title or its description, at random by seed (LIMA §2.1)."""
    tau: float = Field(default=3.0, gt=0)
    """Temperature of the draw over exchanges, p ∝ n^(1/τ); infinity: all are equal (LIMA §2.1: 3)."""
    n_stem: int | None = Field(default=None, ge=0)
    """Dialogues to draw from the STEM exchanges (LIMA: 200); None takes all that pass."""
    n_other: int | None = Field(default=None, ge=0)
    """Dialogues to draw from the other exchanges (LIMA: 200); None takes all that pass."""
    exchanges_file: Path = EXCHANGES_FILE
    """CSV with columns exchange, group (stem, other, discarded), reason."""
    groups: dict[str, Group] = Field(default_factory=dict)
    """Groups of exchanges that the file does not list, or lists otherwise."""
    skip_damaged: bool = False
    """Leave out and count rows that cannot be read, instead of refusing the dump."""

    @model_validator(mode="after")
    def _order_limits(self) -> "StackExchangeSettings":
        low, high = self.answer_chars
        if not 0 <= low <= high:
            raise ValueError(f"answer_chars {low}..{high}: the lower must be at least 0 and at most the upper")
        return self


class CommentSettings(Settings):
    """How the comments under an answer become a dialogue of several turns."""

    n: int = Field(default=20, ge=0)
    """Dialogues to choose (LIMA §2.2: 20)."""
    answers: StackExchangeSettings = StackExchangeSettings(min_score=3, answer_chars=(200, 4096))
    """Rules for the opening question and answer: looser than LIMA's for single turns, as only 20 are wanted."""
    reply_chars: int = Field(default=60, ge=1)
    """Fewest characters of a reply in the comments."""
    longest: int = Field(default=4, ge=1)
    """Most exchanges to take from one chain."""


class AblationSettings(Settings):
    """The sets of the paper's ablations of quality, diversity and quantity (LIMA §5)."""

    n: int = Field(default=2000, ge=1)
    """Dialogues of the filtered, the unfiltered and the wikiHow set."""
    quantities: tuple[PositiveInt, ...] = (2000, 4000, 8000, 16000, 32000)
    """Sizes of the filtered sets of the ablation of quantity."""


class CurationSettings(Settings):
    """All of curation: the dumps to read and the settings of each source."""

    dumps: tuple[Path, ...] = ()
    """Folders of Stack Exchange dumps, one exchange each."""
    stackexchange: StackExchangeSettings = StackExchangeSettings()
    """How Stack Exchange dumps become dialogues."""
    comments: CommentSettings = CommentSettings()
    """How comment chains of the same dumps become dialogues of several turns."""
    sources: SourcesSettings = SourcesSettings()
    """The files of every other source, and how they are read."""
    messages: tuple[Path, ...] = ()
    """JSON lines files of training dialogues of one's own, in the `messages` form; short for `sources.own`."""
    assembly: AssemblySettings | None = None
    """How many dialogues of which source make up the set; None takes whatever the sources give."""
    lima_rows: Path | None = None
    """LIMA's released training rows, beside which the set's diversity is shown where the file exists."""
