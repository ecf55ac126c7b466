"""Damage, drawn by a seeded generator: of bytes, of text, and of plain data."""

from __future__ import annotations

import copy
import gzip
import json
import random
import re
import zlib

NUMBERS = (
    "0", "-1", "1", "-0.0", "1e-300", "1e300", "1e999", "-1e999", "nan", "inf", "2147483648", "-2147483649",
    "9223372036854775808", "9" * 400, "9" * 5000, "0x10", "1_000", "0.5", "65536", "1000000", "", "x", "١",
)  # fmt: skip
WORDS = (
    "",
    "x",
    "none",
    "\0",
    "../../../etc/passwd",
    "/dev/zero",
    "x" * 5000,
    "é",
    "\ud800",
    "%d",
    "LIST",
    "[[[[[[",
    "(",
)
HOSTILE = (
    None, True, 0, -1, 1, 2**31, 2**63, 10**30, 10**400, 0.5, -0.0, 1e-300, 1e300, float("inf"), float("nan"), "", "x",
    "0",
    "x" * 5000, "\0", "\ud800", "../../x", "/dev/zero", [], {}, [[]], [None], {"": None}, [0], ["x"] * 100, [1e300] * 3,
)  # fmt: skip
_WIDTHS = (1, 2, 4, 8)


def damaged(data: bytes, draw: random.Random, header: int = 600) -> bytes:
    """Some bytes changed, gone or added, most often among the first `header`; packed contents now and then within."""
    if data[:2] == b"\x1f\x8b" and draw.random() < 0.5:
        return gzip.compress(damaged(gzip.decompress(data), draw, header), 1, mtime=0)
    changed = bytearray(data)
    for _ in range(draw.choice((1, 1, 1, 2, 3, 8))):
        _damage(changed, draw, header)
    return bytes(changed)


def _damage(data: bytearray, draw: random.Random, header: int) -> None:
    if not data:
        data += draw.randbytes(draw.randrange(20))
        return
    most = min(len(data), header) if draw.random() < 0.7 else len(data)
    at, length = draw.randrange(most), draw.choice((1, 2, 4, 8, 64, 1000))
    kind = draw.randrange(8)
    if kind == 0:
        data[at] ^= 1 << draw.randrange(8)
    elif kind == 1:
        data[at : at + length] = draw.randbytes(len(data[at : at + length]))
    elif kind == 2:
        width = draw.choice(_WIDTHS)
        number = draw.choice((0, 1, 255, 2**15, 2**16 - 1, 2**31 - 1, 2**31, 2**32 - 1, 2**63, 2**64 - 1)) % 256**width
        data[at : at + width] = number.to_bytes(width, draw.choice(("little", "big")))
    elif kind == 3:
        del data[at:]
    elif kind == 4:
        del data[at : at + length]
    elif kind == 5:
        data[at:at] = data[at : at + length]
    elif kind == 6:
        data[at:at] = draw.randbytes(length)
    else:
        data[at : at + length] = bytes(len(data[at : at + length]))


def damaged_text(data: bytes, draw: random.Random) -> bytes:
    """A text header with other numbers, words and lines, before whatever follows it."""
    text = data.decode("latin1")
    for _ in range(draw.choice((1, 1, 2, 3))):
        lines = text.split("\n")
        kind = draw.randrange(6)
        if kind < 3:
            text = _replaced(text, r"-?\d[\d.e+-]*", NUMBERS, draw)
        elif kind == 3:
            text = _replaced(text, r"[A-Za-z][\w-]*", WORDS, draw)
        else:
            at = draw.randrange(len(lines))
            lines[at : at + 1] = [] if kind == 4 else [lines[at], draw.choice(lines)]
            text = "\n".join(lines)
    return text.encode("utf-8", "surrogatepass") if draw.random() < 0.2 else text.encode("latin1", "replace")


def _replaced(text: str, pattern: str, choices: tuple[str, ...], draw: random.Random) -> str:
    found = list(re.finditer(pattern, text[:4000]))
    if not found:
        return text
    one = draw.choice(found)
    return text[: one.start()] + draw.choice(choices) + text[one.end() :]


def damaged_data(values: object, draw: random.Random, hostile: tuple = HOSTILE) -> object:
    """A copy of plain data with entries replaced, taken out, added or doubled."""
    changed = [copy.deepcopy(values)]
    for _ in range(draw.choice((1, 1, 1, 2, 4))):
        holders = [changed, *_holders(changed[0])]
        holder = draw.choice(holders)
        keys = list(holder) if isinstance(holder, dict) else list(range(len(holder)))
        if not keys:
            continue
        key, kind = draw.choice(keys), draw.randrange(8)
        if kind == 0 and holder is not changed:
            del holder[key]
        elif kind == 1 and isinstance(holder, dict):
            holder[draw.choice(("", "x", "id", "name", key))] = copy.deepcopy(draw.choice(hostile))
        elif kind == 2 and isinstance(holder, list) and holder is not changed:
            holder.append(copy.deepcopy(holder[key]))
        else:
            holder[key] = copy.deepcopy(draw.choice(hostile))
    return changed[0]


def _holders(values: object) -> list:
    inner = values.values() if isinstance(values, dict) else values if isinstance(values, (list, tuple)) else ()
    own = [values] if isinstance(values, (dict, list)) and values else []
    return own + [holder for value in inner for holder in _holders(value)]


def damaged_json(data: bytes, draw: random.Random) -> bytes:
    """A JSON file of other values, or with damaged bytes."""
    if draw.random() < 0.2:
        return damaged(data, draw)
    if draw.random() < 0.02:
        return draw.choice((b"[" * 100_000, b"{" * 5000, b"9" * 5000, b"\xff\xfe", b"null", b'"x"', b"\xef\xbb\xbf{}"))
    try:
        return json.dumps(damaged_data(json.loads(data), draw)).encode("utf-8", "surrogatepass")
    except ValueError:  # a whole number of more digits than Python writes
        return b"1" * 5000


def damaged_mha(data: bytes, draw: random.Random) -> bytes:
    """A MetaImage or NRRD: its header as text, its bytes, or its packed contents."""
    if draw.random() < 0.6:
        return damaged_text(data, draw)
    at = data.find(b"\x78\x5e")
    if at > 0 and draw.random() < 0.3:
        return data[:at] + zlib.compress(damaged(zlib.decompress(data[at:]), draw), 1)
    return damaged(data, draw)
