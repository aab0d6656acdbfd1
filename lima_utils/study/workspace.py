"""What every notebook opens first: the profile, the paths of its run, and the repository as working directory."""

from dataclasses import dataclass
from pathlib import Path

from lima_utils.errors import StudyError
from lima_utils.study.order import maker_of
from lima_utils.study.paths import Paths, enter_root
from lima_utils.study.profiles import Profile, load_profile


@dataclass(frozen=True)
class Study:
    """One run of the study, as a notebook sees it."""

    profile: Profile
    paths: Paths

    def need(self, path: Path) -> Path:
        """Return `path` if it exists; else StudyError says which notebook makes it."""
        if not path.exists():
            raise StudyError(f"{path} is missing: run {maker_of(path, self.paths)} first.")
        return path


def open_study(profile: str, seed: int | None = None) -> Study:
    """Open the run of `profile` (a name in ``profiles/`` or a YAML file), wherever the notebook was started.

    A notebook's `seed`, where it is given, takes the place of the profile's.
    """
    enter_root()
    loaded = load_profile(profile)
    if seed is not None:
        loaded = loaded.model_copy(update={"seed": seed})
    return Study(loaded, Paths(loaded.name))
