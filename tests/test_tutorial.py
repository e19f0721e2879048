"""The tutorial is run, command by command, and both languages tell the same commands."""

import os
import re
import shlex
from pathlib import Path

import pandas as pd
import pytest

DOCS = Path(__file__).parents[1] / "docs"
BLOCK = re.compile(r"^```(\w+)([^\n]*)\n(.*?)^```", re.M | re.S)


def commands(slow):
    """Return the commands of the tutorial, those that take long only where asked for."""
    lines = []
    for language, how, text in BLOCK.findall((DOCS / "tutorial.md").read_text(encoding="utf-8")):
        if language == "sh" and "no-test" not in how and (slow or "slow" not in how):
            lines += text.strip().splitlines()
    return lines


def test_both_languages_tell_the_same_commands():
    english, chinese = (
        BLOCK.findall((DOCS / name).read_text(encoding="utf-8")) for name in ("tutorial.md", "tutorial_zh.md")
    )
    assert english == chinese


def walk(command, slow):
    """Run the commands in the current folder."""
    for line in commands(slow):
        word, *rest = shlex.split(line)
        assert word == "transfer", line
        code, out, err = command(*rest)
        assert code == 0, f"{line}\n{out}\n{err}"
    first, again = pd.read_csv("predictions.csv"), pd.read_csv("again.csv")
    pd.testing.assert_frame_equal(first, again)
    assert first.filter(like="p_").sum(axis=1).to_list() == pytest.approx([1.0] * len(first))
    assert first["decision"].nunique() > 1


def test_the_tutorial_works_from_the_first_command_to_the_last(command, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    walk(command, slow=False)


@pytest.mark.slow
@pytest.mark.skipif(os.environ.get("TRANSFER_SLOW") != "1", reason="nine trainings; TRANSFER_SLOW=1 runs them")
def test_the_tutorial_works_with_its_comparison(command, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    walk(command, slow=True)
    assert (tmp_path / "runs" / "compared" / "report.html").is_file()
