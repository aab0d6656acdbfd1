"""The controlled world: a small made-up reality whose every fact is known to be in or out of pretraining.

Real bases cannot show what pretraining knew. Here a program writes the facts, the pretraining text, the raw dumps
that curation reads and the answer key, so "tuning adds no knowledge" becomes an experiment with a control group.
"""
