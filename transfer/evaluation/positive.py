"""Which of two classes a study looks for: the one that sensitivity is about."""

from __future__ import annotations

import re
from collections.abc import Sequence

from transfer.errors import UserError, did_you_mean

__all__ = ["named_positive", "positive_class"]

_SOUGHT = re.compile(
    r"""mdd | depressed | depression | depressive | positive | pos | patients? | cases? | pd | ad | true | yes | ill | sick | 1
    | krank | erkrankt | depressiv | patientin | patienten | positiv | ja | malade | dépressif | dépression | oui | enfermo
    | depresión | malato | depresso | depressione | paziente | chory | depresja | pacjent | 抑郁 | 抑郁症 | 患者 | 病人 | 阳性 | 是""",
    re.VERBOSE,
)
_HEALTHY = re.compile(
    r"""hc | nc | controls? | healthy | normal | negative | neg | false | no | 0 | gesund | kontrollen? | kontrollgruppe | negativ
    | nein | sain | contrôle | témoin | non | sano | controllo | zdrowy | kontrola | 健康 | 正常 | 对照 | 对照组 | 阴性 | 否""",
    re.VERBOSE,
)


def named_positive(classes: Sequence[str]) -> str | None:
    """Return the class named like a patient, or of two the one beside a healthy control; None where names do not say.

    Example:
        >>> named_positive(["gesund", "schwermütig"]), named_positive(["calm", "angry"])
        ('schwermütig', None)
    """
    found = [name for name in classes if _SOUGHT.fullmatch(name.casefold())]
    if not found and len(classes) == 2 and sum(map(_healthy, classes)) == 1:
        found = [name for name in classes if not _healthy(name)]
    return found[-1] if found else None


def positive_class(classes: Sequence[str], positive: str | None = None) -> str:
    """Return the class that sensitivity is about: the one given, else the one its name tells (`named_positive`), else the last.

    Raises:
        UserError: where the class given is none of the classes.

    Example:
        >>> positive_class(["MDD", "HC"]), positive_class(["calm", "angry"])
        ('MDD', 'angry')
    """
    if positive is not None:
        if positive not in classes:
            raise UserError(f"positive class {positive!r} is no class; {did_you_mean(positive, classes)}")
        return positive
    return named_positive(classes) or classes[-1]


def _healthy(name: str) -> bool:
    """Tell whether a class is named like a healthy control."""
    return _HEALTHY.fullmatch(name.casefold()) is not None
