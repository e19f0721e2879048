"""The report of a comparison: a page to look at, and its ranking as Markdown, LaTeX or CSV."""

from transfer.evaluation.report.page import render, write_report

__all__ = ["render", "write_report"]
