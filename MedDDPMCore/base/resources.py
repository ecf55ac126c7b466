"""Where the files lie that came with the program: bundled models, features, templates, training configurations."""

from __future__ import annotations

from pathlib import Path


def resource(name: str) -> Path:
    """A folder of Resources, by name: inside an installed package, or beside the package's sources."""
    here = Path(__file__).resolve().parents[1]
    inside = here / "resources" / name
    return inside if inside.is_dir() else here.parent / "Resources" / name
