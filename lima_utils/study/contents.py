"""The study's notebooks in the book's order: what each waits for, reads and makes.

The graph, the book's table of contents, the sentences about missing inputs and the checks are drawn from this table.
"""

from lima_utils.study.chapters import Chapter

CHAPTERS: tuple[Chapter, ...] = (
    Chapter(
        "01-analyse-published-figures",
        outputs=("results/01-analyse-published-figures.json",),
        data=("data/published",),
    ),
    Chapter(
        "02-curate-dialogues",
        after=("a1-build-world",),
        outputs=("curation", "results/02-curate-dialogues.json"),
        settings=("curation", "seed"),
    ),
    Chapter(
        "03-probe-base",
        after=("a1-build-world",),
        outputs=("base", "results/03-probe-base.json"),
        settings=("world", "base", "seed"),
        threads=2,
    ),
    Chapter(
        "04-tune-base",
        after=("02-curate-dialogues", "03-probe-base"),
        outputs=("tuning", "results/04-tune-base.json"),
        settings=("base", "tuning", "generation", "judge", "seed"),
    ),
    Chapter(
        "05-generate-responses",
        after=("02-curate-dialogues", "04-tune-base"),
        outputs=("generation", "results/05-generate-responses.json"),
        settings=("base", "generation", "systems", "seed"),
    ),
    Chapter(
        "06-compare-preferences",
        after=("05-generate-responses",),
        outputs=("judging", "results/06-compare-preferences.json"),
        settings=("systems", "judge", "seed"),
    ),
    Chapter(
        "w1-sweep-condition",
        part="worker",
        after=("a1-build-world", "02-curate-dialogues", "03-probe-base"),
        outputs=("sweeps/{condition}-{seed}",),
        settings=("world", "base", "tuning", "sweep"),
        for_each=("condition", "seed"),
        world=True,
    ),
    Chapter(
        "07-test-hypothesis",
        after=("w1-sweep-condition",),
        outputs=("results/07-test-hypothesis.json",),
        settings=("sweep", "seeds", "seed"),
        world=True,
    ),
    Chapter(
        "08-summarise-findings",
        after=(
            "01-analyse-published-figures",
            "02-curate-dialogues",
            "03-probe-base",
            "04-tune-base",
            "05-generate-responses",
            "06-compare-preferences",
            "07-test-hypothesis",
        ),
        outputs=("results/headline.json",),
    ),
    Chapter(
        "a1-build-world",
        part="appendix",
        outputs=("dumps", "world"),
        settings=("world", "seed"),
        world=True,
    ),
)
