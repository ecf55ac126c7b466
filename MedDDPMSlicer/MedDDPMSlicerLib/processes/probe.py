"""A program for the interpreter in question: prints, as a JSON line, which packages import and which devices there are.

A package that is installed by half fails here, in a process of its own, and not in Slicer.
"""

from __future__ import annotations

import importlib
import json
import platform
import re
import shutil
import subprocess
import sys

from .. import paths
from .requirements import SYNTHESIS, is_enough


def nvidia(*arguments: str) -> list[str]:
    """What nvidia-smi says, line by line; nothing where it is not there or fails."""
    program = shutil.which("nvidia-smi")
    if program is None:
        return []
    try:
        answer = subprocess.run([program, *arguments], capture_output=True, text=True, timeout=20)
    except (OSError, subprocess.TimeoutExpired):
        return []
    return [line.strip() for line in answer.stdout.splitlines() if line.strip()] if answer.returncode == 0 else []


def graphics_cards() -> list[str]:
    """Names and memory of NVIDIA cards, seen without torch."""
    return nvidia("--query-gpu=name,memory.total", "--format=csv,noheader")


def torch_build() -> str:
    """Which of PyTorch's builds suits the NVIDIA driver and cards: "cu126" and its like; "cpu" without them.

    A driver runs programs of all older CUDA versions and of all minor versions of its own. Cards of compute
    capability 10 and more need 12.8; builds of 12.8 leave out cards that builds of 12.6 still serve.
    """
    driver = re.search(r"CUDA\D*?Version:\s*(\d+)\.(\d+)", "\n".join(nvidia()))
    if driver is None:
        return "cpu"
    version = int(driver.group(1)), int(driver.group(2))
    answer = nvidia("--query-gpu=compute_cap", "--format=csv,noheader")
    newest = max((float(line) for line in answer if re.fullmatch(r"[\d.]+", line)), default=0)
    if version >= (12, 8) and newest >= 10:
        return "cu128"
    return "cu126" if version >= (12, 0) else "cu118" if version >= (11, 8) else "cpu"


def package(name: str) -> dict:
    """Version of a package that really works, or what went wrong. Broken installations raise almost anything."""
    try:
        module = importlib.import_module(name)
        if name == "torch":
            module.zeros(1).add_(1).numpy()  # a torch built for numpy 1 imports beside numpy 2, and fails here
    except ModuleNotFoundError as error:
        return {"missing": True} if error.name == name else {"broken": str(error)}
    except Exception as error:
        return {"broken": f"{type(error).__name__}: {error}"}
    version = str(getattr(module, "__version__", ""))
    return {"version": version} if is_enough(version or "999", SYNTHESIS.get(name, "0")) else {"old": version}


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
    report["torch_build"] = torch_build()
    if "version" in report["packages"].get("torch", {}):
        report["devices"] = devices()
    print(json.dumps(report), flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
