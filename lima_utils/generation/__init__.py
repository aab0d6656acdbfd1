"""Prompts to responses: LIMA's sampling for checkpoints, bases, endpoints and recorded outputs."""
