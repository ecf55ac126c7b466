"""Writes the Qt translation template of all that the Slicer module says, translations/MedDDPM.ts beside this file.

Contexts are those by which Slicer looks texts up: a Python file's name, with its package's before it where it lies in
one, and the class of a .ui file. Qt's lupdate, lrelease and Linguist take the file.
"""

from __future__ import annotations

import ast
import xml.etree.ElementTree as ElementTree
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

MODULE = Path(__file__).resolve().parents[1] / "MedDDPMSlicer"
TEMPLATE = Path(__file__).resolve().parent / "translations" / "MedDDPM.ts"


class Message(NamedTuple):
    context: str
    source: str
    file: Path


def in_python(path: Path) -> Iterator[Message]:
    """Texts in calls of slicer.i18n's tr, known as _, and translate. ValueError for one that is made when it runs."""
    package = f"{path.parent.name}." if (path.parent / "__init__.py").is_file() else ""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in ("_", "translate")):
            continue
        texts = [argument.value if isinstance(argument, ast.Constant) else None for argument in node.args]
        if not all(isinstance(text, str) for text in texts):
            raise ValueError(f"{path}:{node.lineno}: only a plain text can be translated")
        yield Message(f"{package}{path.stem}" if len(texts) == 1 else texts[0], texts[-1], path)


def in_form(path: Path) -> Iterator[Message]:
    """Texts of a .ui file that are shown: not those marked as no text of a language."""
    root = ElementTree.parse(path).getroot()
    for element in root.iter("property"):
        text = element.find("string")
        if element.get("stdset") != "0" and text is not None and text.text and text.get("notr") != "true":
            yield Message(root.findtext("class", ""), text.text, path)


def messages(module: Path = MODULE) -> list[Message]:
    """All texts, each once a context, in the order of contexts and files."""
    found: dict[tuple[str, str], Message] = {}
    for path in sorted(module.rglob("*.py")):
        for message in in_python(path):
            found.setdefault(message[:2], message)
    for path in sorted(module.rglob("*.ui")):
        for message in in_form(path):
            found.setdefault(message[:2], message)
    return sorted(found.values(), key=lambda message: message.context)


def template(found: list[Message], root: Path = MODULE) -> str:
    """The .ts file."""
    ts = ElementTree.Element("TS", version="2.1", sourcelanguage="en")
    contexts: dict[str, ElementTree.Element] = {}
    for message in found:
        if message.context not in contexts:
            contexts[message.context] = ElementTree.SubElement(ts, "context")
            ElementTree.SubElement(contexts[message.context], "name").text = message.context
        entry = ElementTree.SubElement(contexts[message.context], "message")
        ElementTree.SubElement(entry, "location", filename=message.file.relative_to(root).as_posix())
        ElementTree.SubElement(entry, "source").text = message.source
        ElementTree.SubElement(entry, "translation", type="unfinished")
    ElementTree.indent(ts, " ")
    return f'<?xml version="1.0" encoding="utf-8"?>\n<!DOCTYPE TS>\n{ElementTree.tostring(ts, "unicode")}\n'


if __name__ == "__main__":
    TEMPLATE.parent.mkdir(exist_ok=True)
    TEMPLATE.write_text(template(messages()), encoding="utf-8", newline="\n")
