"""The graph re-runs what depends on a change and nothing else, and survives being killed."""

import json
import os
import signal
import subprocess
import time
from pathlib import Path

import pytest
from conftest import SmallStudy

pytestmark = pytest.mark.slow

ALL = [
    "01-make-number",
    "02-sum-numbers",
    "w1-scale-number/quality-1",
    "w1-scale-number/quality-2",
    "w1-scale-number/quantity-1",
    "w1-scale-number/quantity-2",
]
WORKERS_AND_SUM = ALL[1:]


def test_only_dependants_of_a_change_run_again(small_study: SmallStudy) -> None:
    root = small_study.root
    assert small_study.graph() == ALL
    assert small_study.sum() == (2 + 7 + 1) * (1 + 10) * (1 + 2)
    assert small_study.graph() == []

    profile = root / "profiles/tiny.yaml"
    profile.write_text(profile.read_text() + "stamp: a test\n")
    assert small_study.graph() == ["02-sum-numbers"]

    module = root / "lima_utils/factors.py"
    module.write_text('"""A comment changes nothing."""\n' + module.read_text())
    assert small_study.graph() == []

    module.write_text("def times(a, b):\n    return 2 * a * b\n")
    assert small_study.graph() == WORKERS_AND_SUM
    assert small_study.sum() == 2 * 330

    (root / "data/number.txt").write_text("3")
    assert small_study.graph() == ALL
    assert small_study.sum() == 2 * 363
