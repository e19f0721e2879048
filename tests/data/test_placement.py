"""Features go on the device where they fit, and a person is told where they do not."""

import pytest
import torch

from transfer.data.placement import available_memory, in_memory


@pytest.mark.parametrize(
    ("wanted", "size", "kept"),
    [("auto", 50, True), ("auto", 51, False), ("memory", 1000, True), ("disk", 1, False)],
)
def test_half_of_the_free_memory_is_the_limit_unless_the_recipe_says_so(wanted, size, kept):
    found, note = in_memory(wanted, size, 100)
    assert found is kept
    assert ("stay on the disk" in note) is not kept


def test_the_limit_of_a_container_counts(tmp_path):
    for name, text in {
        "proc/meminfo": "MemTotal:  9000 kB\nMemAvailable:  400 kB\n",
        "sys/fs/cgroup/memory.max": "300000\n",
        "sys/fs/cgroup/memory.current": "100000\n",
    }.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    cpu = torch.device("cpu")
    assert available_memory(cpu, system=tmp_path) == 200_000
    (tmp_path / "sys/fs/cgroup/memory.max").write_text("max\n")
    assert available_memory(cpu, system=tmp_path) == 400 * 1024
