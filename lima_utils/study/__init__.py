"""The study as a whole: profiles, strict notebook execution, provenance, the graph, the book and its preview."""
