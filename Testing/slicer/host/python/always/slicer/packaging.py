"""slicer.packaging: what would be installed is recorded, and nothing ever is."""

import re
from importlib import metadata
from pathlib import Path

import slicer

_installs = []
_absent = set()  # names that a test pretends are not installed


def load_requirements(path):
    lines = (line.partition("#")[0].strip() for line in Path(path).read_text().splitlines())
    return [line for line in lines if line]


def pip_check(req):
    requirements = req if isinstance(req, list) else [req]
    return all(_installed(str(requirement)) for requirement in requirements)


def isPipInstallInProgress():
    return False


def pip_install(
    requirements,
    constraints=None,
    no_deps_requirements=None,
    skip_packages=None,
    blocking=True,
    show_progress=True,
    requester=None,
    logCallback=None,
    completedCallback=None,
):
    _installs.append(requirements)
    if completedCallback:
        completedCallback(0)


def pip_uninstall(requirements, blocking=True, logCallback=None, completedCallback=None):
    _installs.append(("uninstall", requirements))
    if completedCallback:
        completedCallback(0)


def pip_ensure(
    requirements,
    constraints=None,
    skip_packages=None,
    prompt_install=True,
    prompt_restart=True,
    requester=None,
    skip_in_testing=True,
    show_progress=True,
):
    if skip_in_testing and slicer.app.testingEnabled():
        return
    wanted = requirements if isinstance(requirements, list) else [requirements]
    missing = [item for item in wanted if not pip_check(item)]
    if missing and (not prompt_install or slicer.util.confirmOkCancelDisplay(f"Install {missing}?")):
        pip_install(missing, constraints, skip_packages=skip_packages, requester=requester)
    return


def _installed(requirement):
    name = re.match(r"[A-Za-z0-9_.-]+", requirement).group()
    if name in _absent:
        return False
    try:
        metadata.version(name)
    except metadata.PackageNotFoundError:
        return False
    return True
