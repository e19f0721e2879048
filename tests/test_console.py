"""What is printed is harmless to a terminal, whatever stands in files."""

import json
import sys

import pytest
from rich.table import Table
from rich.text import Text

from transfer.console import console, echo, print_json, visible

WILD = "a\x1b[2J\x1b]0;pwned\x07\x9b31m\x7f\rb\x00"
SHOWN = r"a\x1b[2J\x1b]0;pwned\x07\x9b31m\x7f\x0db\x00"


def table():
    made = Table("speaker", WILD)
    made.add_row(WILD, Text(WILD, style="red"))
    return made


@pytest.mark.parametrize("make", [lambda: WILD, lambda: Text(WILD), table, lambda: {"a": "\x9b"}])
@pytest.mark.parametrize("stderr", [True, False])
def test_control_characters_of_names_are_shown_not_obeyed(make, stderr, capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "250")
    console(stderr=stderr).print(make())
    out, err = capsys.readouterr()
    shown, other = (err, out) if stderr else (out, err)
    assert other == ""
    assert not any((ord(c) < 32 and c != "\n") or 127 <= ord(c) < 160 for c in shown)
    assert r"\x1b[2J" in shown or r"\x9b" in shown


def test_tables_stay_straight(capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "250")
    made = Table("speaker", "n")
    for name in ("b", WILD, "c" * 20):
        made.add_row(name, "1")
    console(stderr=False).print(made)
    lines = capsys.readouterr().out.splitlines()
    assert SHOWN in lines[4]
    assert len({len(line) for line in lines[2:]} - {0}) == 1


def test_colours_of_our_own_are_kept_on_a_terminal(capsys, monkeypatch):
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.delenv("NO_COLOR", raising=False)
    console(stderr=False).print(WILD, style="red", highlight=False)
    assert capsys.readouterr().out == f"\x1b[31m{SHOWN}\x1b[0m\n"


def test_tabs_lines_and_words_in_brackets_or_colons_are_as_they_are(capsys):
    assert visible("a\tb\nc 愤怒") == "a\tb\nc 愤怒"
    console(stderr=False).print("[red]a[/red] :bomb:\nb")
    assert capsys.readouterr().out == "[red]a[/red] :bomb:\nb\n"


def test_json_says_the_same_without_control_characters(capsys):
    print_json({WILD: WILD})
    out = capsys.readouterr().out
    assert json.loads(out) == {WILD: WILD}
    assert not set(map(chr, [*range(10), *range(11, 32), *range(127, 160)])) & set(out)


@pytest.mark.parametrize("terminal", [True, False])
def test_a_result_is_whole_in_a_file_and_harmless_on_a_terminal(terminal, capsys, monkeypatch):
    monkeypatch.setattr(sys.stdout, "isatty", lambda: terminal, raising=False)
    echo(WILD)
    assert capsys.readouterr().out == (SHOWN if terminal else WILD) + "\n"


def test_errors_show_them_too(command, tmp_path):
    name = "a\x1b[2J\x9b.csv"
    (tmp_path / name).write_text("")
    code, _, err = command("corpus", "describe", tmp_path / name)
    assert code == 2
    assert r"a\x1b[2J\x9b.csv: the table is empty" in err
    assert not {"\x1b", "\x9b"} & set(err)
