"""How a value lies in the parameter node: as text under its name, or as a node reference. The texts are Slicer's."""

import enum
import pathlib
import types
import typing

import slicer

from .default import Default
from .validators import Choice, Validator


class TextSerializer:
    """A value with a text form."""

    cached = True

    def __init__(self, kind, encode, decode, default):
        self._kind, self._encode, self._decode, self.default = kind, encode, decode, default

    def isIn(self, parameterNode, name):
        return parameterNode.HasParameter(name)

    def read(self, parameterNode, name):
        return self._decode(parameterNode.GetParameter(name))

    def write(self, parameterNode, name, value):
        if not isinstance(value, self._kind):
            raise TypeError(f"{name}: expected {self._kind}, got {value!r}")
        parameterNode.SetParameter(name, self._encode(value))


class NodeSerializer:
    """A node of the scene, or None."""

    cached = False
    default = None

    def __init__(self, classes):
        self.classes = classes

    def isIn(self, parameterNode, name):
        return parameterNode.HasParameter(name)

    def read(self, parameterNode, name):
        return parameterNode.GetNodeReference(name)

    def write(self, parameterNode, name, value):
        if value is not None and not isinstance(value, tuple(self.classes)):
            raise TypeError(f"{name}: expected one of {self.classes}, got {type(value)}")
        parameterNode.SetParameter(name, "")
        parameterNode.SetNodeReferenceID(name, value.GetID() if value is not None else None)


class Parameter:
    """One annotated parameter: where it lies, its default, and what may be written."""

    def __init__(self, basename, annotation, default):
        self.basename, self.unalteredType = basename, annotation
        kind, self.annotations = split_annotated(annotation)
        self.kind = kind
        self.serializer = serializer_for(kind)
        given = [note for note in self.annotations if isinstance(note, Default)]
        choice, fallback = self.find(Choice), self.serializer.default
        if choice and fallback not in choice.choices:
            fallback = choice.choices[0]
        self.default = default or (given[0] if given else Default(fallback))
        self._validators = [note for note in self.annotations if isinstance(note, Validator)]

    def find(self, annotation_class):
        return next((note for note in self.annotations if isinstance(note, annotation_class)), None)

    def read(self, parameterNode, prefix):
        if not self.serializer.isIn(parameterNode, prefix + self.basename):
            self.write(parameterNode, prefix, self.default.value)
        return self.serializer.read(parameterNode, prefix + self.basename)

    def write(self, parameterNode, prefix, value):
        for validator in self._validators:
            validator.validate(value)
        self.serializer.write(parameterNode, prefix + self.basename, value)


def split_annotated(annotation):
    if typing.get_origin(annotation) is typing.Annotated:
        kind, *notes = typing.get_args(annotation)
        return kind, [note() if isinstance(note, type) and issubclass(note, Validator) else note for note in notes]
    return annotation, []


def node_classes(kind):
    """The node classes of `vtkMRML…Node`, `Optional[vtkMRML…Node]` or a union of several; else an empty list."""
    union = typing.get_origin(kind) in (typing.Union, types.UnionType)
    classes = [part for part in (typing.get_args(kind) if union else (kind,)) if part is not type(None)]
    nodes = all(isinstance(part, type) and issubclass(part, slicer.vtkMRMLNode) for part in classes)
    return classes if nodes else []


def serializer_for(kind):
    if node_classes(kind):
        return NodeSerializer(node_classes(kind))
    if kind is bool:
        return TextSerializer(bool, str, lambda text: text == "True", False)
    if kind is int:
        return TextSerializer(int, str, int, 0)
    if kind is float:
        return TextSerializer((int, float), lambda value: str(float(value)), float, 0.0)
    if kind is str:
        return TextSerializer(str, str, str, "")
    if isinstance(kind, type) and issubclass(kind, pathlib.PurePath):
        return TextSerializer((str, pathlib.PurePath), str, kind, kind())
    if isinstance(kind, type) and issubclass(kind, enum.Enum):
        return TextSerializer(kind, lambda member: member.name, lambda text: kind[text], next(iter(kind)))
    if hasattr(kind, "allParameters"):
        from .parameterPack import PackSerializer

        return PackSerializer(kind)
    raise Exception(f"Unable to create serializer for type: {kind}")


def parameters_of(cls):
    """Name -> Parameter, from the annotations of a class and the values given in it."""
    hints = typing.get_type_hints(cls, include_extras=True)
    found = {}
    for name, annotation in hints.items():
        default = vars(cls).get(name)
        if default is not None and not isinstance(default, Default):
            default = Default(default)
        found[name] = Parameter(name, annotation, default)
    return found
