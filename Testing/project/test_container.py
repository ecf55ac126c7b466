"""The container's recipe: everything by exact versions, nothing missing, not as root."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
RECIPE = (ROOT / "Resources" / "container" / "Dockerfile").read_text(encoding="utf-8")


def pinned(path: str) -> dict[str, str]:
    """Package in lower case -> version, of a file whose every line pins one."""
    lines = (ROOT / path).read_text(encoding="utf-8").splitlines()
    return {
        name.lower(): version
        for name, version in (line.split("==") for line in lines if line and not line.startswith("#"))
    }


def test_every_package_that_the_program_needs_is_there_in_one_exact_version():
    [needed] = re.findall(r"^dependencies = \[(.*)\]$", (ROOT / "pyproject.toml").read_text("utf-8"), re.MULTILINE)
    packages = pinned("Resources/torch.txt") | pinned("Resources/container/requirements.txt")
    assert {re.split("[<>=]", name)[0].lower() for name in re.findall('"([^"]+)"', needed)} <= set(packages)
    assert all(re.fullmatch(r"[\w.]+", version) for version in packages.values())


def test_the_base_image_has_an_exact_version_of_a_python_that_the_package_takes():
    [minor] = re.findall(r"^FROM python:3\.(\d+)\.\d+-slim-\w+$", RECIPE, re.MULTILINE)
    assert 10 <= int(minor) < 14


def test_all_that_is_copied_is_there_and_let_through_to_the_builder():
    let_through = (ROOT / "Resources" / "container" / "Dockerfile.dockerignore").read_text("utf-8").split()
    copied = [name for line in re.findall(r"^COPY (.+) \S+$", RECIPE, re.MULTILINE) for name in line.split()]
    assert copied and all((ROOT / name).exists() for name in copied)
    assert {f"!{name.split('/')[0]}" for name in copied} <= set(let_through)


def test_it_does_not_run_as_root():
    users = re.findall(r"^USER (.+)$", RECIPE, re.MULTILINE)
    assert users and users[-1] not in ("root", "0")
    assert RECIPE.index("\nUSER ") < RECIPE.index("\nENTRYPOINT ")


def test_what_is_needed_of_a_network_is_fetched_before_the_program_is_there():
    after = RECIPE[RECIPE.index("COPY MedDDPMCore") :]
    assert "--no-index" in after and not re.search(r"curl|wget|apt-get", after)
