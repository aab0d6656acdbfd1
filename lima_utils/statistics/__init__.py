"""Verdicts and grades to estimates with intervals: shares, differences, agreement, entropy, curves, decision
rules.

Every function returns a :class:`lima_utils.records.Estimate` (or a small frozen dataclass) and takes plain
counts or numpy arrays, so that each can be checked against a public twin.
"""
