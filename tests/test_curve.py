"""Curves, end to end on stand-ins: each point is a comparison whose axis was turned, and the words follow the numbers."""

import json

import pandas as pd
import pytest

from transfer.curve import curve, curve_sentences, read_axis
from transfer.errors import RecipeError, UserError

SMALL = {"controls": ["scratch"], "seeds": [0], "synthetic": True}


def summaries(folder, value):
    """Return the summaries of a point."""
    return [json.loads(file.read_text()) for file in sorted(folder.glob(f"point-{value}/runs/*/*/summary.json"))]


def test_a_curve_labels_as_many_subjects_as_it_says(tiny):
    folder = tiny.parent / "curve"
    found = curve(
        ["tiny.yaml", "training.epochs=1", "tracking.kind=none"], read_axis("2,all", None), out=folder, **SMALL
    )
    assert [point["value"] for point in found["points"]] == ["2", "all"]
    labelled = [{s["target_labels"]["speakers"] for s in summaries(folder, value)} for value in ("2", "all")]
    assert labelled[0] == {2}
    assert min(labelled[1]) > 2
    table = pd.read_csv(folder / "curve.csv", dtype={"value": str})
    assert set(zip(table["value"], table["system"], strict=True)) == {
        (value, name) for value in ("2", "all") for name in ("tiny", "scratch")
    }
    own = table.set_index(["value", "system"])
    gain = own.loc[("2", "tiny"), "score"] - own.loc[("2", "scratch"), "score"]
    assert own.loc[("2", "tiny"), "gain"] == pytest.approx(gain)
    assert found["sentences"] == curve_sentences(json.loads((folder / "curve.json").read_text()))
    assert (folder / "curve.png").stat().st_size > 5_000
    assert (folder / "point-2" / "report.html").is_file()
    again = curve(
        ["tiny.yaml", "training.epochs=1", "tracking.kind=none"],
        read_axis("2,all", None),
        out=folder,
        resume=True,
        **SMALL,
    )
    assert again["points"] == found["points"]


def test_a_point_that_cannot_be_shows_before_the_first_is_trained(tiny):
    folder = tiny.parent / "curve"
    with pytest.raises(RecipeError, match=r"labelled target subjects: 99: target\.labelled_speakers is 99"):
        curve(["tiny.yaml", "tracking.kind=none"], read_axis("2,99", None), out=folder, **SMALL)
    assert not folder.exists()


def test_a_dial_is_turned_beside_the_known_best(tiny):
    folder = tiny.parent / "dial"
    axis = read_axis(None, "label_noise=0,0.4")
    found = curve(["tiny.yaml", "training.epochs=1", "tracking.kind=none"], axis, out=folder, **SMALL)
    best = [point["best"] for point in found["points"]]
    assert best[0] > best[1] + 0.1  # four labels of ten are another's
    records = [summaries(folder, value)[0]["synthetic"] for value in ("0", "0.4")]
    assert records[0] != records[1]


@pytest.mark.parametrize(
    ("subjects", "dial", "says"),
    [
        (None, None, "needs one axis"),
        ("2", "language=1", "needs one axis"),
        ("2,many", None, "'many' is no number of subjects"),
        ("0", None, "'0' is no number"),
        (None, "langage=0,1", "no dial 'langage'; did you mean"),
        (None, "language=a", "expected numbers such as language=0,0.5,1"),
    ],
)
def test_an_axis_that_is_none_is_refused_in_words(subjects, dial, says):
    with pytest.raises(RecipeError, match=says):
        read_axis(subjects, dial)


def test_resuming_needs_the_folder(tiny):
    with pytest.raises(UserError, match="name it with --out"):
        curve(["tiny.yaml"], read_axis("2", None), resume=True)
