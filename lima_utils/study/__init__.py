"""The study as a whole: profiles, strict notebook execution, provenance, the graph, the book, its preview."""

import sys

# Every notebook is executed by a process of its own, and importing jsonschema there would build a grammar of
# internationalised addresses for a second, for a format that notebooks do not use. It does without where it is absent.
sys.modules.setdefault("rfc3987_syntax", None)  # type: ignore[arg-type]
