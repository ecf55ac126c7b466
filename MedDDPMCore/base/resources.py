"""Where files lie: what came with the program (models, features, templates, configurations), and the user's own."""

from __future__ import annotations

from pathlib import Path

_OWN = ".medddpm"


def resource(name: str) -> Path:
    """A folder of Resources, by name: inside an installed package, or beside the package's sources."""
    package = Path(__file__).resolve().parents[1]
    inside = package / "resources" / name
    return inside if inside.is_dir() else package.parent / "Resources" / name


def own_folder(name: str) -> Path | None:
    """A folder of what this user has kept, by name; None where the user has no home folder, as in some containers."""
    try:
        return Path.home() / _OWN / name
    except RuntimeError:
        return None
