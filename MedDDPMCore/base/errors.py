"""Errors that a user is meant to read: each says what is wrong, and what to do about it."""

from __future__ import annotations

import codecs
import re
import unicodedata
from collections.abc import Mapping

LOST = "\ufffd"
"""What stands for a byte of a file's name that is no letter."""


class MedDDPMError(Exception):
    """A failure the user can act on.

    message: one sentence naming the thing that is wrong.
    hint: what to do about it, or "".
    code: a short stable word for programs (the worker protocol, exit codes).
    """

    code = "error"

    def __init__(self, message: str, hint: str = ""):
        super().__init__(message)
        self.message, self.hint = readable(message), readable(hint)

    def __str__(self) -> str:
        return f"{self.message} {self.hint}".strip()


class VolumeError(MedDDPMError):
    """A file or array that cannot be used as a volume."""

    code = "volume"


class LabelError(MedDDPMError):
    """A segmentation whose labels do not fit the model."""

    code = "labels"


class ModelError(MedDDPMError):
    """A model folder or checkpoint that cannot be used."""

    code = "model"


class TrainingError(MedDDPMError):
    """Training data or a training run that cannot go on."""

    code = "training"


class EvaluationError(MedDDPMError):
    """Images or features that cannot be compared."""

    code = "evaluation"


class ResourceError(MedDDPMError):
    """Not enough memory, disk or device."""

    code = "resources"


class BusyError(MedDDPMError):
    """A folder that another process is writing into."""

    code = "busy"


def readable(text: str) -> str:
    """A text with LOST for the bytes of files' names that are no UTF-8, which Python holds as half characters."""
    return re.sub("[\ud800-\udfff]", LOST, text)


def _in_fewer_letters(error: UnicodeError) -> tuple[bytes, int]:
    """What stands for letters that an output's character set lacks: the same without accents, or a question mark."""
    if not isinstance(error, UnicodeEncodeError):
        raise error
    content = b""
    for letter in readable(error.object[error.start : error.end]):
        plain = letter if letter == LOST else unicodedata.normalize("NFKD", letter).encode("ascii", "ignore").decode()
        try:
            content += (plain or "?").encode(error.encoding)
        except UnicodeEncodeError:
            content += b"?"
    return content, error.end


FEWER_LETTERS = "medddpm"
"""The error handler of streams that may lack letters; it never fails."""
codecs.register_error(FEWER_LETTERS, _in_fewer_letters)


def shown(path: object, most: int = 200) -> str:
    """A path as a message shows it: what cannot be printed is escaped, of what is too long come beginning and end."""
    letters = readable(str(path))
    text = "".join(letter if letter.isprintable() else ascii(letter)[1:-1] for letter in letters)
    return text if len(text) <= most else f"{text[: most // 2]} … {text[-most // 2 :]}"


def reasons(told: Mapping[str, str], most: int = 5, longest: int = 200) -> str:
    """Names, each with what is told of it, in one line; of more than `most` the rest are counted."""
    parts = []
    for name, why in list(told.items())[:most]:
        text = " ".join(f"{name}: {why}".split()).rstrip(".")
        parts.append(text if len(text) <= longest else f"{text[:longest]} …")
    return "; ".join([*parts, f"and {len(told) - most} more"] if len(told) > most else parts)
