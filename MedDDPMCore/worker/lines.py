"""The lines between a worker and its client: requests in, whatever bytes they are, and events out."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from typing import BinaryIO

from ..base.errors import MedDDPMError

_LONGEST_LINE = 1 << 20
_LONGEST_NUMBER = 20
"""Digits of a whole number; what any entry may be has fewer."""


class ProtocolError(MedDDPMError):
    """A request that does not follow the protocol."""

    code = "protocol"


class Unheard(Exception):
    """Nobody takes the events any more: the pipe is broken, or the disk that they go to is full."""


def lines_of(stream: BinaryIO) -> Iterator[str]:
    """The lines of a stream. Of one that is too long its beginning comes, as a line that is no request."""
    while line := stream.readline(_LONGEST_LINE):
        rest = line
        while len(rest) == _LONGEST_LINE and not rest.endswith(b"\n"):
            line = b"a line that is too long begins with " + line[:100]
            rest = stream.readline(_LONGEST_LINE)
        yield line.decode("utf-8", "replace")


def parsed(line: str) -> dict:
    """The request in a line; ProtocolError for everything else."""
    try:
        request = json.loads(line, parse_int=_whole, parse_float=_finite, parse_constant=_refuse)
    except (ValueError, RecursionError, MemoryError) as error:
        raise ProtocolError(f"A line was not understood: {str(error)[:200] or type(error).__name__}") from error
    if not isinstance(request, dict) or not isinstance(request.get("request"), str):
        raise ProtocolError("A request is a JSON object with the entry 'request'.")
    if not isinstance(request.get("id"), (str, int, type(None))):
        raise ProtocolError("The 'id' of a request must be a text.")
    return request


def identity_of(request: dict) -> str:
    """The id of a request that makes images, which it must have."""
    identity = request.get("id")
    if not isinstance(identity, str) or not identity:
        raise ProtocolError(f"A request to {request['request']} needs an 'id' of its own.")
    return identity


def path_in(request: dict, key: str) -> str:
    """A path that the request must have."""
    value = request.get(key)
    if not isinstance(value, str) or not value or "\0" in value:
        raise ProtocolError(f"The request needs '{key}', a path.")
    return value


def _whole(digits: str) -> int:
    if len(digits) > _LONGEST_NUMBER:
        raise ValueError(f"a number of {len(digits)} digits")
    return int(digits)


def _finite(digits: str) -> float:
    number = float(digits)
    if not math.isfinite(number):
        raise ValueError("a number beyond all bounds")
    return number


def _refuse(word: str) -> None:
    raise ValueError(f"{word} is no number")
