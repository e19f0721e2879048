"""From a model and a corpus to a prediction table."""

from __future__ import annotations

from collections.abc import Iterator

import pandas as pd
import torch
from torch import Tensor

from transfer.data.cache import hash_id
from transfer.data.domain import Domain
from transfer.evaluation.subgroups import age_band
from transfer.model import TransferModel

__all__ = ["embeddings", "predict"]

AT_ONCE = {"cpu": 8}  # slices: few stay in a processor's cache (docs/extractors_speed.md); an accelerator wants many
MANY = 64


def batches(domain: Domain, rows: Tensor, batch_size: int) -> Iterator[Tensor]:
    """Yield rows in batches of like length, so that little padding is computed."""
    order = torch.argsort(domain.lengths[rows.to(domain.device)].cpu(), stable=True)
    yield from (chosen for chosen in torch.split(rows[order], batch_size) if len(chosen))


@torch.no_grad()
def predict(
    model: TransferModel, domain: Domain, part: str, *, batch_size: int | None = None, plain_ids: bool = False
) -> pd.DataFrame:
    """Return the prediction table of a part: one row a slice, with sex, age band and language where the corpus knows them.

    Args:
        model: in the state that is to be judged; it is put into eval mode and left as it was.
        domain: the corpus.
        part: `train`, `valid` or `test`.
        batch_size: slices computed at once; default: what the device computes fastest.
        plain_ids: keep speaker ids and recordings as they are, not hashed.
    """
    table = domain.table.reset_index(drop=True)
    rows = torch.tensor(table.index[table["part"] == part].to_numpy())
    probabilities = torch.zeros(len(table), len(domain.classes))
    training = model.training
    model.eval()
    for chosen in batches(domain, rows, batch_size or AT_ONCE.get(domain.device.type, MANY)):
        batch = domain.batch(chosen)
        logits = model(batch.features, batch.lengths, domain.name)
        probabilities[chosen] = torch.softmax(logits.float(), dim=1).cpu()
    model.train(training)
    kept = table.loc[rows.numpy()]
    name = (lambda kind, text: text) if plain_ids else (lambda kind, text: hash_id(f"{domain.name}/{kind}/{text}"))
    out: pd.DataFrame = pd.DataFrame(
        {
            "corpus": domain.name,
            "part": part,
            "slice": kept.index,
            "recording": [name("recording", r) for r in kept["recording"]],
            "subject": [name("speaker", s) for s in kept["speaker"]],
            "truth": kept["label"].to_numpy(),
        }
    )
    columns = [f"p_{c}" for c in domain.classes]
    out[columns] = probabilities[rows].numpy().astype(float)
    described: pd.DataFrame = out.assign(**_people(kept))
    return described


def _people(slices: pd.DataFrame) -> dict[str, list[str]]:
    """Return what is known of who speaks; of age the band only, for an age may tell who it is."""
    told = {name: slices[name].tolist() for name in ("sex", "age", "language") if name in slices}
    if "age" in told:
        told["age"] = [age_band(years) for years in told["age"]]
    return {name: values for name, values in told.items() if any(values)}


@torch.no_grad()
def embeddings(model: TransferModel, domain: Domain, rows: Tensor, *, batch_size: int = 64) -> dict[str, Tensor]:
    """Return the pooled representation of rows at each level, in their order: level -> (n, d)."""
    training = model.training
    model.eval()
    parts = [
        model.embed(b.features, b.lengths, domain.name)
        for b in (domain.batch(r) for r in torch.split(rows, batch_size))
    ]
    model.train(training)
    return {level: torch.cat([part[level] for part in parts]).cpu() for level in parts[0]}
