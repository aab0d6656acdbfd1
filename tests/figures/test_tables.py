import polars as pl
import pypandoc
import pytest

from lima_utils.errors import StudyError
from lima_utils.figures.tables import estimates_table, listing, number, p_value, percentage, table
from lima_utils.records import Estimate
from lima_utils.statistics.shares import net_preference, wilson


def test_table_is_one_pandoc_reads_cell_by_cell():
    frame = pl.DataFrame(
        {
            "a | b": ["x|y", None, "two\nlines"],
            "n": [1000, -2, 0],
            "share": [0.126, -0.001, None],
            "ok": [True, False, None],
        }
    )
    text = table(frame).data
    html = pypandoc.convert_text(text, "html", format="markdown")
    assert html.count("<td") == 12
    assert html.count("<tr") == 4
    for cell in ("a | b", "x|y", "two lines", "1,000", "−2", "0.13", "0.00", "yes", "no", "–"):
        assert f">{cell}</t" in html, cell
    assert 'text-align: right;">1,000' in html


def test_a_frame_without_columns_is_refused():
    with pytest.raises(StudyError, match="no column"):
        table(pl.DataFrame())


def test_numbers_in_words():
    assert percentage(wilson("x", 159, 300)) == "53 % [47, 59]"
    assert percentage(net_preference("x", 99, 126, 300)) == "−9 points [−19, +1]"
    assert percentage(Estimate("x", 0.5, None, None, None, None, "published"), 1) == "50.0 %"
    assert percentage(Estimate("x", None, None, None, None, None, "rule", verdict="not shown")) == "not shown"
    assert number(Estimate("x", -0.001, -1.0, 1.0, 0.95, 3, "m"), 1) == "0.0 [−1.0, 1.0]"
    assert number(Estimate("x", None, None, None, None, None, "m")) == "–"
    assert [listing(names) for names in ([], ["a"], ["a", "b"], "abc")] == ["none", "a", "a and b", "a, b and c"]
    assert [p_value(p) for p in (0.0001, 0.0049, 0.2)] == ["p < 0.001", "p = 0.005", "p = 0.20"]


def test_estimates_as_a_table():
    text = estimates_table([wilson("a.win", 1, 4)]).data
    assert "a.win" in text
    assert "25 % [5, 70]" in text
    assert "Wilson" in text
