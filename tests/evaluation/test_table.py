"""The table at the end of a run says what must not be overlooked."""

import io

import pytest
from rich.console import Console

from transfer.evaluation.table import print_summary, verdict

SCORES = {
    "n": 40,
    "subjects": 10,
    "chance": 0.5,
    "uar": 0.71,
    "uar_ci": [0.55, 0.87],
    "accuracy": 0.72,
    "accuracy_ci": [0.56, 0.88],
    "macro_f1": 0.7,
    "macro_f1_ci": [0.54, 0.86],
}
BINARY = {"positive": "MDD", "sensitivity": 0.8, "specificity": 0.62, "auc": None, "brier": 0.2}
CONFUSION = {"confusion": {"labels": ["HC", "MDD"], "counts": [[13, 7], [4, 16]]}}
GAP = {"mmd": 0.3, "a_distance": 1.25, "domain_accuracy": 0.81}
SUMMARY = {
    "name": "casia[to]modma",
    "strategy": "ddg",
    "seed": 3,
    "source": "casia",
    "target": "modma",
    "target_labels": {"labelled_speakers": 2, "speakers": 2, "slices": 58},
    "selection": {
        "by": "target_validation",
        "metric": "uar",
        "epochs": {"transfer": {"kept": 12, "run": 40, "stopped": ""}},
    },
    "split": {
        "by": "speaker",
        "seed": 7,
        "transductive": False,
        "parts": {
            "casia": {"train": {"slices": 200, "speakers": 3}},
            "modma": {"test": {"slices": 400, "speakers": 10}},
        },
    },
    "leakage": {"accepted": [], "found": [], "test_in_train": {"speaker": 0.0, "recording": 0.0, "audio": 0.0}},
    "metrics": {
        "test": {
            "slice": SCORES | BINARY | CONFUSION,
            "recording": SCORES | {"uar_ci": [0.41, 0.79]},
            "subject": SCORES | CONFUSION | {"definition": "one decision per subject"},
        },
        "valid": {"slice": SCORES | {"uar": 0.987}},
    },
    "diagnostics": {"before": {"universal": GAP}, "after": {"universal": GAP | {"a_distance": 0.25}}},
    "train_seconds": 61.27,
    "feature_seconds": 4.0,
    "mlflow_run_id": "0123abcd",
    "synthetic": False,
}


def printed(summary, width=80, **options):
    """Return what is printed, its lines stripped at the end."""
    file = io.StringIO()
    print_summary(summary, Console(file=file, width=width, **options))
    return "\n".join(line.rstrip() for line in file.getvalue().splitlines())


def row(text, name):
    """Return the first row of this name."""
    return next(line for line in text.splitlines() if line.strip().startswith(name))


def test_everything_asked_for_and_found_is_there_in_eighty_columns():
    text = printed(SUMMARY)
    assert max(len(line) for line in text.splitlines()) <= 80
    assert "…" not in text
    for words in (
        "casia[to]modma  strategy ddg, seed 3",
        "casia: train 3 speakers, 200 slices",
        "modma: test 10 speakers, 400 slices",
        "target_validation, by uar; transfer epoch 12 of 40",
        "by speaker, seed 7",
        "subject level: one decision per subject",
        "features 4.0 s, training 61.3 s, MLflow run 0123abcd",
    ):
        assert words in text
    assert row(text, "target labels").split()[2:] == ["2", "speakers,", "58", "slices"]
    assert row(text, "UAR ").count("0.710 [0.55, 0.87]") == 2
    assert row(text, "accuracy").count("0.720 [0.56, 0.88]") == 3
    assert row(text, "sensitivity").split()[1:] == ["0.800", "-", "-"]
    assert row(text, "AUC").split()[1:] == ["-", "-", "-"]
    assert row(text, "positive").split()[1] == "MDD"
    assert ["HC", "13", "7"] in [line.split() for line in text.splitlines()]
    gap = ["0.300", "->", "0.300", "1.250", "->", "0.250", "0.810", "->", "0.810"]
    assert row(text, "universal").split()[1:] == gap
    assert "decisions by subject" in text
    assert "0.987" in text
    assert "SYNTHETIC" not in text
    assert "SYNTHETIC" in printed(SUMMARY | {"synthetic": True})


def test_a_level_that_chance_explains_is_said_so():
    text = printed(SUMMARY)
    assert "UAR by slice: above chance (0.50)" in text
    assert "UAR by recording: not distinguishable from chance (0.50)" in text
    assert text.count("UAR by ") == 3, "validation gets no verdict"


@pytest.mark.parametrize(
    ("interval", "words"),
    [
        ([0.5, 0.9], "not distinguishable"),
        ([0.1, 0.5], "not distinguishable"),
        ([0.51, 0.9], "above"),
        ([0.1, 0.49], "below"),
        (None, "nothing can be said"),
    ],
)
def test_the_verdict_goes_by_where_chance_lies(interval, words):
    assert words in verdict({"uar_ci": interval}, 0.5)
    assert words in verdict({"uar_ci": interval, "chance": 0.5}, 0.2)


def test_leakage_is_red_when_accepted_and_told_by_its_share():
    clean = printed(SUMMARY, force_terminal=True, color_system="standard")
    assert "\x1b[32mnone: no test slice shares" in clean
    leaking = {"accepted": ["speaker"], "found": ["speaker"], "test_in_train": {"speaker": 0.4, "audio": 0.0}}
    text = printed(SUMMARY | {"leakage": leaking}, width=120, force_terminal=True, color_system="standard")
    assert "\x1b[1;31mACCEPTED (speaker): 40% of the test slices share their speaker with training" in text
    assert "their audio" not in text
    nothing = {"accepted": ["speaker"], "found": []}
    assert "ACCEPTED (speaker): nothing leaks" in printed(SUMMARY | {"leakage": nothing})
    assert "audio shared between other parts" in printed(SUMMARY | {"leakage": {"found": ["audio"]}})
    assert "not measured" in printed({"name": "a"})


def test_oracle_selection_and_sight_of_test_audio_are_called_by_their_names():
    text = printed(SUMMARY | {"selection": {"by": "oracle", "metric": "uar"}}, width=120)
    assert "oracle, by uar: CHOSEN BY TEST LABELS, not a result to report" in text
    assert "CHOSEN" not in printed(SUMMARY)
    scores = {"test": {"slice": SCORES | {"selected_by": "oracle"}}}
    loud = printed(SUMMARY | {"metrics": scores}, width=120, force_terminal=True, color_system="standard")
    assert "\x1b[1;31m  checkpoint chosen by ORACLE: test labels were looked at, not a result to report" in loud
    assert "checkpoint chosen by: not recorded" in printed(SUMMARY)
    assert "adaptation sees test audio" in printed(SUMMARY | {"split": {"by": "speaker", "transductive": True}})
    assert "adaptation sees" not in printed(SUMMARY)


def test_what_chose_the_checkpoint_and_every_warning_are_printed():
    scores = {"test": {"slice": SCORES | {"selected_by": "unsupervised:snd"}}}
    text = printed(SUMMARY | {"metrics": scores, "warnings": ["the domain discriminator won"]})
    assert "checkpoint chosen by: unsupervised:snd" in text
    assert "warning: the domain discriminator won" in text
    assert "warning" not in printed(SUMMARY)


def test_a_target_without_labels_is_said_so():
    assert row(
        printed(SUMMARY | {"target_labels": {"labelled_speakers": "none", "slices": 0}}), "target labels"
    ).endswith("none used")


def test_a_summary_with_little_in_it_is_printed_all_the_same():
    assert "scratch" in printed({"name": "a", "strategy": "scratch", "source": "casia", "metrics": {"test": None}})


POINT = {
    "threshold": 0.31,
    "criterion": "Youden's J",
    "sensitivity": 0.857,
    "sensitivity_ci": [0.52, 0.99],
    "specificity": 0.7,
    "specificity_ci": [0.4, 0.9],
    "ppv": 0.24,
    "npv": 0.98,
    "prevalence": 0.1,
}
GROUPS = {
    "sex": {
        "groups": {"female": {"uar": 0.8, "subjects": 9}, "male": {"uar": 0.7, "subjects": 8}},
        "not_scored": {"other": "1 subject of 5"},
        "gaps": {"uar": {"value": 0.1, "interval": [-0.2, 0.4]}},
    }
}


def test_the_operating_point_and_the_gap_between_groups_are_said_for_the_test_part():
    levels = {"recording": SCORES, "subject": SCORES | {"operating_point": POINT, "subgroups": GROUPS, "pr_auc": 0.93}}
    text = printed(SUMMARY | {"metrics": {"test": levels}}, width=200)
    assert (
        "threshold 0.31 (Youden's J on validation): sensitivity 0.86 [0.52, 0.99], specificity 0.70 [0.40, 0.90]; "
        "at a prevalence of 0.1 PPV 0.24, NPV 0.98 (subject)"
    ) in text
    assert "UAR by sex: female 0.80 (9), male 0.70 (8); gap 0.10 [-0.20, 0.40]; not scored: other (subject)" in text
    assert row(text, "PR-AUC").split()[1:] == ["-", "0.930"]
    other = printed(SUMMARY | {"metrics": {"valid": levels}}, width=200)
    assert "threshold" not in other
    assert "UAR by sex" not in other


def test_how_slices_are_put_together_is_said_with_what_chose_it():
    chosen = {"rule": "vote", "rule_chosen_on": "target validation"}
    assert row(printed(SUMMARY | {"evaluation": chosen}), "aggregation").endswith(
        "vote of slices, chosen on target validation"
    )
    alone = row(printed(SUMMARY | {"evaluation": {"rule": "mean", "rule_chosen_on": None}}), "aggregation")
    assert alone.endswith("mean of slices")
