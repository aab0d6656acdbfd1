"""The list of exchanges, and where dumps are found."""

import csv
from collections import Counter
from pathlib import Path

import pytest

from lima_utils.curation.exchanges import find_exchanges, read_groups
from lima_utils.curation.settings import EXCHANGES_FILE
from lima_utils.errors import StudyError


def test_the_list_has_the_papers_sizes_and_reasons() -> None:
    with EXCHANGES_FILE.open(encoding="utf-8", newline="") as lines:
        rows = list(csv.DictReader(lines))
    assert Counter(row["group"] for row in rows) == {"stem": 75, "other": 99, "discarded": 5}  # LIMA §2.1
    assert all(row["reason"] for row in rows)
    hosts = [row["exchange"] for row in rows] + [row["also"] for row in rows if row["also"]]
    assert len(hosts) == len(set(hosts))
    assert all(host == host.lower().strip() and "." in host for host in hosts)
    groups = read_groups(EXCHANGES_FILE)
    assert groups["writers.stackexchange.com"] == groups["writing.stackexchange.com"] == "other"
    assert groups["quantumcomputing.stackexchange.com"] == "stem"


@pytest.mark.parametrize("line", ["a.org,sport,x", ",stem,x", "b.org,stem,x"])
def test_a_bad_line_is_named(line: str, tmp_path: Path) -> None:
    path = tmp_path / "list.csv"
    path.write_text(f"exchange,group,reason\nb.org,other,y\n{line}\n")
    with pytest.raises(StudyError, match=r"list\.csv: line 3"):
        read_groups(path)
    with pytest.raises(StudyError, match="is missing"):
        read_groups(tmp_path / "none.csv")


def test_dumps_are_found_by_folder_file_or_parent(tmp_path: Path) -> None:
    for name in ("b.example.org", "a.example.org"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "Posts.xml").write_text("<posts/>")
    (tmp_path / "a.example.org" / "Comments.xml").write_text("<comments/>")
    (tmp_path / "notes").mkdir()
    by_parent = find_exchanges([tmp_path], {"b.example.org": "stem"})
    one_by_one = find_exchanges(
        [tmp_path / "b.example.org" / "Posts.xml", tmp_path / "a.example.org"], {"b.example.org": "stem"}
    )
    assert by_parent == one_by_one
    assert [(found.name, found.group) for found in by_parent] == [("a.example.org", "other"), ("b.example.org", "stem")]
    assert by_parent[0].comments is not None
    assert by_parent[1].comments is None
    with pytest.raises(StudyError, match="twice"):
        find_exchanges([tmp_path, tmp_path / "a.example.org"], {})
    with pytest.raises(StudyError, match=r"no Posts\.xml"):
        find_exchanges([tmp_path / "notes"], {})
