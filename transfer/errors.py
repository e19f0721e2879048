"""Errors that a user can mend: the command line prints their message and exits with 2."""

from __future__ import annotations

import difflib
from collections.abc import Iterable

__all__ = [
    "UNSUITABLE",
    "AudioError",
    "BundleError",
    "CorpusError",
    "LeakageError",
    "NumericsError",
    "Pruned",
    "RecipeError",
    "SplitError",
    "UserError",
    "did_you_mean",
]


UNSUITABLE = (TypeError, ValueError, ArithmeticError, LookupError, RuntimeError)
"""What Python and torch raise at a value that does not suit a class, in its constructor or at the first clip."""


class UserError(ValueError):
    """A mistake in what the user gave: the message says what was wrong, what was expected and what to do.

    Example:
        >>> raise UserError("no corpus named 'emvo'; did you mean 'emovo'?")
        Traceback (most recent call last):
        ...
        transfer.errors.UserError: no corpus named 'emvo'; did you mean 'emovo'?
    """


class RecipeError(UserError):
    """A recipe that cannot be read, or holds a key, name or value that does not exist."""


class BundleError(UserError):
    """A bundle that is damaged, was changed, or holds what a bundle must not hold."""


class CorpusError(UserError):
    """A corpus folder that is missing, empty, or holds nothing of the layout expected."""


class AudioError(UserError):
    """Audio that cannot be decoded, or holds nothing to learn from (empty, silent, not finite)."""


class SplitError(UserError):
    """Parts that cannot be made, or that would share a speaker."""


class LeakageError(UserError):
    """Parts that share what they may not share, without the recipe having accepted it by name."""


class NumericsError(UserError):
    """A loss, gradient or feature that is not finite."""


class Pruned(UserError):  # noqa: N818 (it is no mistake)
    """A trial that its study ended: others were better at the same epoch. Its run leaves no folder."""


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """Return a clause that suggests the nearest known name and lists all of them.

    Example:
        >>> did_you_mean("dan", ["dann", "mmd"])
        "did you mean 'dann'? Known: dann, mmd"
    """
    names = sorted(known)
    near = difflib.get_close_matches(name, names, n=1, cutoff=0.5)
    hint = f"did you mean '{near[0]}'? " if near else ""
    return f"{hint}Known: {', '.join(names) if names else 'none'}"
