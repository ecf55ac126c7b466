"""DICOM headers read without a library (PS3.5 chapter 7, PS3.10): what a file is, and if its lengths can be true."""

from __future__ import annotations

from pathlib import Path

from MedDDPMCore.volumes.decoding import damaged, decoding

_SHORT = {
    b"AE", b"AS", b"AT", b"CS", b"DA", b"DS", b"DT", b"FD", b"FL", b"IS", b"LO", b"LT", b"PN", b"SH", b"SL", b"SS",
    b"ST", b"TM", b"UI", b"UL", b"US",
}  # fmt: skip
_LONG = {b"OB", b"OD", b"OF", b"OL", b"OV", b"OW", b"SQ", b"SV", b"UC", b"UN", b"UR", b"UT", b"UV"}
"""Value representations whose length has two bytes, and those of four."""
_IMPLICIT, _EXPLICIT = "1.2.840.10008.1.2", "1.2.840.10008.1.2.1"
_PLAIN = {_IMPLICIT, _EXPLICIT}
"""Transfer syntaxes, little endian, whose voxels are not packed."""
_UNREAD = {"1.2.840.10008.1.2.2", "1.2.840.10008.1.2.1.99"}
"""Big endian and deflated: their elements are not walked over."""
_UNDEFINED = 0xFFFFFFFF
_PIXELS = 0x7FE00010
_SIZES = {0x00280010: "rows", 0x00280011: "columns", 0x00280002: "samples", 0x00280100: "bits"}


def meta(path: Path, element: int) -> str | None:
    """A UID of the meta header (group 0002) of a DICOM file; None for what is not a DICOM file.

    2: the SOP class, 0x10: the transfer syntax.
    """
    try:
        with path.open("rb") as stream:
            head = stream.read(1024)
    except OSError:
        return None
    return _meta(head, element) if head[128:132] == b"DICM" else None


def _meta(head: bytes, element: int) -> str:
    start = head.find(b"\x02\x00" + element.to_bytes(2, "little") + b"UI")
    length = int.from_bytes(head[start + 6 : start + 8], "little") if start > 0 else 0
    return head[start + 8 : start + 8 + length].decode("ascii", "replace").strip("\0 ")


def require_true_lengths(path: Path) -> None:
    """VolumeError where an element, or the voxels, of a DICOM file would be longer than the file: decoders take memory
    for what a header claims. A file without the preamble, as decoders take it too, is one if it begins with group 2 or
    8; what is none is let through."""
    with decoding(path), path.open("rb") as stream:
        content = stream.read(132)
        position = 132 if content[128:] == b"DICM" else 0
        if position == 0 and _number(content, 0, 2) not in (2, 8):
            return
        content += stream.read()
    syntax = _meta(content[position : position + 1024], 0x10)
    if not syntax and _number(content, position, 2) == 8:
        syntax = _EXPLICIT if content[position + 4 : position + 6].isalpha() else _IMPLICIT
    if not syntax:
        raise damaged(path, "its header does not say how it is encoded")
    if syntax in _UNREAD:
        return
    sizes, pixels, packed = {"samples": 1}, None, False
    while position + 8 <= len(content):
        tag = _number(content, position, 2) << 16 | _number(content, position + 2, 2)
        explicit = tag >> 16 != 0xFFFE and (tag >> 16 == 2 or syntax != _IMPLICIT)
        kind = content[position + 4 : position + 6] if explicit else b""
        if kind in _LONG:
            length, start = _number(content, position + 8, 4), position + 12
        elif kind:
            if kind in (b"??", b"  ") or not any(content[position:]):  # some writers' own, and padding at the end
                return
            if kind not in _SHORT:  # where GDCM would take the value for its length
                raise damaged(path, f"its header is nonsense from byte {position} on")
            length, start = _number(content, position + 6, 2), position + 8
        else:
            length, start = _number(content, position + 4, 4), position + 8
        if length != _UNDEFINED and start + length > len(content):
            raise damaged(path, f"an element claims {length} bytes at byte {position} of {len(content)}")
        if length == _UNDEFINED and kind == b"UN":
            return
        if tag in _SIZES and length == 2:
            sizes[_SIZES[tag]] = _number(content, start, 2)
        if tag == _PIXELS:
            pixels, packed = length, length == _UNDEFINED
        inside = length == _UNDEFINED or kind == b"SQ" or (tag == 0xFFFEE000 and not packed)
        position = start if inside else start + length
    claimed = sizes.get("rows", 0) * sizes.get("columns", 0) * sizes["samples"] * sizes.get("bits", 0) // 8
    if syntax in _PLAIN and pixels is not None and claimed > pixels:
        raise damaged(path, f"{pixels} bytes cannot hold the {claimed} bytes of its rows and columns")


def _number(content: bytes, start: int, length: int) -> int:
    return int.from_bytes(content[start : start + length], "little")
