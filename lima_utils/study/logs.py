"""The log that a system's answers are appended to: found again by all that shapes an answer."""

from collections.abc import Sequence
from pathlib import Path

from lima_utils.generation.responses import ResponseLog
from lima_utils.generation.settings import System
from lima_utils.generation.systems import model_print
from lima_utils.records import Dialogue
from lima_utils.study.profiles import Profile


def open_log(profile: Profile, folder: Path, system: System, demonstrations: Sequence[Dialogue] = ()) -> ResponseLog:
    """Open the log in `folder` of what `system`, with this model, these settings and this seed, has said so far."""
    settings = {
        "system": system.model_dump(mode="json"),
        "sampling": profile.generation.model_dump(mode="json"),
        "seed": profile.seed,
        "model": model_print(Path(system.model)) if system.model and Path(system.model).is_dir() else [],
        "demonstrations": [shown.messages for shown in demonstrations] if system.kind == "in-context" else [],
    }
    return ResponseLog(folder, settings)
