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
    (tmp_path / "bad.safetensors").write_bytes(b"not a file")
    with pytest.raises(ValueError, match="is not a safetensors file, or is damaged"):
        read_weights(tmp_path / "bad.safetensors", fetch="")
    with pytest.raises(ValueError, match=r"no weights at .*; fetch THE FILE and put it there"):
        read_weights(tmp_path / "absent.pt", fetch="THE FILE")


def test_every_weight_must_be_there_and_fit():
    with pytest.raises(ValueError, match="Missing key"):
        load_weights(nn.Linear(2, 3), {"weight": torch.ones(3, 2)}, origin="a.pt")
    with pytest.raises(ValueError, match=r"a\.pt does not fit .*size mismatch"):
        load_weights(nn.Linear(2, 3), {"weight": torch.ones(3, 1), "bias": torch.ones(3)}, origin="a.pt")
