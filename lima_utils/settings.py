"""The base of every settings model: unknown keys refused, values never changed after they were read."""

from pydantic import BaseModel, ConfigDict


class Settings(BaseModel):
    """A strict, frozen group of settings; the groups of all stages together make a profile."""

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)
