"""Weights from local files: what is read, and what is refused."""

import pickle

import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from feature_extractors.pretrained import load_weights, read_weights


@pytest.mark.parametrize("suffix", [".pt", ".pth", ".safetensors"])
def test_a_state_dict_is_read(tmp_path, suffix):
    state, path = nn.Linear(2, 3).state_dict(), tmp_path / f"weights{suffix}"
    save_file(state, path) if suffix == ".safetensors" else torch.save(state, path)
    assert all(torch.equal(read_weights(path, fetch="")[name], state[name]) for name in state)


class Payload:
    def __reduce__(self):
        return print, ("unpickled",)


def test_nothing_is_unpickled_but_tensors(tmp_path, capsys):
    for name, write in (
        ("a.pt", torch.save),
        ("b.pt", lambda value, path: path.write_bytes(pickle.dumps(value, protocol=2))),
    ):
        write({"weight": Payload()}, tmp_path / name)
        with pytest.raises(ValueError, match="cannot be read as weights alone"):
            read_weights(tmp_path / name, fetch="")
    assert "unpickled" not in capsys.readouterr().out


def test_what_is_no_state_dict_is_refused(tmp_path):
    torch.save({"model": {"weight": torch.ones(1)}}, tmp_path / "nested.pt")
    with pytest.raises(ValueError, match="is not a state dict"):
        read_weights(tmp_path / "nested.pt", fetch="")
    for content in (b"<!DOCTYPE html>", b"version https://git-lfs.github.com/spec/v1", b"hello", b""):
        (tmp_path / "page.pt").write_bytes(content)
        with pytest.raises(ValueError, match=r"page\.pt holds no weights .*; fetch THE FILE"):
            read_weights(tmp_path / "page.pt", fetch="THE FILE")
    torch.save({"weight": torch.ones(9)}, tmp_path / "cut.pt")
    (tmp_path / "cut.pt").write_bytes((tmp_path / "cut.pt").read_bytes()[:-40])
    with pytest.raises(ValueError, match=r"cut\.pt is damaged .*; fetch THE FILE again"):
        read_weights(tmp_path / "cut.pt", fetch="THE FILE")
    (tmp_path / "bad.safetensors").write_bytes(b"not a file")
    with pytest.raises(ValueError, match="is not a safetensors file, or is damaged"):
        read_weights(tmp_path / "bad.safetensors", fetch="")
    with pytest.raises(ValueError, match=r"no weights at .*; fetch THE FILE and put it there"):
        read_weights(tmp_path / "absent.pt", fetch="THE FILE")


def test_every_weight_must_be_there_and_fit():
    with pytest.raises(ValueError, match=r"1 weights do not match:\n  bias: missing in the file"):
        load_weights(nn.Linear(2, 3), {"weight": torch.ones(3, 2)}, origin="a.pt")
    with pytest.raises(ValueError, match=r"a\.pt does not fit .*\n  weight: shape \(3, 1\) in the file, \(3, 2\)"):
        load_weights(nn.Linear(2, 3), {"weight": torch.ones(3, 1), "bias": torch.ones(3)}, origin="a.pt")
    extra = {"weight": torch.ones(3, 2), "bias": torch.ones(3), "scale": torch.ones(3)}
    with pytest.raises(ValueError, match="scale: in the file, not in the network"):
        load_weights(nn.Linear(2, 3), extra, origin="a.pt")


def test_a_refused_file_leaves_the_module_as_it_was():
    layer = nn.Linear(2, 3)
    before = layer.weight.clone()
    with pytest.raises(ValueError, match="does not fit"):
        load_weights(layer, {"weight": torch.ones(3, 2)}, origin="a.pt")
    assert torch.equal(layer.weight, before)


def test_what_matches_is_taken_where_that_is_asked_for():
    layer = nn.Linear(2, 3)
    before = layer.bias.clone()
    given = {"weight": torch.ones(3, 2), "bias": torch.ones(4), "scale": torch.ones(3)}
    report = load_weights(layer, given, origin="a.pt", strict=False)
    assert torch.equal(layer.weight, torch.ones(3, 2))
    assert torch.equal(layer.bias, before)
    assert (report.matched, report.unexpected, report.shapes) == (("weight",), ("scale",), {"bias": ((4,), (3,))})
    with pytest.raises(ValueError, match="nothing matches"):
        load_weights(layer, {"scale": torch.ones(3)}, origin="a.pt", strict=False)


def test_modules_are_taken_by_name_whatever_they_are_called_in_the_file():
    donor = nn.ModuleDict({"tim": nn.Linear(2, 2), "tim2": nn.Linear(2, 2), "head": nn.Linear(2, 5)}).state_dict()
    for modules, expected in (({"tim": "tim"}, "tim"), ({"tim": "tim2"}, "tim2")):
        taker = nn.ModuleDict({"tim": nn.Linear(2, 2), "encoder": nn.Linear(2, 2)})
        encoder = taker["encoder"].weight.clone()
        report = load_weights(taker, donor, origin="a.pt", modules=modules)
        assert torch.equal(taker["tim"].weight, donor[f"{expected}.weight"])
        assert torch.equal(taker["encoder"].weight, encoder)
        assert report.matched == ("tim.weight", "tim.bias")
        assert report.untouched == ("encoder.weight", "encoder.bias")
        assert report.fits


def test_a_whole_file_can_fill_a_module_and_a_module_of_the_file_a_whole_network():
    small, large = nn.Linear(2, 2), nn.ModuleDict({"tim": nn.Linear(2, 2)})
    assert load_weights(large, small.state_dict(), origin="a.pt", modules={"tim": "."}).fits
    assert torch.equal(large["tim"].weight, small.weight)
    other = nn.Linear(2, 2)
    assert load_weights(other, large.state_dict(), origin="a.pt", modules={".": "tim"}).fits
    assert torch.equal(other.weight, small.weight)


def test_a_module_that_is_not_there_is_named_with_those_that_are():
    layers = nn.ModuleDict({"tim": nn.Linear(2, 2), "encoder": nn.Linear(2, 2)})
    with pytest.raises(ValueError, match=r"no module 'ti' in the network; it has tim, encoder"):
        load_weights(layers, layers.state_dict(), origin="a.pt", modules={"ti": "tim"})
    with pytest.raises(ValueError, match=r"no module 'ti' in a\.pt; it has tim, encoder"):
        load_weights(layers, layers.state_dict(), origin="a.pt", modules={"tim": "ti"})


def test_modules_are_strict_too_unless_asked_otherwise():
    layers = nn.ModuleDict({"tim": nn.Linear(2, 2)})
    given = {"tim.weight": torch.ones(2, 2)}
    with pytest.raises(ValueError, match=r"tim\.bias: missing in the file"):
        load_weights(layers, given, origin="a.pt", modules={"tim": "tim"})
    assert load_weights(layers, given, origin="a.pt", modules={"tim": "tim"}, strict=False).missing == ("tim.bias",)
