"""The worst that can be done to files: cut, flipped, full, forbidden, written by two at once. Named, repaired or refused."""

import errno
import os
import subprocess
import sys
import threading
from contextlib import suppress

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from transfer.data import cache
from transfer.data.cache import atomic_write
from transfer.errors import UserError
from transfer.keeper import Keeper
from transfer.output import output_folder, partial_folder
from transfer.state_file import read_state, write_state

STATE = {"weights": torch.arange(64, dtype=torch.float32), "epoch": 3, "best": 0.5}


@settings(max_examples=60, deadline=None)
@given(place=st.floats(0, 1), bit=st.integers(0, 7))
def test_a_state_with_one_bit_flipped_is_refused_or_the_same(place, bit, tmp_path_factory):
    file = tmp_path_factory.mktemp("state") / "state"
    write_state(file, STATE)
    raw = bytearray(file.read_bytes())
    raw[int(place * (len(raw) - 1))] ^= 1 << bit
    file.write_bytes(bytes(raw))
    try:
        found = read_state(file)
    except UserError:
        return
    assert torch.equal(found["weights"], STATE["weights"])
    assert {k: v for k, v in found.items() if k != "weights"} == {"epoch": 3, "best": 0.5}


@pytest.mark.parametrize("share", [0.0, 0.1, 0.5, 0.99])
def test_a_state_that_was_cut_short_is_refused(share, tmp_path):
    write_state(tmp_path / "state", STATE)
    raw = (tmp_path / "state").read_bytes()
    (tmp_path / "state").write_bytes(raw[: int(share * len(raw))])
    with pytest.raises(UserError, match="cannot be used"):
        read_state(tmp_path / "state")


def test_two_writers_at_once_leave_one_of_both_whole(tmp_path):
    file = tmp_path / "state"

    def write(value):
        for _ in range(30):
            write_state(file, {"weights": torch.full((2000,), value)})

    writers = [threading.Thread(target=write, args=(float(i),)) for i in range(2)]
    for writer in writers:
        writer.start()
    while any(writer.is_alive() for writer in writers):
        with suppress(UserError):  # replaced between header and tensors: refused by the checksum, never mixed
            assert len(set(read_state(file)["weights"].tolist())) == 1
    for writer in writers:
        writer.join()
    assert len(set(read_state(file)["weights"].tolist())) == 1
    assert [path.name for path in tmp_path.iterdir()] == ["state"]


@pytest.mark.parametrize("step", ["write", "fsync", "replace"])
def test_a_disk_that_is_full_leaves_the_old_file_and_nothing_else(step, tmp_path, monkeypatch):
    write_state(tmp_path / "state", {"epoch": 1})

    def full(*args, **kwargs):
        raise OSError(errno.ENOSPC, "No space left on device")

    if step == "write":
        monkeypatch.setattr("transfer.state_file.save_file", full)
    else:
        owner = cache.os if step == "fsync" else cache.Path
        monkeypatch.setattr(owner, step, full)
    with pytest.raises(OSError, match="No space"):
        write_state(tmp_path / "state", {"epoch": 2})
    monkeypatch.undo()
    assert read_state(tmp_path / "state") == {"epoch": 1}
    assert [path.name for path in tmp_path.iterdir()] == ["state"]


def test_a_state_that_cannot_be_saved_is_named_and_the_run_can_go_on_from_the_one_before(tmp_path, monkeypatch):
    folder = tmp_path / "run"

    def full(*args, **kwargs):
        raise OSError(errno.ENOSPC, "No space left on device")

    def train():
        with output_folder(folder) as partial:
            keeper = Keeper(partial, seconds=0.0)
            keeper.step("transfer", lambda: {"epoch": 1}, epoch_over=True)
            monkeypatch.setattr("transfer.state_file.save_file", full)
            keeper.step("transfer", lambda: {"epoch": 2}, epoch_over=True)

    with pytest.raises(UserError, match=r"No space left on device.*--resume"):
        train()
    monkeypatch.undo()
    assert Keeper.kept(partial_folder(folder))
    with output_folder(folder, resume=True) as partial:
        assert Keeper(partial).stage("transfer") == {"epoch": 1}


LIMITED = """
import resource, signal, sys
from pathlib import Path
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))
from transfer.data.cache import atomic_write
try:
    atomic_write(Path(sys.argv[1]), lambda path: path.write_bytes(b"x" * 100_000))
except OSError as error:
    print(error.strerror)
"""


def test_a_file_larger_than_the_system_admits_leaves_the_old_one(tmp_path):
    atomic_write(tmp_path / "file", lambda path: path.write_bytes(b"old"))
    done = subprocess.run(
        [sys.executable, "-c", LIMITED, str(tmp_path / "file")], capture_output=True, text=True, check=True
    )
    assert "File too large" in done.stdout
    assert (tmp_path / "file").read_bytes() == b"old"
    assert len(list(tmp_path.iterdir())) == 1


FORBIDDEN = """
import os, sys
from pathlib import Path
from transfer.errors import UserError
from transfer.output import output_folder
from transfer.data.corpus import list_files
os.setgid(65534), os.setuid(65534)
for work in (lambda: output_folder(Path(sys.argv[1]) / "locked" / "run").__enter__(), lambda: list_files(Path(sys.argv[1]))):
    try:
        work()
    except UserError as error:
        print(error)
"""


@pytest.mark.skipif(os.geteuid() != 0, reason="gives up its rights, which root alone can")
def test_what_may_not_be_read_or_written_is_named(tmp_path_factory):
    import tempfile

    with tempfile.TemporaryDirectory() as name:
        os.chmod(name, 0o755)
        os.mkdir(os.path.join(name, "locked"), 0o700)
        done = subprocess.run([sys.executable, "-c", FORBIDDEN, name], capture_output=True, text=True, check=True)
    first, second = done.stdout.splitlines()
    assert "cannot be written (Permission denied); name another with --out" in first
    assert "the folder cannot be read (Permission denied)" in second


def test_a_lock_of_a_process_that_was_killed_holds_nothing(tmp_path):
    code = (
        "import sys, time; from pathlib import Path; from transfer.output import output_lock\n"
        "with output_lock(Path(sys.argv[1])): print('held', flush=True); time.sleep(60)"
    )
    holder = subprocess.Popen([sys.executable, "-c", code, str(tmp_path / "run")], stdout=subprocess.PIPE, text=True)
    assert holder.stdout.readline() == "held\n"
    with pytest.raises(UserError, match="another process is at work"), output_folder(tmp_path / "run"):
        pass
    holder.kill()
    holder.wait()
    holder.stdout.close()
    with output_folder(tmp_path / "run") as partial:
        (partial / "file").write_text("whole")
    assert (tmp_path / "run" / "file").is_file()
