"""Peak memory of one training step of SincNet: batch 32, clips of 4 s, a frame every 10 ms.

    python benchmarks/bench_sincnet.py
    python benchmarks/bench_sincnet.py --device cuda --chunk 512

On the CPU the peak is that of the process, PyTorch itself included; on CUDA that of the allocator.
"""

from __future__ import annotations

import argparse
import json
import resource
import sys
import time

import torch

from feature_extractors import LinearHead
from feature_extractors.sincnet import SincNet


def peak_gigabytes(device: str) -> float:
    """Return the most memory held so far."""
    if device == "cuda":
        return torch.cuda.max_memory_allocated() / 1e9
    unit = 1 if sys.platform == "darwin" else 1024  # bytes there, kibibytes elsewhere
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 1e9


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--batch", type=int, default=32)
    parser.add_argument("--seconds", type=float, default=4.0)
    parser.add_argument("--shift", type=int, default=160, help="samples from one frame to the next")
    parser.add_argument("--chunk", type=int, default=64, help="frames that go through the convolutions at once")
    parser.add_argument("--device", choices=("cpu", "cuda"), default="cpu")
    arguments = parser.parse_args()
    extractor = SincNet(in_channels=1, shift=arguments.shift, chunk=arguments.chunk)
    head = LinearHead(in_features=extractor.dim, classes=6)
    model = torch.nn.ModuleDict({"extractor": extractor, "head": head}).to(arguments.device).train()
    optimizer = torch.optim.AdamW(model.parameters())
    x = torch.randn(arguments.batch, 1, int(16000 * arguments.seconds), device=arguments.device)
    start = time.perf_counter()
    frames = extractor(x)
    torch.nn.functional.cross_entropy(head(frames), torch.arange(len(x), device=x.device) % 6).backward()
    optimizer.step()
    result = {
        **vars(arguments),
        "frames": int(frames.lengths.sum()),
        "seconds_a_step": round(time.perf_counter() - start, 1),
        "peak_gb": round(peak_gigabytes(arguments.device), 2),
    }
    print(json.dumps(result))


if __name__ == "__main__":
    main()
