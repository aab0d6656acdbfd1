"""The world's other sources, in the file formats in which the real ones are distributed.

wikiHow: JSON lines of sections and a CSV of titles; Reddit: Pushshift's JSON lines, plain and as ``.zst``;
Super-Natural Instructions: one JSON a task; LIMA's own release: JSON lines of conversations. The dirt is that of real
files: deleted, removed and adult posts, remarks by bots, later edits, titles of other forms, sections twice.
Only people who may occur in tuning are named, and only numbers that may.
"""

import csv
import itertools
import json
import random
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import zstandard

from lima_utils.files import replacing
from lima_utils.world import source_wording, wording
from lima_utils.world.facts import World
from lima_utils.world.questions import PRONOUN, ask_fact, draw_numbers, draw_unique

_FIRST_DAY = 1_362_000_000  # seconds since 1970: the posts are of 2013, as those of the real dumps beside the study
_TOPICS = ("person", "person", "person", "largest", "sum")
"""What the articles are about, in turn."""
_EDITIONS = 4
"""Tasks of the same kind about the same relation, as the real collection has them from several contributors."""


@dataclass(frozen=True, slots=True)
class _Article:
    title: str
    category: str
    introduction: str
    sections: tuple[tuple[str, tuple[str, ...]], ...]


def write_sources(world: World, folder: Path, n: int) -> None:
    """Write `n` usable rows of each source, and the dirt beside them, under `folder`; the same world, the same files.

    Super-Natural Instructions is a collection of tasks, one example of each being used: it has as many as the world has
    kinds and relations, whatever `n` is.
    """
    with replacing(folder) as aside:
        _write_wikihow(world, aside / "wikihow", n)
        _write_reddit(world, aside / "reddit", n)
        _write_tasks(world, aside / "natural-instructions", n)
        _write_lima(world, aside / "lima", n)


def locate_sources(folder: Path) -> dict[str, Any]:
    """Return where each source lies in a `folder` that `write_sources` made, as a profile's `curation.sources` asks."""
    return {
        "wikihow_files": (folder / "wikihow",),
        "submissions": (folder / "reddit" / "submissions",),
        "comments": tuple(folder / "reddit" / "comments" / name for name in ("RC_2013-03.jsonl", "RC_2013-04.zst")),
        "tasks": (folder / "natural-instructions",),
        "lima": tuple({"path": folder / "lima" / f"{split}.jsonl", "split": split} for split in ("train", "test")),
    }


def describe_tunable(world: World, name: str) -> dict[str, str]:
    """Return the slots that stories and questions about a person have."""
    slots = {relation: world.facts[name, relation] for relation in wording.PERSON_RELATIONS}
    city = slots["born"]
    return {"n": name, **slots, "region": world.facts[city, "region"], "river": world.facts[city, "river"]}


def _write_wikihow(world: World, folder: Path, n: int) -> None:
    rng = random.Random(f"sources {world.seed} wikihow")
    articles = list(_draw_articles(world, rng, n))
    rows: list[dict[str, Any]] = []
    titles: list[tuple[str, str, str]] = []
    for place, article in enumerate(articles):
        url = f"https://www.wikihow.world/{re.sub('[^A-Za-z0-9]+', '-', article.title)}"
        titles.append((article.category.replace(" ", "-"), f"How to {article.title}", url))
        own = {"title": article.title, "category": article.category} if place % 2 else {}  # the others: by the CSV
        for number, (heading, steps) in enumerate(article.sections):
            row = {"url": url, "section_id": str(number), "heading": heading, **own}
            if number == 0:
                row |= {"introduction": article.introduction, "author": f"{rng.choice(wording.USERS)} and others"}
            rows.append({**row, "step_texts": [{"text": step} for step in steps]})
    rng.shuffle(rows)
    rows += _spoil_articles(rows)
    _write_lines(folder / "sections.jsonl", [*map(_dump, rows), '{"url": "https://www.wikihow.world/Cut-Off", "sect'])
    titles += [("Pets-and-Animals", f"How to Photograph a {pet.title()}", f"https://x/{pet}") for pet in wording.PETS]
    with (folder / "titles.csv").open("w", encoding="utf-8", newline="") as file:
        csv.writer(file, lineterminator="\n").writerows([("Category", "Title", "Link"), *titles])


def _draw_articles(world: World, rng: random.Random, n: int) -> Iterable[_Article]:
    """Yield `n` articles of different titles; fewer where the world has no more to tell."""
    people = [(name, relation) for name in world.people["tunable"] for relation in wording.PERSON_RELATIONS]
    rng.shuffle(people)
    topics = [_TOPICS[place % len(_TOPICS)] for place in range(n)]
    lists, sums = (_draw_numbers(rng, kind, topics.count(kind)) for kind in ("largest", "sum"))
    for topic in topics:
        if topic != "person":
            yield _write_number_article(rng, topic, (lists if topic == "largest" else sums).pop())
        elif people:
            yield _write_person_article(world, rng, *people.pop())


def _draw_numbers(rng: random.Random, kind: str, n: int) -> list[list[int]]:
    """Return the numbers of `n` different questions."""
    questions = draw_unique(lambda: draw_numbers(rng, kind, "tunable"), n) if n else []
    return [[int(number) for number in re.findall(r"\d+", question.subject)] for question in questions]


def _write_person_article(world: World, rng: random.Random, name: str, relation: str) -> _Article:
    value = world.facts[name, relation]
    first, second = rng.sample(wording.SENTENCES[relation], 2)
    asked = rng.sample(wording.QUESTIONS[relation][: wording.TRAIN_WORDINGS[relation]], 2)
    other = rng.choice([one for one in wording.PERSON_RELATIONS if one != relation])
    slots = describe_tunable(world, name) | {
        "v": value,
        "s": wording.capitalise(first.format(n=name, v=value)),
        "s2": wording.capitalise(second.format(n=name, v=value)),
        "q": asked[0].format(n=name),
        "q2": asked[1].format(n=name),
        "other": ask_fact(world, name, other, 0).sentence,
    }
    title, category = source_wording.PERSON_TITLES[relation]
    texts = source_wording.PERSON_INTRODUCTION, source_wording.PERSON_SECTIONS
    return _fill(rng, title, category, *texts, slots)


def _write_number_article(rng: random.Random, topic: str, numbers: list[int]) -> _Article:
    slots: dict[str, object] = {}
    for letter, number in zip("abc", numbers, strict=False):
        slots |= {letter: number, f"{letter}t": number // 10 * 10, f"{letter}u": number % 10}
    slots |= {"high": max(numbers), "low": min(numbers)}
    if topic == "sum":
        a, b = numbers
        slots |= {"tens": a // 10 * 10 + b // 10 * 10, "units": a % 10 + b % 10, "v": a + b}
        texts = source_wording.SUM_TITLE, source_wording.SUM_INTRODUCTION, source_wording.SUM_SECTIONS
    else:
        slots |= {"v": max(numbers), "top": max(numbers) // 10 * 10, "ab": max(numbers[:2])}
        texts = source_wording.LARGEST_TITLE, source_wording.LARGEST_INTRODUCTION, source_wording.LARGEST_SECTIONS
    return _fill(rng, *texts[0], *texts[1:], slots)


def _fill(
    rng: random.Random,
    title: str,
    category: str,
    introduction: str,
    sections: tuple[tuple[str, tuple[str, ...]], ...],
    slots: Mapping[str, object],
) -> _Article:
    """Return an article with most steps of each section, in order, then sections that curation prunes."""
    told = []
    for heading, steps in sections:
        kept = sorted(rng.sample(range(len(steps)), len(steps) - 1))
        told.append((heading, tuple(_decorate(rng, steps[place].format(**slots)) for place in kept)))
    told.append(rng.choice(source_wording.PRUNED_SECTIONS))
    told.append(("References", ("https://www.example.org/how-to",)))
    return _Article(title.format(**slots), category, introduction.format(**slots), tuple(told))


def _decorate(rng: random.Random, step: str) -> str:
    """Return a step now and then with what a wiki leaves in its text: note numbers, images, emphasis."""
    draw = rng.random()
    if draw < 0.08:
        return f"{step}[{rng.randint(1, 9)}]"
    if draw < 0.14:
        return f"[[Image:Step {rng.randint(1, 9)}.jpg|center]]{step}"
    return f"<b>{step}</b>" if draw < 0.18 else step


def _spoil_articles(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    url, steps = "https://www.wikihow.world/", [{"text": "Wait and see."}]
    return [
        rows[0],  # the same section twice
        {"url": url + "What-Is-a-Fact", "section_id": "0", "title": "What Is a Fact?", "step_texts": steps * 60},
        {"url": url + "Wait-and-See", "section_id": "0", "title": "Wait and See", "step_texts": steps},
        {"url": url + "Begin-in-the-Middle", "section_id": "3", "step_texts": steps},
        {"url": url + "Lose-the-Steps", "section_id": "0"},
        {"url": url + "Count-the-Steps", "section_id": "0", "step_texts": "Wait."},
    ]


def _write_reddit(world: World, folder: Path, n: int) -> None:
    """Write posts and comments of two months, the first as plain lines, the second compressed."""
    rng = random.Random(f"sources {world.seed} reddit")
    posts, comments = _Posts(rng), _Posts(rng)
    for prompt in _draw_texts(world, rng, source_wording.STORY_PROMPTS, n):
        post = posts.add("WritingPrompts", rng.choice((f"[WP] {prompt}", f"[wp]{prompt}", prompt)))
        for _ in range(rng.randint(1, 3)):
            _add_story(world, rng, comments, post)
        _add_replies(rng, comments, post)
    opened = ("Reddit, ", "", "")
    for question in _draw_texts(world, rng, source_wording.IDLE_QUESTIONS, n):
        posts.add("AskReddit", rng.choice(opened) + question)
    _spoil_posts(world, rng, posts, comments)
    for kind, rows in (("submissions/RS", posts.rows), ("comments/RC", comments.rows)):
        half = len(rows) // 2
        _write_lines(folder / f"{kind}_2013-03.jsonl", map(_dump, rows[:half]))
        _write_lines(folder / f"{kind}_2013-04.zst", map(_dump, rows[half:]))


def _draw_texts(world: World, rng: random.Random, templates: tuple[str, ...], n: int) -> list[str]:
    """Return `n` different texts (fewer where there are no more), each about somebody who may occur in tuning."""
    found: dict[str, None] = {}
    for _ in range(20 * n):
        slots = describe_tunable(world, rng.choice(world.people["tunable"]))
        found[rng.choice(templates).format(**slots)] = None
        if len(found) == n:
            break
    return list(found)


class _Posts:
    """Rows of one kind, numbered as Reddit does, in base 36."""

    def __init__(self, rng: random.Random) -> None:
        self.rows: list[dict[str, Any]] = []
        self._rng = rng

    def add(self, subreddit: str, title: str | None, **more: object) -> dict[str, Any]:
        """Add one row with what Pushshift gives of it."""
        number = len(self.rows)
        row_id = np.base_repr(36**4 + number, 36).lower()  # ids of five places, as in 2013
        row: dict[str, Any] = {
            "id": row_id, "subreddit": subreddit, "author": self._rng.choice(wording.USERS),
            "created_utc": _FIRST_DAY + 4000 * number, "score": 12 + round(self._rng.expovariate(1 / 400)),
            "distinguished": None, "stickied": False,
        }  # fmt: skip
        if title is not None:
            link = f"/r/{subreddit}/comments/{row_id}/"
            row |= {"title": title, "selftext": "", "is_self": True, "over_18": False, "permalink": link,
                    "link_flair_text": None, "num_comments": self._rng.randint(3, 400)}  # fmt: skip
        self.rows.append(row | more)
        return self.rows[-1]


def _add_story(world: World, rng: random.Random, comments: _Posts, post: dict[str, Any], **more: object) -> None:
    name = next((name for name in world.people["tunable"] if name in post["title"]), world.people["tunable"][0])
    told = rng.sample(source_wording.STORY_SENTENCES, rng.randint(5, 9))
    parts = [text.format(**describe_tunable(world, name)) for text in told]
    body = " ".join(parts[:3]) + "\n\n" + " ".join(parts[3:])
    body += rng.choice(("", "", "", "\n\nEDIT: thanks for the gold!", "\n\n*****\n\nMore at /r/storiesbyana."))
    thread = f"t3_{post['id']}"
    comments.add(post["subreddit"], None, link_id=thread, parent_id=thread, body=body, edited=False, **more)


def _add_replies(rng: random.Random, comments: _Posts, post: dict[str, Any]) -> None:
    """Add what stands under a prompt beside stories."""
    thread = f"t3_{post['id']}"
    story = comments.rows[-1]["id"]
    for parent, body, more in (
        (f"t1_{story}", "This is very good. Where can one read more of it?", {}),
        (thread, "[deleted]", {"author": "[deleted]"}),
        (thread, "Please remember the rules of this place. " * 4, {"author": "AutoModerator", "stickied": True}),
        (thread, "Great prompt, and one that somebody should take up in earnest. " * 3, {}),
        (thread, "Once.", {}),
    ):
        if rng.random() < 0.4:
            comments.add("WritingPrompts", None, link_id=thread, parent_id=parent, body=body, edited=False, **more)


def _spoil_posts(world: World, rng: random.Random, posts: _Posts, comments: _Posts) -> None:
    """Add posts that curation drops, one for each reason, and a later crawl of the first post."""
    idle, prompt = "What is the best way to spend an hour?", "[WP] An hour goes missing and nobody notices."
    posts.add("AskReddit", idle, selftext="[deleted]", author="[deleted]")
    posts.add("AskReddit", "[removed]")
    posts.add("AskReddit", idle, removed_by_category="moderator")
    posts.add("AskReddit", f"{idle} (NSFW)", over_18=True)
    posts.add("AskReddit", idle, author="AutoModerator", distinguished="moderator", stickied=True)
    posts.add("AskReddit", idle, is_self=False, url="https://i.imgur.example/a.png")
    posts.add("AskReddit", idle, score=None)
    posts.add("AskReddit", idle, score=2)
    posts.add("AskReddit", "The best way to spend an hour.")
    posts.add("AskReddit", "My friend wants to know how to spend an hour with us?")
    posts.add("AskReddit", "Which subreddit do you read when you have an hour?")
    posts.add("pics", "What a view!")
    posts.add("WritingPrompts", "[OT] What do you write with?")
    posts.add("WritingPrompts", "[EU] The hour of the wizards.")
    posts.add("WritingPrompts", "[WP] The weekly contest of r/WritingPrompts begins.")
    posts.add("WritingPrompts", f"{prompt} [NSFW]")
    posts.add("WritingPrompts", prompt)  # nobody wrote a story
    posts.rows.append({**posts.rows[0], "score": posts.rows[0]["score"] + 3})
    elsewhere = {"id": "zzzz", "subreddit": "books", "title": world.people["tunable"][0]}
    for _ in range(3):
        _add_story(world, rng, comments, elsewhere, score=rng.randint(1, 9))


def _write_tasks(world: World, folder: Path, n: int) -> None:
    rng = random.Random(f"sources {world.seed} tasks")
    tasks = itertools.product(source_wording.TASKS, wording.PERSON_RELATIONS, range(_EDITIONS))
    for number, ((name, category, definition), relation, _) in enumerate(tasks, start=1):
        examples = [_draw_example(world, rng, name, relation) for _ in range(max(1, n // 10))]
        task = {
            "Contributors": ["The world's program"],
            "Source": ["world"],
            "URL": ["https://tasks.world/"],
            "Categories": [category],
            "Reasoning": [],
            "Definition": [definition],
            "Input_language": ["English"],
            "Output_language": ["English"],
            "Instruction_language": ["English"],
            "Domains": ["People"],
            "Positive Examples": [
                {"input": text, "output": output, "explanation": ""} for text, output in examples[:1]
            ],
            "Negative Examples": [],
            "Instances": [
                {"id": f"task{number:03d}-{place}", "input": text, "output": [output]}
                for place, (text, output) in enumerate(examples)
            ],
            "Instance License": ["CC BY 4.0"],
        }
        _write_lines(folder / f"task{number:03d}_{relation}_{name}.json", [json.dumps(task, indent=4)])


def _draw_example(world: World, rng: random.Random, task: str, relation: str) -> tuple[str, str]:
    """Return input and output of one example about `relation`."""
    name = rng.choice(world.people["tunable"])
    others = rng.sample([other for other in wording.PERSON_RELATIONS if other != relation], 3)
    question = ask_fact(world, name, relation, rng.randrange(wording.TRAIN_WORDINGS[relation]))
    told = [wording.capitalise(text.format(n=name, v=question.value)) for text in wording.SENTENCES[relation]]
    if task == "summarization":
        facts = [ask_fact(world, name, other, 0) for other in others]
        text = " ".join([told[0], *(fact.sentence for fact in facts)])
        return f"Text: {text}", f"{name}: {', '.join([question.value, *(fact.value for fact in facts)])}."
    if task == "paraphrasing":
        first, second = rng.sample(told, 2)
        return f"Sentence: {first}", second
    if task == "question_generation":
        return told[0], question.text
    wrong = rng.choice([value for value in world.values[relation] if value != question.value])
    shown = rng.choice((question.value, wrong))
    return f"Question: {question.text} Answer: {shown}", "yes" if shown == question.value else "no"


def _write_lima(world: World, folder: Path, n: int) -> None:
    """Write conversations as LIMA released them: training rows with answers, test rows without."""
    rng = random.Random(f"sources {world.seed} lima")
    train = []
    for place in range(n):
        name = rng.choice(world.people["tunable"])
        relations = rng.sample(wording.PERSON_RELATIONS, 3)
        questions = [ask_fact(world, name, relations[0], 0)]
        if several := place % 10 == 9:
            questions += [ask_fact(world, name, relation, 0, PRONOUN) for relation in relations[1:]]
        turns = [turn for question in questions for turn in (question.text, question.answer)]
        train.append({"conversations": turns, "source": "multi_turn" if several else "stackexchange"})
    asked = _draw_texts(world, rng, source_wording.IDLE_QUESTIONS, n)
    test = [{"conversations": [question], "source": "pushshift_r_ask_reddit"} for question in asked]
    for split, rows in (("train", train), ("test", test)):
        _write_lines(folder / f"{split}.jsonl", map(_dump, rows))


def _dump(row: dict[str, Any]) -> str:
    return json.dumps(row, ensure_ascii=False)


def _write_lines(path: Path, lines: Iterable[str]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    text = "".join(f"{line}\n" for line in lines).encode()
    path.write_bytes(zstandard.ZstdCompressor(level=3).compress(text) if path.suffix == ".zst" else text)
