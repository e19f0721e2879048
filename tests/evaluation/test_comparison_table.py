"""The table of a comparison in a terminal of 80 columns: every rank, score and mark is there, and subgroups where they tell."""

import io

from rich.console import Console

from transfer.evaluation.comparison_table import print_comparison

from .made_runs import compare, run, table


def printed(result, width=80):
    """Return the lines that a terminal shows."""
    console = Console(width=width, file=io.StringIO(), record=True)
    print_comparison({**result, "failures": []}, console)
    return console.export_text().splitlines()


def grouped(skill, seed):
    """Return predictions of subjects of two sexes, and of an age that few share."""
    found = table(skill, seed, subjects=20)
    number = found["subject"].str[1:].astype(int)
    return found.assign(sex=["mf"[n // 10] for n in number], age=[20 if n < 18 else 90 for n in number])


def test_ranks_scores_gains_and_marks_fit_into_eighty_columns():
    steps = {"selection": {"tag": "source_validation", "epochs": {"transfer": {"kept": 1, "run": 1, "steps": 900}}}}
    usual = {"selection": {"tag": "source_validation", "epochs": {"transfer": {"kept": 1, "run": 1, "steps": 45}}}}
    runs = [run(name, seed, 0.5, **usual) for name in ("scratch", "source_only", "freeze") for seed in range(2)]
    runs += [run("information_maximisation"[:14], seed, 2.0, **steps) for seed in range(2)]
    lines = printed(compare(runs))
    rule = next(i for i, line in enumerate(lines) if "───" in line)
    body = lines[rule + 1 : rule + 5]
    assert [line.split()[0] for line in body] == ["1", "2", "3", "4"]
    assert body[0].split()[1] == "information_ma†"
    assert "unequal budget" in next(line for line in lines if line.startswith("* control"))
    assert not any("…" in line for line in lines)
    assert max(map(len, lines)) <= 80


def test_subgroups_are_printed_where_two_can_be_compared():
    runs = [run(name, 0, predictions=grouped(skill, 3)) for name, skill in (("scratch", 0.2), ("mmd", 1.0))]
    said = "\n".join(printed(compare(runs), width=200))
    assert "mmd: UAR by sex: " in said
    assert "; gap 0." in said
    assert "by age" not in said
