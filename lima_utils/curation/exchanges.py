"""Which exchange belongs to which of LIMA's groups, and where its dump lies."""

import csv
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import get_args

from lima_utils.curation.settings import Group
from lima_utils.errors import StudyError


@dataclass(frozen=True, slots=True)
class Exchange:
    """One site: its name is the host, e.g. ``coffee.stackexchange.com``."""

    name: str
    group: Group
    posts: Path


def read_groups(path: Path) -> dict[str, Group]:
    """Read exchange → group from a CSV with columns exchange, group, reason; StudyError names a bad line."""
    if not path.is_file():
        raise StudyError(f"{path} is missing: expected a CSV with the columns exchange, group, reason.")
    groups: dict[str, Group] = {}
    with path.open(encoding="utf-8", newline="") as lines:
        for number, row in enumerate(csv.DictReader(lines), start=2):
            name = row.get("exchange")
            group = next((known for known in get_args(Group) if known == row.get("group")), None)
            if not name or group is None or name in groups:
                raise StudyError(
                    f"{path}: line {number}: expected a new exchange and {', '.join(get_args(Group))}, "
                    f"got {name!r} and {row.get('group')!r}; correct the line."
                )
            groups[name] = group
    return groups


def find_exchanges(directories: Sequence[Path], groups: dict[str, Group]) -> list[Exchange]:
    """Return the exchanges found in `directories`, by name; an exchange in no list counts as `other`.

    StudyError where a directory holds no ``Posts.xml`` or an exchange comes twice.
    """
    found: dict[str, Exchange] = {}
    for directory in directories:
        name = directory.resolve().name
        posts = directory / "Posts.xml"
        if not posts.is_file():
            raise StudyError(
                f"{directory}: no Posts.xml in it; give the folder of one exchange, named as the site "
                "(coffee.stackexchange.com), with its Posts.xml."
            )
        if name in found:
            raise StudyError(f"{directory}: the exchange {name} was given twice; give each exchange once.")
        found[name] = Exchange(name, groups.get(name, "other"), posts)
    return [found[name] for name in sorted(found)]


def names(exchanges: Iterable[Exchange], group: Group) -> list[str]:
    """Return the names of the exchanges of one group."""
    return [exchange.name for exchange in exchanges if exchange.group == group]
