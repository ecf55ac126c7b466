"""A program for the interpreter in question: prints, as a JSON line, which packages import and which devices there are.

A package that is installed by half fails here, in a process of its own, and not in Slicer.
"""

import importlib
import json
import platform
import shutil
import subprocess
import sys

from .. import paths


def graphics_cards() -> list[str]:
    """Names and memory of NVIDIA cards, seen without torch."""
    program = shutil.which("nvidia-smi")
    if program is None:
        return []
    command = [program, "--query-gpu=name,memory.total", "--format=csv,noheader"]
    try:
        answer = subprocess.run(command, capture_output=True, text=True, timeout=20)
    except (OSError, subprocess.TimeoutExpired):
        return []
    return [line.strip() for line in answer.stdout.splitlines() if line.strip()] if answer.returncode == 0 else []


def package(name: str) -> dict:
    """Version of a package that really imports, or what went wrong. Broken installations raise almost anything."""
    try:
        module = importlib.import_module(name)
        if name == "torch":
            module.zeros(1).add_(1)
    except ModuleNotFoundError as error:
        return {"missing": True} if error.name == name else {"broken": str(error)}
    except Exception as error:  # noqa: BLE001: the answer is the text
        return {"broken": f"{type(error).__name__}: {error}"}
    return {"version": str(getattr(module, "__version__", "?"))}


def devices() -> list[dict]:
    """What torch can compute on, as the worker tells it; none where the driver fails."""
    paths.make_core_importable()
    from MedDDPMCore.base.device import describe_devices

    try:
        return describe_devices()
    except RuntimeError:
        return []


def main(names: list[str]) -> None:
    report = {"packages": {name: package(name) for name in names}, "graphics_cards": graphics_cards(), "devices": []}
    report["machine"] = f"{platform.system()} {platform.machine()}"
    if "version" in report["packages"].get("torch", {}):
        report["devices"] = devices()
    print(json.dumps(report), flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
