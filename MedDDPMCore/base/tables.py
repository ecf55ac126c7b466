"""Tables as text, CSV or TSV: out, such as a spreadsheet opens without harm, and in, as spreadsheets write them."""

from __future__ import annotations

import csv
import io
import math
import os
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

_FORMULAS = ("=", "+", "-", "@", "\t", "\r")
"""How cells begin that spreadsheets compute: names of files and people may."""


def csv_text(header: Sequence[str], rows: Iterable[Sequence[Any]], separator: str = ",") -> str:
    """A heading and rows as text, a line each.

    A text that a spreadsheet would take for a formula gets an apostrophe in front, by which it is text to all of them;
    numbers stay as they are, also where they are given as text. None and numbers that are not one are empty cells.
    """
    text = io.StringIO()
    writer = csv.writer(text, delimiter=separator, lineterminator="\n")
    writer.writerows([[_cell(value) for value in row] for row in (header, *rows)])
    return text.getvalue()


def _cell(value: Any) -> Any:
    if isinstance(value, str):
        return f"'{value}" if value.startswith(_FORMULAS) and not _is_number(value) else value
    return "" if value is None or (isinstance(value, float) and math.isnan(value)) else value


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def csv_rows(path: Path) -> tuple[dict[int, dict], str]:
    """Line -> row of a table with a heading, and what separates its columns: commas, semicolons or tabs.

    A row: name of a column -> text; names in lower case and American English. Empty lines are passed over. Raises
    OSError, UnicodeDecodeError or csv.Error.
    """
    text = _decoded(path.read_bytes())
    separator = max(",;\t", key=text.partition("\n")[0].count)
    lines = enumerate(csv.DictReader(io.StringIO(text, newline=""), delimiter=separator), start=2)
    return {line: _known(row) for line, row in lines if _is_filled(row.values())}, separator


def named_in(table: Path, name: str) -> Path:
    """A file by the name that a table gives it: from the table's folder, perhaps as Windows writes it."""
    file = table.parent / name.strip()
    return file if os.path.lexists(file) else table.parent / name.strip().replace("\\", "/")


def _decoded(content: bytes) -> str:
    """The text of a file as spreadsheets write it: UTF-16 with its mark, UTF-8, or else Windows' Western letters."""
    if content.startswith((b"\xff\xfe", b"\xfe\xff")):
        return content.decode("utf-16")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError:
        return content.decode("cp1252")


def _known(row: dict) -> dict:
    """A row with plain names of its columns, without columns that have neither name nor content; what else has no
    column keeps the name None."""
    plain = {name: name and name.strip().lower().replace("tumour", "tumor") for name in row}
    return {plain[name]: value for name, value in row.items() if plain[name] or _is_filled([value])}


def _is_filled(cells: Iterable[str | list[str] | None]) -> bool:
    """Whether any cell holds more than blanks; those beyond the last column come as a list."""
    return any("".join(cell or "").strip() for cell in cells)
