"""Source and target in two dimensions, before training and after, by PCA and by t-SNE.

Colour says the domain, or the true class; dots are the source's slices and crosses the target's.
"""

from __future__ import annotations

import zipfile
from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt
from markupsafe import Markup

from transfer.evaluation.projections import plane, read_projections, tsne
from transfer.evaluation.report.folder import Comparison
from transfer.evaluation.report.svg import Drawing, dots, drawing, element

__all__ = ["Legend", "projection_drawings"]

SIZE, AIR = 210, 10

Arrays = Mapping[str, npt.NDArray]


class Legend:
    """Domains and classes of all pictures, each with the class of its colour."""

    def __init__(self) -> None:
        self.domains: dict[str, str] = {}
        self.labels: dict[str, str] = {}

    def add(self, domains: Sequence[str], labels: Sequence[str]) -> None:
        """Give what is new the next colour."""
        for known, names, letter in ((self.domains, domains, "d"), (self.labels, labels, "c")):
            for name in dict.fromkeys(str(name) for name in names):
                known.setdefault(name, f"{letter}{len(known) % 8}")


def projection_drawings(comparison: Comparison) -> tuple[dict[str, list[Drawing]], Legend]:
    """Return for each system, of its first run that has them, four pictures: PCA before and after, t-SNE before and after."""
    legend, pictures, known = Legend(), dict[str, list[Drawing]](), dict[bytes, npt.NDArray]()
    for name in comparison.names:
        for run in comparison.runs[name]:
            try:
                arrays = read_projections(run.folder / "projections.npz")
            except (OSError, ValueError, KeyError, zipfile.BadZipFile):
                continue
            legend.add(arrays["domain"].tolist(), sorted(set(arrays["label"].tolist())))
            seed = f"seed {run.seed}" + (f", fold {run.fold}" if run.fold else "")
            before, after = (_both(arrays, time, legend, known, f"{name}, {seed}") for time in ("before", "after"))
            pictures[name] = [drawn for pair in zip(before, after, strict=True) for drawn in pair]
            break
    return pictures, legend


def _both(arrays: Arrays, time: str, legend: Legend, known: dict[bytes, npt.NDArray], label: str) -> list[Drawing]:
    """Return the PCA and the t-SNE of one time."""
    components, variance = arrays[time].astype(np.float64), float(arrays[f"{time}_share"][:2].sum())
    content = arrays[time].tobytes()  # systems of one seed begin alike: the same picture is computed once
    if content not in known:
        known[content] = tsne(components)
    flat = plane(components)
    return [
        Drawing(f"PCA, {time}", _picture(flat, arrays, legend, f"PCA {time}: {label}"), f"{variance:.0%} of variance"),
        Drawing(f"t-SNE, {time}", _picture(known[content], arrays, legend, f"t-SNE {time}: {label}")),
    ]


def _picture(xy: npt.NDArray, arrays: Arrays, legend: Legend, label: str) -> Markup:
    """Return one square of points."""
    low, high = xy.min(axis=0), xy.max(axis=0)
    places = AIR + (xy - low) / max(float((high - low).max()), 1e-12) * (SIZE - 2 * AIR)
    places += (SIZE - places.max(axis=0) - places.min(axis=0)) / 2
    kinds = list(zip(arrays["domain"].tolist(), arrays["label"].tolist(), strict=True))
    target = kinds[-1][0]  # a sample ends with the target's slices
    shapes = [element("rect", x=0.5, y=0.5, width=SIZE - 1, height=SIZE - 1, class_="frame")]
    for domain, words in sorted(set(kinds)):
        chosen = places[[kind == (domain, words) for kind in kinds]].tolist()
        shapes.append(dots(chosen, class_=f"{legend.domains[domain]} {legend.labels[words]}", cross=domain == target))
    return drawing(SIZE, SIZE, label, shapes)
