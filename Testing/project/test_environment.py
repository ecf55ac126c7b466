"""Resources/install_torch.sh, with small indexes on this machine in the place of PyTorch's and pip's own."""

from __future__ import annotations

import http.server
import os
import re
import subprocess
import sys
import threading
import zipfile
from functools import partial
from importlib.metadata import distributions
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
VERSION = re.search(r"^torch==(\S+)$", (ROOT / "Resources/torch.txt").read_text(), re.MULTILINE)[1]
NOWHERE = "http://127.0.0.1:9/whl/cpu"

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="the bash found first on Windows may be another's")


@pytest.fixture(scope="module")
def indexes(tmp_path_factory):
    """The addresses of two package indexes: one with a build for processors, one with the plain build."""
    folder = tmp_path_factory.mktemp("indexes")
    for name, version in (("cpu", f"{VERSION}+cpu"), ("plain", VERSION)):
        (folder / name / "torch").mkdir(parents=True)
        with zipfile.ZipFile(folder / name / "torch" / f"torch-{version}-py3-none-any.whl", "w") as wheel:
            info = f"torch-{version}.dist-info"
            wheel.writestr(f"{info}/METADATA", f"Metadata-Version: 2.1\nName: torch\nVersion: {version}\n")
            wheel.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
            wheel.writestr(f"{info}/RECORD", "")
    handler = partial(http.server.SimpleHTTPRequestHandler, directory=str(folder))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield {name: f"http://127.0.0.1:{server.server_port}/{name}" for name in ("cpu", "plain")}
        server.shutdown()
        thread.join()


def installed(tmp_path: Path, cpu_index: str, plain_index: str, card: bool) -> tuple[str, str]:
    """The version of torch that the script installs into an empty folder, and what it says."""
    programs = tmp_path / "programs"
    programs.mkdir()
    (programs / "nvidia-smi").write_text(f"#!/bin/sh\nexit {0 if card else 9}\n")
    (programs / "nvidia-smi").chmod(0o755)
    plain = {name: value for name, value in os.environ.items() if not name.startswith("PIP_")}
    done = subprocess.run(
        ["bash", str(ROOT / "Resources/install_torch.sh"), sys.executable],
        env={
            **plain,
            "PATH": f"{programs}{os.pathsep}{os.environ['PATH']}",
            "TORCH_CPU_INDEX": cpu_index,
            "PIP_CONFIG_FILE": os.devnull,
            "PIP_INDEX_URL": plain_index,
            "PIP_TARGET": str(tmp_path / "site"),
            "no_proxy": "*",
        },
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    [found] = distributions(path=[str(tmp_path / "site")])
    return found.version, done.stdout


def test_without_a_card_the_build_for_processors_is_taken_on_linux(indexes, tmp_path):
    version, _ = installed(tmp_path, indexes["cpu"], indexes["plain"], card=False)
    assert version == (f"{VERSION}+cpu" if sys.platform == "linux" else VERSION)


def test_where_pytorchs_index_cannot_be_reached_the_plain_build_is_taken(indexes, tmp_path):
    version, said = installed(tmp_path, NOWHERE, indexes["plain"], card=False)
    assert version == VERSION
    assert ("could not be used" in said) == (sys.platform == "linux")


def test_with_a_card_the_plain_build_is_taken_and_a_card_that_it_cannot_use_is_said(indexes, tmp_path):
    import torch

    version, said = installed(tmp_path, indexes["cpu"], indexes["plain"], card=True)
    assert version == VERSION
    assert ("cannot use it" in said) == (not torch.cuda.is_available())


@pytest.mark.skipif(not (ROOT / ".git").exists(), reason="not a git checkout, whose files could be listed")
def test_the_version_of_pytorch_stands_in_one_place():
    named = subprocess.run(
        ["git", "grep", "-lE", r"torch *== *[0-9]"], cwd=ROOT, capture_output=True, text=True
    ).stdout.split()
    assert named == ["Resources/torch.txt"]
