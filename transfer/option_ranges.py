"""What numbers the options of a component may be: ranges by the option's name, one table for all classes of the toolkit.

It says what would otherwise show as an error of torch, or not at all. What one class alone asks for (3 orders of MFCC,
heads that divide the width), its constructor says.
"""

from __future__ import annotations

from types import UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic import Field

__all__ = ["RANGES", "bounded", "is_ours"]

FINITE: Any = Field(allow_inf_nan=False)
AT_LEAST_ONE: Any = Field(ge=1, le=1_000_000)
NOT_NEGATIVE: Any = Field(ge=0, le=1_000_000)
RANGES: dict[str, Any] = {
    "blocks": Field(ge=1, le=1000),
    "depth": NOT_NEGATIVE,
    "dropout": Field(ge=0, lt=1),
    "feedforward": NOT_NEGATIVE,  # 0: without such a layer, where there may be none
    "frequency_masks": NOT_NEGATIVE,
    "frequency_width": NOT_NEGATIVE,
    "layers": NOT_NEGATIVE,  # 0: of a network that has others beside them
    "momentum": Field(ge=0, lt=1),
    "n_fft": Field(ge=1, le=65_536),
    "random_products": NOT_NEGATIVE,
    "sample_rate": Field(ge=1, le=1_000_000),
    "seed": Field(ge=0, lt=2**32),
    "time_masks": NOT_NEGATIVE,
    "time_width": NOT_NEGATIVE,
    "unfreeze_every": NOT_NEGATIVE,
}
"""Name of an option -> its range. Whole numbers that are not named are 1 to a million: they count what must be there."""


def bounded(name: str, hint: Any) -> Any:
    """Return the type of an option with its numbers bounded, those inside of lists and unions too.

    Args:
        name: of the option.
        hint: as the constructor annotates it.

    Example:
        >>> from pydantic import TypeAdapter
        >>> TypeAdapter(bounded("widths", list[int] | None)).json_schema()["anyOf"][0]["items"]["minimum"]
        1
    """
    if hint is int:
        return Annotated[int, RANGES.get(name, AT_LEAST_ONE)]
    if hint is float:
        return Annotated[float, FINITE, RANGES[name]] if name in RANGES else Annotated[float, FINITE]
    origin, parts = get_origin(hint), get_args(hint)
    if origin is None or origin is Literal:
        return hint
    inner = tuple(part if part is ... else bounded(name, part) for part in parts)
    return Union[inner] if origin in (Union, UnionType) else origin[inner]  # noqa: UP007 (of a tuple)


def is_ours(cls: type) -> bool:
    """Tell whether a class comes with the toolkit: one of the user's own knows its ranges itself.

    Example:
        >>> from losses import CMD
        >>> is_ours(CMD), is_ours(dict)
        (True, False)
    """
    return cls.__module__.partition(".")[0] in ("feature_extractors", "losses", "transfer")
