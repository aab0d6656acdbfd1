"""Which exchange belongs to which of LIMA's groups, and where its dump lies."""

import csv
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import get_args

from lima_utils.curation.dump import Dump
from lima_utils.curation.settings import Group
from lima_utils.errors import StudyError

POSTS = "Posts.xml"
COMMENTS = "Comments.xml"


@dataclass(frozen=True, slots=True)
class Exchange:
    """One site: its name is the host, e.g. ``coffee.stackexchange.com``."""

    name: str
    group: Group
    posts: Dump
    comments: Dump | None = None


def read_groups(path: Path) -> dict[str, Group]:
    """Read exchange → group from a CSV with columns exchange, group, reason and perhaps also (another host name).

    StudyError names a bad line.
    """
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
            if row.get("also"):
                groups[row["also"]] = group
    return groups


def find_exchanges(paths: Sequence[Path], groups: Mapping[str, Group]) -> list[Exchange]:
    """Return the exchanges found at `paths`, by name; an exchange in no list counts as `other`.

    A path is the folder of one exchange, a folder of such folders or archives, a ``Posts.xml``, or a ``.7z`` as
    distributed (``coffee.stackexchange.com.7z``, ``stackoverflow.com-Posts.7z``). StudyError where there is no
    dump or an exchange comes twice.
    """
    found: dict[str, Exchange] = {}
    for path in paths:
        for name, posts, comments in _find(path):
            if name in found:
                raise StudyError(f"{path}: the exchange {name} was given twice; give each exchange once.")
            found[name] = Exchange(name, groups.get(name, "other"), posts, comments)
    return [found[name] for name in sorted(found)]


def _find(path: Path) -> list[tuple[str, Dump, Dump | None]]:
    if not path.exists():
        raise StudyError(f"{path}: no such file or folder; give the folder or the .7z archive of an exchange.")
    if path.name == POSTS and path.is_file():
        path = path.parent
    if path.is_file() and path.suffix == ".7z":
        return [_find_in_archive(path)]
    if (path / POSTS).is_file():
        comments = path / COMMENTS
        return [(path.resolve().name, Dump(path / POSTS), Dump(comments) if comments.is_file() else None)]
    inside = sorted(path.iterdir()) if path.is_dir() else []
    dumps = [entry for entry in inside if (entry / POSTS).is_file() or entry.suffix == ".7z"]
    if not dumps:
        raise StudyError(
            f"{path}: no {POSTS} in it; give the folder of one exchange, named as the site "
            f"(coffee.stackexchange.com), with its {POSTS}, or its .7z archive."
        )
    return [dump for entry in dumps for dump in _find(entry)]


def _find_in_archive(path: Path) -> tuple[str, Dump, Dump | None]:
    from lima_utils.curation.archives import find_member  # py7zr takes long to import

    posts, comments = find_member(path, POSTS), find_member(path, COMMENTS)
    if posts is None:
        raise StudyError(f"{path}: no {POSTS} in this archive; give the archive that holds the posts.")
    return path.stem.removesuffix("-Posts"), Dump(path, posts), Dump(path, comments) if comments else None


def names(exchanges: Iterable[Exchange], group: Group) -> list[str]:
    """Return the names of the exchanges of one group."""
    return [exchange.name for exchange in exchanges if exchange.group == group]
