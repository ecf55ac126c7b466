"""Designer files against what Slicer offers."""

from __future__ import annotations

from pathlib import Path
from xml.etree import ElementTree

from .manifest import classes, manifest, members, plain

_SPECIAL = {("QLabel", "buddy"), ("Line", "orientation")}
"""What Designer's loader understands though the class has no such property."""


def widgets_of(path: Path) -> dict[str, str]:
    """The class of each widget and action of a .ui file, by name."""
    root = ElementTree.parse(path).getroot()
    elements = [*root.iter("widget"), *root.iter("action"), *root.iter("layout")]
    return {e.get("name"): e.get("class", "QAction") for e in elements if e.get("name")}


def check_ui_file(path: Path) -> list[str]:
    """What a .ui file asks for that Slicer's loader, or a widget, does not have."""
    root = ElementTree.parse(path).getroot()
    found = []
    for element in [*root.iter("widget"), *root.iter("action")]:
        name = element.get("class", "QAction")
        said = f"{path.name}: {element.get('name') or name}:"
        if name != "Line" and name not in classes():
            found.append(f"{said} there is no class {name}")
            continue
        if name in manifest("widgets")["classes"] and not classes()[name].get("designerPlugin"):
            found.append(f"{said} a .ui file cannot create a {name}, which has no Designer plugin")
        offered = members("QFrame" if name == "Line" else name)
        for declared in element.findall("property"):
            key = declared.get("name")
            dynamic = declared.get("stdset") == "0" and key not in offered.hidden
            if offered.complete and not dynamic and key not in offered.writable and (name, key) not in _SPECIAL:
                found.append(f"{said} {name} has no property {key}")
    return found + _connections(path, root)


def _connections(path: Path, root: ElementTree.Element) -> list[str]:
    """Connections whose signal or slot is not there."""
    found, names = [], widgets_of(path)
    for connection in root.iter("connection"):
        sender, receiver = (names.get(connection.findtext(who), "") for who in ("sender", "receiver"))
        signal, slot = (plain(connection.findtext(what)) for what in ("signal", "slot"))
        if members(sender).complete and signal not in members(sender).signatures():
            found.append(f"{path.name}: {connection.findtext('sender')}: {sender} has no signal {signal}")
        offered = members(receiver)
        if offered.complete and slot.partition("(")[0] not in offered.names | offered.hidden:
            found.append(f"{path.name}: {connection.findtext('receiver')}: {receiver} has no slot {slot}")
    return found
