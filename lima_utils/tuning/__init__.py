"""Dialogues to checkpoints: LIMA's recipe on any decoder of the transformers library."""
