"""Fixtures that every room's tests share."""

from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="session")
def root() -> Path:
    """The repository root."""
    return ROOT


@pytest.fixture(scope="session")
def realdata() -> Path:
    """Real dumps, rows and verdicts that may lie beside the checkout; tests skip where they do not."""
    path = ROOT.parent / "shared" / "realdata"
    if not path.is_dir():
        pytest.skip("no real data beside this checkout (../shared/realdata)")
    return path
