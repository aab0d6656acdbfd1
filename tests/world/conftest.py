"""A world small enough to build for every test session."""

import pytest
from transformers import PreTrainedTokenizerFast

from lima_utils.world.facts import World, build_world
from lima_utils.world.settings import People, WorldSettings
from lima_utils.world.tokenizer import build_tokenizer


@pytest.fixture(scope="session")
def small_settings() -> WorldSettings:
    people = People(tunable=40, known_dev=8, known_test=12, unknown_dev=8, unknown_test=12)
    return WorldSettings(seed=3, cities=10, people=people)


@pytest.fixture(scope="session")
def small_world(small_settings: WorldSettings) -> World:
    return build_world(small_settings)


@pytest.fixture(scope="session")
def small_tokenizer(small_world: World) -> PreTrainedTokenizerFast:
    return build_tokenizer(small_world)
