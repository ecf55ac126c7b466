"""slicer.parameterNodeWrapper, the part that modules use most: typed parameters of a node, bound to widgets.

Left out: lists, dictionaries, colours, ranges, unions of other than nodes, custom serializers, and createGui.
"""

from .default import Default
from .guiConnectors import Decimals, GuiConnector, SingleStep, createGuiConnector
from .parameterPack import isParameterPack, nestedParameterNames, parameterPack
from .validators import Choice, Exclude, IsInstance, Maximum, Minimum, NotNone, Validator, WithinRange
from .wrapper import (
    SlicerParameterNamePropertyName,
    findChildWidgetForParameter,
    isParameterNodeWrapper,
    parameterNodeWrapper,
)

__all__ = [
    "Choice",
    "Decimals",
    "Default",
    "Exclude",
    "GuiConnector",
    "IsInstance",
    "Maximum",
    "Minimum",
    "NotNone",
    "SingleStep",
    "SlicerParameterNamePropertyName",
    "Validator",
    "WithinRange",
    "createGuiConnector",
    "findChildWidgetForParameter",
    "isParameterNodeWrapper",
    "isParameterPack",
    "nestedParameterNames",
    "parameterNodeWrapper",
    "parameterPack",
]
