"""Every code block of the guides runs as it stands, in the order of the page, in an empty folder.

A block with a title is written to the file of that name, `python` is run, every line of `sh` has to end as it says (with 0,
or with the number of `# ends with 2`), and every line of a `text` block stands in the output of the block before it. What
takes minutes is in a `console` block, which is left out here.
"""

import re
import shlex
import sys
from pathlib import Path

import pytest

from transfer.cli import main

DOCS = Path(__file__).resolve().parent.parent / "docs"
PAGES = ("bring_your_own_corpus", "clinical_use", "editors", "extending", "lab_tables", "which_strategy")
BLOCK = re.compile(r"^```(\w+)(?: title=\"([^\"]+)\")?\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def blocks(page):
    return BLOCK.findall((DOCS / f"{page}.md").read_text(encoding="utf-8"))


@pytest.fixture
def command(monkeypatch, capfd):
    """Return a function that runs a line of the shell in this process and returns what it said."""

    def command(line):
        line, _, ends = line.partition("  # ends with ")
        monkeypatch.setattr(sys, "argv", shlex.split(line))
        assert sys.argv[0] == "transfer", line
        capfd.readouterr()
        try:
            main()
        except SystemExit as end:
            code = end.code or 0
        said = "".join(capfd.readouterr())
        assert code == int(ends or 0), (line, said)
        return said

    return command


@pytest.mark.parametrize("page", PAGES)
def test_the_code_of_the_page_runs_and_says_what_the_page_says(page, command, tmp_path, monkeypatch, capfd):
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setenv("COLUMNS", "160")
    said, names = "", {"__name__": "page"}
    assert blocks(page)
    for language, title, text in blocks(page):
        if title:
            (tmp_path / title).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / title).write_text(text, encoding="utf-8")
        elif language == "python":
            capfd.readouterr()
            exec(compile(text, f"{page}.md", "exec"), names)
            said = capfd.readouterr().out
        elif language == "sh":
            said = "".join(command(line) for line in text.splitlines())
        elif language == "text":
            missing = [line for line in text.splitlines() if squeezed(line) not in squeezed(said)]
            assert missing == [], said
        else:
            assert language == "console", f"{language}: a block that is neither run nor a file"


def squeezed(text):
    """Return text with every run of white space as one blank."""
    return " ".join(text.split())
