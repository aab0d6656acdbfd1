"""The systems of a profile answer its prompts: each gets the model it stands for, and a log to resume from."""

from collections.abc import Sequence
from pathlib import Path

from lima_utils.generation.responses import ResponseLog
from lima_utils.generation.settings import System
from lima_utils.generation.systems import model_print, respond
from lima_utils.records import Dialogue, Response
from lima_utils.study.paths import Paths
from lima_utils.study.profiles import Profile
from lima_utils.study.tunings import chosen_checkpoint


def answer(
    profile: Profile, paths: Paths, system: System, prompts: Sequence[Dialogue], demonstrations: Sequence[Dialogue]
) -> list[Response]:
    """Return the responses of one system to `prompts`; those that an interrupted run finished are not made again."""
    ready = give_model(profile, paths, system)
    made_of = model_print(Path(ready.model)) if ready.model and Path(ready.model).is_dir() else []
    settings = {
        "system": ready.model_dump(mode="json"),
        "sampling": profile.generation.model_dump(mode="json"),
        "seed": profile.seed,
        "model": made_of,
        "demonstrations": [dialogue.id for dialogue in demonstrations] if system.kind == "in-context" else [],
    }
    log = ResponseLog(paths.generation / system.name, settings)
    return respond(ready, prompts, profile.generation, profile.seed, demonstrations=demonstrations, log=log)


def give_model(profile: Profile, paths: Paths, system: System) -> System:
    """Return `system` with the model it stands for: the run's chosen checkpoint of that name, or the base."""
    if system.model is not None or system.kind in ("endpoint", "recorded", "chat"):
        return system
    if system.kind == "checkpoint":
        return system.model_copy(update={"model": str(chosen_checkpoint(paths, system.name))})
    return system.model_copy(update={"model": profile.base.model, "revision": profile.base.revision})
