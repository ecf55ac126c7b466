"""Tables as text, CSV or TSV, that can be opened in a spreadsheet without harm."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Iterable, Sequence
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
