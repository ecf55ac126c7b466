"""The host's stand-ins offer nothing that the real classes lack, by the lists in Testing/data/slicer_api."""

import importlib
import inspect
import pathlib

import pytest
from slicer_api.manifest import manifest, members


def stand_ins():
    from host import namespaces

    return {
        **namespaces.classes(namespaces.CTK, ("ctk",)),
        **namespaces.classes(namespaces.SLICER, ("qMRML", "qSlicer")),
    }


def python_part(cls):
    for base in cls.__mro__:
        if base.__module__.startswith("PySide6"):
            return
        yield base


def test_every_stand_in_is_a_class_of_slicer_or_ctk(host):
    assert not set(stand_ins()) - set(manifest("widgets")["classes"])


def test_stand_ins_have_no_member_that_the_real_class_lacks(host):
    surplus = {}
    for name, cls in stand_ins().items():
        offered = {member for base in python_part(cls) for member in vars(base) if not member.startswith("_")}
        native = next(base for base in cls.__mro__ if base.__module__.startswith("PySide6"))
        surplus[name] = {member for member in offered - members(name).names if not hasattr(native, member)}
    assert not {name: sorted(extra) for name, extra in surplus.items() if extra}


def test_stand_in_properties_can_be_written_only_where_the_real_ones_can(host):
    from PySide6.QtCore import Property

    wrong = []
    for name, cls in stand_ins().items():
        for base in python_part(cls):
            for member, value in vars(base).items():
                if isinstance(value, Property) and value.fset and not members(name).writable.get(member):
                    wrong.append(f"{name}.{member}")
    assert not wrong


def test_stand_in_signals_have_the_real_signatures(host):
    from host.signals import declared_signals

    wrong = []
    for name, cls in stand_ins().items():
        real = set().union(*members(name).signals.values())
        wrong += [f"{name}: {signature}" for signature in declared_signals(cls) if signature not in real]
    assert not wrong


def test_qt_holds_only_what_pythonqt_wraps(host):
    import qt

    offered = {name for name in vars(qt) if not name.startswith("_")}
    assert not offered - set(manifest("qt")["classes"]) - set(manifest("qt")["meta"]["moduleLevel"])


@pytest.mark.parametrize(
    "module_name",
    [
        "slicer.ScriptedLoadableModule",
        "slicer.parameterNodeWrapper",
        "SampleData",
        "slicer.packaging",
        "slicer.i18n",
        "slicer.testing",
    ],
)
def test_python_stand_ins_hold_only_names_of_the_real_modules(host, module_name):
    module, entry = importlib.import_module(module_name), manifest("python")["modules"][module_name]
    if "host" not in pathlib.Path(module.__file__).parts:
        pytest.skip("this is the real module")
    offered = {
        name: value
        for name, value in vars(module).items()
        if getattr(value, "__module__", "").startswith(module_name) and not name.startswith("_")
    }
    real = {name for kind in ("functions", "classes", "variables", "exports") for name in entry.get(kind, ())}
    assert not set(offered) - real
    for name, value in offered.items():
        if inspect.isclass(value) and name in entry.get("classes", {}):
            wanted = entry["classes"][name]
            names = {*wanted.get("methods", {}), *wanted.get("attributes", {})}
            assert not {member for member in vars(value) if not member.startswith("_")} - names, name
