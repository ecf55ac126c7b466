"""Errors that a user is meant to read: each says what is wrong, and what to do about it."""

from __future__ import annotations


class MedDDPMError(Exception):
    """A failure the user can act on.

    message: one sentence naming the thing that is wrong.
    hint: what to do about it, or "".
    code: a short stable word for programs (the worker protocol, exit codes).
    """

    code = "error"

    def __init__(self, message: str, hint: str = ""):
        super().__init__(message)
        self.message = message.encode("utf-8", "backslashreplace").decode()  # names of files may hold half characters
        self.hint = hint.encode("utf-8", "backslashreplace").decode()

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


def shown(path: object, most: int = 200) -> str:
    """A path as a message shows it: what cannot be printed is escaped, of what is too long come beginning and end."""
    text = "".join(letter if letter.isprintable() else ascii(letter)[1:-1] for letter in str(path))
    return text if len(text) <= most else f"{text[: most // 2]} … {text[-most // 2 :]}"
