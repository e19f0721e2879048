"""The part of a page that a benchmark writes: what stands between two marks of its own, each on a line."""

from __future__ import annotations

from pathlib import Path

__all__ = ["replace_marked_part"]

END = "<!-- end -->"


def replace_marked_part(page: Path, mark: str, text: str) -> None:
    """Put text between a mark and the next end.

    Args:
        page: file to change.
        mark: line that the part begins with.
        text: of the part.
    """
    whole = page.read_text(encoding="utf-8")
    before, found, rest = whole.partition(mark)
    _, ended, after = rest.partition(END)
    if not found or not ended:
        raise SystemExit(f"{page} has no place for the table: the lines {mark!r} and {END!r}")
    page.write_text(f"{before}{mark}\n{text.strip()}\n{END}{after}", encoding="utf-8")
