"""Groups of parameters: a class whose members lie in the node under "group.member"."""

from .serializers import parameters_of


def parameterPack(classtype=None):
    return _pack(classtype) if classtype is not None else _pack


def _pack(cls):
    parameters = parameters_of(cls)

    def __init__(self, *args, **kwargs):
        self._node, self._values = None, {name: parameter.default.value for name, parameter in parameters.items()}
        for name, value in dict(zip(parameters, args, strict=False), **kwargs).items():
            setattr(self, name, value)

    cls.__init__ = __init__

    def __eq__(self, other):
        return type(self) is type(other) and all(getattr(self, name) == getattr(other, name) for name in parameters)

    cls.__eq__ = __eq__
    cls.allParameters = parameters
    cls.dataType = staticmethod(lambda name: parameters[name].unalteredType)
    cls.getValue = lambda self, name: getattr(self, name)
    cls.setValue = lambda self, name, value: setattr(self, name, value)
    for name, parameter in parameters.items():
        setattr(cls, name, _member(name, parameter))
    return cls


def _member(name, parameter):
    def read(self):
        return self._values[name] if self._node is None else parameter.read(self._node, self._prefix)

    def write(self, value):
        if self._node is None:
            self._values[name] = value
        else:
            parameter.write(self._node, self._prefix, value)

    return property(read, write)


class PackSerializer:
    """Reads a pack that stays bound to the node; writes member by member."""

    cached = False

    def __init__(self, kind):
        self._kind = kind

    @property
    def default(self):
        return self._kind()

    def isIn(self, parameterNode, name):
        members = self._kind.allParameters.values()
        return all(member.serializer.isIn(parameterNode, f"{name}.{member.basename}") for member in members)

    def read(self, parameterNode, name):
        pack = self._kind()
        pack._node, pack._prefix = parameterNode, name + "."
        return pack

    def write(self, parameterNode, name, value):
        for member in self._kind.allParameters.values():
            member.write(parameterNode, name + ".", getattr(value, member.basename))


def isParameterPack(obj):
    return hasattr(obj, "allParameters") and not hasattr(obj, "connectGui")


def nestedParameterNames(parameterPackClassOrInstance):
    names = []
    for name, parameter in parameterPackClassOrInstance.allParameters.items():
        names.append(name)
        if isParameterPack(parameter.kind):
            names += [f"{name}.{inner}" for inner in nestedParameterNames(parameter.kind)]
    return names
