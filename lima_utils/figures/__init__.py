"""Estimates to figures and tables, in one style.

Functions take :class:`lima_utils.records.Estimate` objects or polars frames and return a matplotlib
``Figure`` that a notebook shows by naming it in the last line of a cell (tables: IPython ``Markdown``).
Nothing is written to disk.
"""
