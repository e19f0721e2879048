"""Faults that a review found, each seen to fail before it was mended."""

import os

import pandas as pd
import pytest
import torch
from torch import nn

from feature_extractors import EXTRACTORS
from transfer.checkpoint import Checkpoint, check_provenance, heard
from transfer.data.corpus import list_files
from transfer.data.pieces import Piece
from transfer.data.splitting import split_slices
from transfer.errors import CorpusError, RecipeError, SplitError
from transfer.loop import freeze
from transfer.optim import parameter_groups
from transfer.recipe import Recipe, SplitSection
from transfer.selection import check_selection


def test_a_frozen_vggish_takes_no_gradient_whoever_unfreezes_its_parameters():
    model = EXTRACTORS["vggish_lstm"](
        in_channels=64, frozen=True, weights="random", channels=(4, 4, 4, 4), hidden=8, units=4
    )
    freeze(model, nn.Module(), ())
    model(torch.randn(2, 64, 96)).features.sum().backward()
    assert all(p.grad is None for p in model.vggish.parameters())
    assert all(p.grad is not None for p in model.lstm.parameters())


def test_an_empty_list_of_labelled_speakers_is_no_label_to_select_by():
    recipe = Recipe(name="a", strategy={"name": "mmd"}, target={"corpus": "emovo", "labelled_speakers": []})
    slices = pd.DataFrame({"corpus": ["emovo"], "part": ["valid"], "label": ["x"]})
    with pytest.raises(RecipeError, match="uses target labels"):
        check_selection(recipe, slices, ("source", "target"))


def test_a_checkpoint_that_came_from_one_that_heard_the_target_is_refused():
    file = Checkpoint({}, {}, {"front_end": {}, "classes": {"casia": []}, "heard": ["casia", "modma"]})
    recipe = Recipe(name="a", strategy={"name": "finetune"}, source={"corpus": "casia"}, target={"corpus": "modma"})
    assert heard(file) == {"casia", "modma"}
    with pytest.raises(RecipeError, match="or one before it, used modma"):
        check_provenance(file, recipe, {})


def test_a_rate_for_the_discriminator_reaches_the_optimizer_that_drives_it(attached):
    strategy = attached("ddg")
    training = strategy.setting.training.model_copy(update={"rates": {"discriminator": "0.5"}})
    strategy.setting = strategy.setting.__class__(**{**vars(strategy.setting), "training": training})
    parameters = dict(strategy.setting.model.named_parameters()) | dict(strategy.named_parameters())
    groups = parameter_groups(parameters, strategy.optimizers()["alignment"])
    assert 0.5 in {group["lr"] for group in groups}
    assert len({group["lr"] for group in groups}) == 2


def test_a_joined_slice_of_one_piece_is_named_by_where_its_audio_lies():
    from transfer.data.pieces import slice_hashes

    rows = [
        {"path": "a.wav", "start": 0.0, "end": 10.0, "pieces": (Piece("a.wav", at, at + 10.0),)} for at in (0.0, 50.0)
    ]
    first, second = slice_hashes(pd.DataFrame(rows), {"a.wav": "3f"})
    assert first == "3f"
    assert second != first


def test_a_split_file_goes_with_no_other_rule_for_the_parts():
    with pytest.raises(ValueError, match="have no effect"):
        SplitSection(file="split.csv", by="loso", fold=1)


def test_a_column_that_names_no_training_part_is_refused():
    table = pd.DataFrame({"speaker": ["s", "t"], "recording": ["1", "2"], "label": ["x", "y"], "half": ["dev", "test"]})
    with pytest.raises(SplitError, match="no slice is left for training"):
        split_slices(table, by="column", column="half", valid=0.2, test=0.2, seed=0)


def test_a_class_that_training_lacks_is_noted():
    table = pd.DataFrame(
        {
            "speaker": list("sstt"),
            "recording": list("1234"),
            "label": list("xyxz"),
            "half": ["train", "train", "test", "test"],
        }
    )
    assert any(
        "training has no z" in note
        for note in split_slices(table, by="column", column="half", valid=0.0, test=0.2, seed=0).notes
    )


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such names")
def test_a_file_name_that_is_no_unicode_is_named_with_its_cure(tmp_path):
    try:
        (tmp_path / os.fsdecode(b"caf\xe9.wav")).touch()
    except OSError:
        pytest.skip("this file system refuses such names")
    with pytest.raises(CorpusError, match="no UTF-8; rename it"):
        list_files(tmp_path)


def test_a_label_in_square_brackets_is_printed_as_it_is(capsys):
    from transfer.console import console

    console(stderr=False).print("label [/b] and [sad]")
    assert "label [/b] and [sad]" in capsys.readouterr().out
