"""The page: it holds what the comparison found, survives what is missing, and nothing from a file acts in it."""

import html
import json
import os
import re
import shutil
import time
from html.parser import HTMLParser

import pytest

from transfer.errors import UserError
from transfer.evaluation.report import render, write_report
from transfer.evaluation.report.wording import answer
from transfer.output import write_json
from transfer.projections import MOST_SLICES

from .conftest import HOSTILE, write_comparison

VOID = {"meta", "input", "br"}


class Tags(HTMLParser):
    """All elements of a page, and the complaint where they do not nest."""

    def __init__(self, page):
        super().__init__()
        self.open, self.seen, self.attributes, self.texts = [], [], [], []
        self.feed(page)
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        self.seen.append(tag)
        self.attributes += attrs
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.texts.append(data)


@pytest.fixture(scope="module")
def page(comparison_folder):
    return write_report(comparison_folder, command="transfer compare a.yaml --seeds 3").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def words(page):
    return " ".join(" ".join(Tags(page).texts).split())


@pytest.fixture
def copied(comparison_folder, tmp_path):
    """Return a copy of the comparison that may be damaged, with two runs a system: the others only take time."""
    folder = shutil.copytree(comparison_folder, tmp_path / "copy", ignore=shutil.ignore_patterns("seed[12]-*"))
    for file in folder.glob("runs/[!d]*/*/projections.npz"):
        file.unlink()
    return folder


def change(folder, edit):
    """Edit the result of a comparison."""
    result = json.loads((folder / "comparison.json").read_text())
    edit(result)
    write_json(folder / "comparison.json", result)


def test_the_answer_stands_before_everything_else(comparison_folder, words):
    best = json.loads((comparison_folder / "comparison.json").read_text())["systems"][0]
    assert words.index("dann scores highest: UAR") < words.index(best["sentence"]) < words.index("Ranking The dot")
    assert "Against scratch:" in words


@pytest.mark.parametrize(
    ("scores", "says"),
    [
        ((0.6, 0.5, 0.5), ["a scores highest: UAR 0.60", "a gains."]),
        ((0.6, 0.6, 0.5), ["a and b score highest alike: UAR 0.60", "a gains."]),
        (
            (0.5, 0.5, 0.5),
            ["a, b and scratch score alike: UAR 0.50", "scratch is the baseline, training without transfer"],
        ),
    ],
)
def test_equals_are_named_together(scores, says):
    rows = [
        {"name": name, "rank": 1, "score": score, "interval": None, "sentence": f"{name} gains."}
        for name, score in zip(("a", "b", "scratch"), scores, strict=True)
    ]
    found = answer(
        {"systems": rows, "metric": "uar", "level": "subject", "subjects": 9, "chance": 0.5, "baseline": "scratch"}
    )
    assert [line.startswith(words) for line, words in zip(found, says, strict=True)] == [True, True]


def test_dishonest_systems_stand_apart_and_are_marked(page):
    body = page[page.index('<table class="ranking">') :]
    ranked, apart = body.index('<tbody data-sorts="1">'), body.index('class="apart"')
    assert ranked < body.index(">dann") < apart < body.index(">ddg")
    assert "leaking</span>" in body[apart : body.index("</table>")]
    assert "leaking" not in body[:apart]


def test_every_part_of_the_report_is_there(words):
    for heading in (
        "To be read first",
        "Ranking",
        "Which differences hold up",
        "Every score at every level",
        "For whom it works",
        "What was decided for whom",
        "Subject by subject",
        "Learning curves",
        "Source and target, before and after",
        "Domain gap",
        "The adversarial game",
        "Measured beside reported",
        "Protocol",
        "Make it again",
    ):
        assert heading in words
    for fact in (
        "adapt: loss is nan at epoch 3",
        "dann (2 of 6 runs): the discriminator collapsed",
        "transfer compare a.yaml --seeds 3",
        "torch 2.11.0",
        "source_validation",
        "clip-level random split",
        "ddg: speaker",
        f"sha256:{0:064x}",
        "critical difference",
    ):
        assert fact in words, fact


def test_every_level_of_every_system_has_its_scores(page):
    own = page[page.index('<section id="scores">') : page.index('<section id="subgroups">')]
    for system in ("scratch", "majority", "mmd", "dann", "ddg"):
        for level in ("slice", "recording", "subject"):
            assert f'<th scope="row">{system}</th><td>{level}</td>' in own


def test_the_page_needs_nothing_from_anywhere(page):
    assert not re.search(r"""(src|href)=["'](?!#)""", page)
    assert "url(" not in page
    assert "@import" not in page
    assert "default-src 'none'" in html.unescape(page)


def test_folds_are_told_by_their_hashed_subjects(comparison_folder, page):
    import pandas as pd

    table = pd.read_parquet(comparison_folder / "runs" / "dann" / "seed0-fold1" / "predictions.parquet")
    assert " ".join(sorted(table["subject"].unique())) in page


def test_names_from_files_are_text_and_never_markup(hostile_folder):
    page = write_report(hostile_folder, command="echo <script>alert(4)</script>").read_text(encoding="utf-8")
    tags = Tags(page)
    assert tags.seen.count("script") == 1
    assert not {"img", "b"} & set(tags.seen)
    assert not [name for name, _ in tags.attributes if name.startswith("on")]
    everything = "".join(tags.texts)
    for name in (HOSTILE["system"], HOSTILE["formula"], HOSTILE["subject"], "<script>alert(4)</script>"):
        assert name in everything


def test_hostile_words_of_the_result_are_text_too(copied):
    evil = "</title></style></script><script>alert(1)</script>"

    def edit(result):
        result["warnings"] = [evil]
        result["failures"] = [{"system": evil, "seed": evil, "fold": evil, "reason": evil}]
        result["systems"][0] |= {"marks": [evil], "sentence": evil, "reported": {"protocol": evil, evil: [50]}}
        result["systems"][0]["gain"]["verdict"] = evil
        result["baseline"] = evil

    change(copied, edit)
    tags = Tags(render(copied, "html"))
    assert tags.seen.count("script") == 1
    assert "".join(tags.texts).count(evil) >= 6


@pytest.mark.parametrize(
    "lost",
    ["history.json", "predictions.parquet", "projections.npz", "recipe.yaml"],
    ids=lambda name: name.split(".")[0],
)
def test_a_file_that_is_missing_leaves_the_rest(lost, copied):
    for path in copied.glob(f"runs/*/*/{lost}"):
        path.unlink()
    assert "Ranking" in render(copied, "html")


@pytest.mark.parametrize("damaged", ["history.json", "predictions.parquet", "projections.npz", "summary.json"])
def test_a_damaged_file_leaves_the_rest(damaged, copied):
    file = copied / "runs" / "dann" / "seed0-fold0" / damaged
    file.write_bytes(b"\x00 no such thing")
    page = render(copied, "html")
    assert "Ranking" in page
    assert (f"runs/dann/seed0-fold0/{damaged} cannot be read" in page) is (damaged != "projections.npz")


def test_runs_that_are_gone_leave_the_result(copied):
    shutil.rmtree(copied / "runs")
    page = render(copied, "html")
    assert "dann scores highest" in page
    assert "Learning curves" not in page


def test_a_result_of_few_keys_has_a_page(tmp_path):
    row = {"name": "a", "rank": 1, "score": 0.6, "interval": None, "marks": []}
    few = {"systems": [row], "metric": "uar", "level": "recording", "baseline": None, "chance": None, "subjects": 4}
    write_json(tmp_path / "comparison.json", few)
    Tags(render(tmp_path, "html"))
    write_json(tmp_path / "comparison.json", {**few, "systems": []})
    assert "nothing can be said" in render(tmp_path, "html")


def test_synthetic_figures_carry_a_banner(copied):
    change(copied, lambda result: result["systems"][0]["marks"].append("synthetic"))
    assert "Synthetic stand-ins." in render(copied, "html")


def test_real_figures_carry_none(page):
    assert "Synthetic stand-ins." not in page


def test_the_recorded_command_is_shown_where_none_is_given(copied):
    change(copied, lambda result: result.update(command="transfer compare mine.yaml"))
    assert "transfer compare mine.yaml" in render(copied, "html")


@pytest.mark.parametrize(("text", "said"), [(None, "cannot be read"), ("{", "is damaged"), ("[]", "no list `systems`")])
def test_what_is_no_comparison_is_refused(text, said, tmp_path):
    if text is not None:
        (tmp_path / "comparison.json").write_text(text)
    with pytest.raises(UserError, match=said):
        render(tmp_path, "html")


def test_an_unknown_format_is_refused(comparison_folder):
    with pytest.raises(UserError, match=r"no format 'pdf'.*Known: csv, html, latex, markdown"):
        render(comparison_folder, "pdf")


def test_a_page_that_cannot_be_made_leaves_the_old_one(copied):
    write_report(copied, command="x")
    before = (copied / "report.html").read_text()
    (copied / "comparison.json").write_text("{")
    with pytest.raises(UserError):
        write_report(copied, command="x")
    assert (copied / "report.html").read_text() == before
    assert not list(copied.glob(".report*"))


@pytest.mark.slow
@pytest.mark.skipif(not os.environ.get("TRANSFER_SLOW"), reason="half a minute; set TRANSFER_SLOW=1")
def test_eight_systems_in_three_seeds_take_less_than_twenty_seconds_of_one_core(tmp_path):
    folder = write_comparison(tmp_path, slices=MOST_SLICES)
    start = time.process_time()
    write_report(folder, command="x")
    assert time.process_time() - start < 20
