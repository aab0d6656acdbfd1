"""Checks."""

from pathlib import Path


def check_book(root: Path) -> list[str]:
    """Check."""
    return []
