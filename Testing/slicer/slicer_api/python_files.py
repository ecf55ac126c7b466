"""Python files of a scripted module against what Slicer offers.

Types are known from .ui files, from direct construction (`qt.QTimer()`), from `slicer.app` and from what methods are
declared to return, and are followed through names that are assigned once in a class or function. What is passed around
is not seen.
"""

from __future__ import annotations

import ast
import math
import re
from pathlib import Path

from .manifest import classes, manifest, members, plain, subclasses

_WIDGET_CLASS = re.compile(r"(qt|ctk|slicer)\.((?:Q|ctk|q)\w+)")
_UI_CHILD = re.compile(r"(?:\w+\.)*_?ui\.(\w+)")

Type = tuple[str | None, bool]
"""A class name or None, and whether the object is of just that class, not perhaps of a subclass."""


def check_python_file(path: Path, widgets: dict[str, str | None], oldest: tuple[int, ...]) -> list[str]:
    """What a file uses that Slicer of the version `oldest` does not have.

    widgets: class of each widget in the module's .ui files, by name; None where files differ.
    """
    tree = ast.parse(path.read_text(encoding="utf-8"))
    own = {match[1] for match in map(_UI_CHILD.fullmatch, _assigned(tree)) if match}
    scopes = [node for node in tree.body if isinstance(node, ast.ClassDef | ast.FunctionDef)]
    rest = ast.Module([node for node in tree.body if node not in scopes], [])
    found: list[str] = []
    for scope in (*scopes, rest):
        checker = _Checker(path.name, widgets, own, oldest)
        checker.learn(scope)
        checker.visit(scope)
        found += checker.found
    return found


class _Checker(ast.NodeVisitor):
    def __init__(self, name: str, widgets: dict[str, str | None], own: set[str], oldest: tuple[int, ...]):
        self._name, self._widgets, self._own, self._oldest = name, widgets, own, oldest
        self._types: dict[str, Type] = {}
        self.found: list[str] = []

    def learn(self, scope: ast.AST) -> None:
        """Notes the types of names that are assigned once in the scope."""
        arguments = {argument.arg for node in ast.walk(scope) if isinstance(node, ast.arguments)
                     for argument in (*node.args, *node.kwonlyargs)}  # fmt: skip
        types: dict[str, set[Type]] = {}
        for node in ast.walk(scope):
            for target, value in _bindings(node):
                types.setdefault(_dotted(target), set()).add(self._type(value) if value else (None, False))
        for name, known in types.items():
            if len(known) == 1 and name not in arguments and "." not in name.removeprefix("self."):
                self._types[name] = known.pop()

    def visit_Call(self, node: ast.Call) -> None:
        if isinstance(node.func, ast.Attribute):
            self._attribute(node.func, "call")
            if node.func.attr in ("connect", "disconnect") and node.args and isinstance(node.args[0], ast.Constant):
                self._connect(node, node.args[0].value)
            self.visit(node.func.value)
        else:
            self.visit(node.func)
        for child in (*node.args, *node.keywords):
            self.visit(child)

    def visit_Attribute(self, node: ast.Attribute) -> None:
        self._attribute(node, "set" if isinstance(node.ctx, ast.Store) else "get")
        self.generic_visit(node)

    def visit_Try(self, node: ast.Try) -> None:
        """What is imported where an ImportError is caught may have come with any version."""
        caught = [name for handler in node.handlers if handler.type for name in map(_dotted, ast.walk(handler.type))]
        oldest = self._oldest
        if "ImportError" in caught:
            self._oldest = (math.inf,)
        for child in node.body:
            self.visit(child)
        self._oldest = oldest
        for child in (*node.handlers, *node.orelse, *node.finalbody):
            self.visit(child)

    def visit_ImportFrom(self, node: ast.ImportFrom) -> None:
        if node.module in manifest("python")["modules"]:
            for alias in node.names:
                self._module_name(node.module, alias.name, node.lineno)

    def _say(self, line: int, words: str) -> None:
        self.found.append(f"{self._name}:{line}: {words}")

    def _too_new(self, line: int, what: str, since: str | None) -> None:
        if since and tuple(map(int, since.split("."))) > self._oldest:
            self._say(line, f"{what} came with Slicer {since}")

    def _type(self, node: ast.AST) -> Type:
        """The class of what an expression gives, as far as that can be told."""
        name = _dotted(node)
        if name in self._types:
            return self._types[name]
        if name == "slicer.app":
            return "qSlicerApplication", True
        if match := _UI_CHILD.fullmatch(name):
            return self._widgets.get(match[1]), True
        if isinstance(node, ast.Call):
            if match := _WIDGET_CLASS.fullmatch(_dotted(node.func)):
                return match[2], True
            if isinstance(node.func, ast.Attribute):
                owner, _exact = self._type(node.func.value)
                results = members(owner).results.get(node.func.attr, set()) if owner in classes() else set()
                if len(results) == 1 and results <= set(classes()):
                    return next(iter(results)), False
        return None, False

    def _attribute(self, node: ast.Attribute, use: str) -> None:
        base = _dotted(node.value)
        if base.startswith("slicer.") and base in manifest("python")["modules"]:
            self._module_name(base, node.attr, node.lineno)
        elif base in ("qt", "ctk") or (base == "slicer" and re.match("q(Slicer|MRML)", node.attr)):
            self._class_name(base, node.attr, node.lineno)
        elif (match := _WIDGET_CLASS.fullmatch(base)) and match[2] in classes():
            self._member(match[2], True, node, "get")
        elif _UI_CHILD.fullmatch(f"{base}.{node.attr}") and base.split(".")[-1] in ("ui", "_ui"):
            if self._widgets and node.attr not in {*self._widgets, *self._own} and not node.attr.startswith("__"):
                self._say(node.lineno, f"no .ui file has a widget {node.attr}")
        else:
            owner, exact = self._type(node.value)
            if owner in classes():
                self._member(owner, exact, node, use)

    def _module_name(self, module: str, name: str, line: int) -> None:
        entry = manifest("python")["modules"][module]
        known = {name: None for kind in ("variables", "imports", "notExported") for name in entry.get(kind, ())}
        known |= {**entry.get("functions", {}), **entry.get("classes", {})}
        if name in known:
            since = known[name].get("since") if isinstance(known[name], dict) else None
            self._too_new(line, f"{module}.{name}", since or entry.get("since"))
        elif name != "*" and not name.startswith("__"):
            self._say(line, f"{module} has no {name}")

    def _class_name(self, module: str, name: str, line: int) -> None:
        known = {entry["python"] for entry in classes().values() if entry.get("python")}
        if f"{module}.{name}" in known:
            self._too_new(line, f"{module}.{name}", classes().get(name, {}).get("since"))
        elif not (module == "qt" and name in manifest("qt")["meta"]["moduleLevel"]):
            self._say(line, f"{module} has no {name}")

    def _member(self, owner: str, exact: bool, node: ast.Attribute, use: str) -> None:
        offered, name = members(owner), node.attr
        if name.endswith("_") and name[:-1] in offered.results:  # as PythonQt calls `raise` and `print`
            name = name[:-1]
        if not offered.complete or name.startswith("__"):
            return
        if name not in offered.names:
            perhaps = not exact and any(name in members(other).names for other in subclasses(owner))
            if not perhaps and name not in self._widgets:  # a child is found by its name, too
                why = " (it is public in C++, but not exposed)" if name in offered.hidden else ""
                self._say(node.lineno, f"{owner} has no {name} in Python{why}")
        elif name in offered.writable and use == "call":
            self._say(node.lineno, f"{owner}.{name} is a property, and cannot be called")
        elif use == "set" and not offered.writable.get(name, False):
            kind = "read-only" if name in offered.writable else "no property"
            self._say(node.lineno, f"{owner}.{name} is {kind}, and cannot be assigned")
        self._too_new(node.lineno, f"{owner}.{name}", offered.since.get(name))

    def _connect(self, node: ast.Call, signal: object) -> None:
        owner, exact = self._type(node.func.value)
        if owner not in classes() or not isinstance(signal, str) or not members(owner).complete:
            return
        candidates = [owner] if exact else [owner, *subclasses(owner)]
        if not any(plain(signal) in members(name).signatures() for name in candidates):
            self._say(node.lineno, f"{owner} has no signal {signal}: connect would only print a message")


def _dotted(node: ast.AST) -> str:
    """`self.ui.button` of an expression that is such a name; an unknown beginning is `?`."""
    if isinstance(node, ast.Name):
        return node.id
    return f"{_dotted(node.value)}.{node.attr}" if isinstance(node, ast.Attribute) else "?"


def _bindings(node: ast.AST) -> list[tuple[ast.AST, ast.AST | None]]:
    """The targets that a node assigns to, each with the expression assigned, or None where that is not one."""
    if isinstance(node, ast.Assign):
        return [(part, node.value if part is target else None) for target in node.targets for part in _parts(target)]
    if isinstance(node, ast.AnnAssign | ast.NamedExpr) and node.value is not None:
        return [(node.target, node.value)]
    target = getattr(node, "target", None) or getattr(node, "optional_vars", None)  # of a loop or a with
    return [(part, None) for part in _parts(target)] if target is not None else []


def _parts(target: ast.AST) -> list[ast.AST]:
    return target.elts if isinstance(target, ast.Tuple | ast.List) else [target]


def _assigned(tree: ast.AST) -> list[str]:
    """Every name that is assigned anywhere."""
    return [_dotted(target) for node in ast.walk(tree) for target, _value in _bindings(node)]
