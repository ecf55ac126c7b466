"""Signals and slots as PythonQt has them: three ways to connect, surplus arguments trimmed, exceptions printed."""

import inspect
import sys
import traceback

import shiboken6
from PySide6 import QtCore

_object_get = QtCore.QObject.__getattribute__
_connections = {}
failures = []


class BoundSignal:
    """A signal of one object: connect, disconnect, emit, or call it to emit."""

    def __init__(self, sender, name, instance):
        self._sender, self._name, self._instance = sender, name, instance

    def connect(self, slot):
        return _connect(self._sender, self._name, _longest(self._sender, self._name, self._instance), slot, None)

    def disconnect(self, slot=None):
        return _disconnect(self._sender, self._name, self._instance, slot)

    def emit(self, *arguments):
        self._instance.emit(*arguments)

    __call__ = emit


def connect(sender, signal, *target):
    """sender.connect("signal(T)", callable) or sender.connect("signal(T)", receiver, "slot(T)")."""
    found = _find(sender, signal)
    if found is None:
        print(f"QObject::connect() signal '{signal}' does not exist on {type(sender).__name__}", file=sys.stderr)
        return False
    name, instance, count = found
    if len(target) == 2:
        receiver, slot = target
        return _connect(sender, name, instance, getattr(receiver, slot.partition("(")[0]), _argument_count(slot))
    return _connect(sender, name, instance, target[0], count)


def disconnect(sender, signal, *target):
    found = _find(sender, signal)
    if found is None:
        print(f"QObject::disconnect() signal '{signal}' does not exist on {type(sender).__name__}", file=sys.stderr)
        return False
    slot = None
    if target:
        slot = target[0] if len(target) == 1 else getattr(target[0], target[1].partition("(")[0])
    return _disconnect(sender, found[0], found[1], slot)


def declared_signals(cls):
    """Signature -> attribute name, of the signals that stand-in classes declare under their real signatures."""
    merged = {}
    for base in reversed(cls.__mro__):
        merged.update(vars(base).get("_signals", {}))
    return merged


def _find(sender, text):
    signature = bytes(QtCore.QMetaObject.normalizedSignature(text.lstrip("2"))).decode()
    attribute = declared_signals(type(sender)).get(signature)
    if attribute is None:
        if _object_get(sender, "metaObject")().indexOfSignal(signature) < 0:
            return None
        attribute = signature.partition("(")[0]
    instance = _longest(sender, attribute, _object_get(sender, attribute))
    return attribute, instance, _argument_count(signature)


def _longest(sender, name, instance):
    """The overload with most arguments: clicked(bool) of clicked, as PythonQt chooses."""
    meta = _object_get(sender, "metaObject")()
    signatures = [
        bytes(meta.method(index).methodSignature()).decode()
        for index in range(meta.methodCount())
        if bytes(meta.method(index).name()).decode() == name
    ]
    if len(signatures) < 2:
        return instance
    longest = max(signatures, key=_argument_count)
    return instance[longest.partition("(")[2].rstrip(")")]


def _argument_count(signature):
    inside = signature.partition("(")[2].rstrip(")")
    return inside.count(",") + 1 if inside.strip() else 0


def _connect(sender, name, instance, slot, count):
    def deliver(*arguments):
        arguments = arguments if count is None else arguments[:count]
        wanted = _positional_count(slot)
        try:
            slot(*(arguments if wanted is None else arguments[:wanted]))
        except Exception as error:  # PythonQt prints what a handler raises and goes on
            failures.append(error)
            traceback.print_exc()

    instance.connect(deliver)
    address = shiboken6.getCppPointer(sender)[0]
    if not any(key[0] == address for key in _connections) and name != "destroyed":
        _object_get(sender, "destroyed").connect(lambda *_: _forget(address))
    _connections.setdefault((address, name), []).append((slot, deliver))
    return True


def _disconnect(sender, name, instance, slot):
    pairs = _connections.get((shiboken6.getCppPointer(sender)[0], name), [])
    chosen = pairs[:] if slot is None else [pair for pair in pairs if pair[0] == slot][:1]
    for pair in chosen:
        instance.disconnect(pair[1])
        pairs.remove(pair)
    return bool(chosen)


def _forget(address):
    for key in [key for key in _connections if key[0] == address]:
        del _connections[key]


def _positional_count(slot):
    """How many arguments a Python function or bound method takes, or None where PythonQt passes them all."""
    if not (inspect.isfunction(slot) or inspect.ismethod(slot)):
        return None
    parameters = inspect.signature(slot).parameters.values()
    if any(p.kind is p.VAR_POSITIONAL for p in parameters):
        return None
    return sum(p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD) for p in parameters)
