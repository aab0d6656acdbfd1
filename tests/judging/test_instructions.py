import pytest
from hypothesis import given
from hypothesis import strategies as st

from lima_utils.judging.instructions import (
    HELPFULNESS,
    PAIRWISE,
    ask_grade,
    ask_pairwise,
    label_of,
    read_label,
    read_score,
    read_verdict,
)


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        ("B is wrong.\nVerdict: A", ("first", "B is wrong.")),
        ("Both fail.\n\n**Verdict: neither**\n", ("tie", "Both fail.")),
        ("Verdict: B.", ("second", "")),
        ("Verdict: A\nThat is my verdict.", None),
        ("Verdict: A\nNo, wait.\nVerdict: B", None),
        ("Verdict: A or B", None),
        ("verdict: a", None),
        ("Verdict: C", None),
        ("", None),
    ],
)
def test_verdicts_are_read_from_the_last_line_alone(text, answer):
    assert read_verdict(text) == answer


@given(st.text(max_size=200))
def test_no_text_breaks_the_reader(text):
    for read in (read_verdict, read_label, read_score):
        found = read(text)
        assert found is None or len(found) == 2


def test_grades_are_read():
    assert read_label("Good.\nGrade: excellent") == ("excellent", "Good.")
    assert read_label("Grade: great") is None
    assert read_score("Clear.\nScore: 6") == (6, "Clear.")
    for text in ("Score: 7", "Score: 10", "Score: 0", "Score: 4.5", "Score: 4/6", "4"):
        assert read_score(text) is None
    assert [label_of(score) for score in range(1, 7)] == ["fail", "fail", "pass", "pass", "excellent", "excellent"]


def test_requests_show_texts_in_order_and_no_system():
    asked = ask_pairwise([{"role": "user", "content": "Why?"}], "one text", "other text")
    assert asked[0] == {"role": "system", "content": PAIRWISE}
    body = asked[1]["content"]
    assert body.index("Why?") < body.index("[Response A]\none text") < body.index("[Response B]\nother text")
    turns = [
        {"role": "user", "content": "Hi"},
        {"role": "assistant", "content": "Yes?"},
        {"role": "user", "content": "Why?"},
    ]
    body = ask_grade(turns, "text", HELPFULNESS)[1]["content"]
    assert "assistant: Yes?\n\nuser: Why?" in body
    assert ask_pairwise(turns, "a", "b", "own words")[0]["content"] == "own words"
