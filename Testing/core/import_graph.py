"""Which module of a package imports which, read from the sources; floors and cycles of that graph."""

from __future__ import annotations

import ast
from collections.abc import Iterable
from functools import cache
from pathlib import Path

Graph = dict[str, set[str]]


def sources(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*.py") if "__pycache__" not in path.parts)


def module_of(path: Path, package: Path) -> str:
    """ "MedDDPMCore.volumes.grid" of MedDDPMCore/volumes/grid.py; a package's own name for its __init__.py."""
    parts = path.relative_to(package.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def imports(path: Path, package: Path) -> frozenset[str]:
    """Full names that a file of the package imports, anywhere in it: of modules, and of what it takes from them."""
    return _imported(path.read_text(encoding="utf-8"), path.relative_to(package.parent).parts[:-1])


@cache
def _imported(text: str, folder: tuple[str, ...]) -> frozenset[str]:
    names = set()
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            base = [*folder[: len(folder) - node.level + 1]] if node.level else []
            base += node.module.split(".") if node.module else []
            names |= {".".join(base)} | {".".join([*base, alias.name]) for alias in node.names}
    return frozenset(names)


def module_graph(package: Path) -> Graph:
    """Each module of the package (folders' __init__.py left out) and the modules of the package that it imports."""
    modules = {module_of(path, package): path for path in sources(package) if path.name != "__init__.py"}
    return {module: set(imports(path, package) & modules.keys() - {module}) for module, path in modules.items()}


def folder_of(module: str) -> str:
    """The folder of a module; a module of the package's own folder, such as its command line, stands for itself."""
    folder = module.rpartition(".")[0]
    return folder if "." in folder else module


def folder_graph(graph: Graph) -> Graph:
    """The same between the folders that the modules lie in."""
    folders: Graph = {}
    for module, others in graph.items():
        folders.setdefault(folder_of(module), set()).update(
            {folder_of(other) for other in others} - {folder_of(module)}
        )
    return folders


def cycles(graph: Graph) -> list[list[str]]:
    """The strongly connected components of more than one node (Tarjan 1972)."""
    index: dict[str, int] = {}
    low: dict[str, int] = {}
    stack: list[str] = []
    components = []

    def visit(node: str) -> None:
        index[node] = low[node] = len(index)
        stack.append(node)
        for other in sorted(graph.get(node, ())):
            if other not in index:
                visit(other)
                low[node] = min(low[node], low[other])
            elif other in stack:
                low[node] = min(low[node], index[other])
        if low[node] == index[node]:
            place = stack.index(node)
            if len(stack) - place > 1:
                components.append(sorted(stack[place:]))
            del stack[place:]

    for node in sorted(graph):
        if node not in index:
            visit(node)
    return components


def upward(graph: Graph, floors: Iterable[str], package: str) -> list[str]:
    """The imports that do not lead to a lower floor or stay in their room.

    floors: rooms from the ground up, as "volumes" or "evaluation.study"; a module belongs to the room with the longest
    name that fits, and one without a room is named, too.
    """
    height = {f"{package}.{room}": floor for floor, room in enumerate(floors)}

    def room(module: str) -> str | None:
        return max((name for name in height if f"{module}.".startswith(f"{name}.")), key=len, default=None)

    wrong = [f"{module} has no floor" for module in graph if room(module) is None]
    for module, others in graph.items():
        for other in others:
            here, there = room(module), room(other)
            if here and there and here != there and height[there] >= height[here]:
                wrong.append(f"{module} imports {other}")
    return wrong
