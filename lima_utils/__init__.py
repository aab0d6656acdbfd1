"""The LIMA study: curation, tuning, generation, judging and statistics as one package."""
