"""The batch scripts under a real Slurm on this computer: they share the work, and go on after they were stopped."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from phantoms import box, head
from slurm_cluster import Cluster, missing
from small_models import write_model
from small_training import HAAR, config_values, write_data

ROOT = Path(__file__).resolve().parents[2]
SCRIPTS = sorted((ROOT / "Resources" / "slurm").iterdir())


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.name)
@pytest.mark.skipif(not shutil.which("bash") or os.name == "nt", reason="needs bash")
def test_bash_can_read_every_script(script):
    done = subprocess.run(["bash", "-n", str(script)], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


@pytest.fixture(scope="module")
def cluster(tmp_path_factory):
    if missing():
        pytest.skip(f"needs Slurm (apt-get install slurm-wlm munge); not here: {', '.join(missing())}")
    with Cluster(tmp_path_factory.mktemp("slurm")) as running:
        yield running


@pytest.fixture
def project(tmp_path):
    """A folder as the project's, in which sbatch is called, with a command that runs these sources."""
    shutil.copytree(ROOT / "Resources" / "slurm", tmp_path / "Resources" / "slurm")
    command = tmp_path / ".venv" / "bin" / "medddpm"
    command.parent.mkdir(parents=True)
    command.write_text(f'#!/bin/sh\nPYTHONPATH={ROOT} exec {sys.executable} -m MedDDPMCore.cli "$@"\n')
    command.chmod(0o755)
    return tmp_path


def edited(project: Path, name: str, **lines: str) -> str:
    """The script with its lines `name=...` as a user would edit them."""
    path = project / "Resources" / "slurm" / name
    text = path.read_text(encoding="utf-8").splitlines()
    for key, value in lines.items():
        [number] = [n for n, line in enumerate(text) if line.startswith(f"{key}=")]
        text[number] = f"{key}={value}"
    path.write_text("\n".join(text) + "\n", encoding="utf-8")
    return str(path.relative_to(project))


def logs(project: Path) -> str:
    return "\n".join(f"{path.name}:\n{path.read_text()}" for path in sorted(project.glob("*.log")))


def test_an_array_makes_one_data_set_and_goes_on_when_it_was_told_to_stop(cluster, project):
    model = write_model(project / "model")
    (project / "heads").mkdir()
    for number in range(4):
        head(box((7, 8, 9), (190, 230, 220)), radius=10 + number).write(project / "heads" / f"{number}.nii.gz")
    script = edited(project, "generate.sbatch", masks="heads", out="made")
    options = ["--model", str(model), "--samples", "8", "--steps", "10", "--device", "cpu"]
    job = cluster.submit("--array=0-1", script, *options, cwd=project)
    cluster.wait(lambda: len(list(project.glob("made/provenance/*.json"))) > 2, lambda: logs(project))
    cluster.say("scancel", "--signal=TERM", "--batch", f"{job}_0")  # as before the end of its time
    cluster.wait(lambda: cluster.states(job) == {"COMPLETED"}, lambda: f"{cluster.states(job)}\n{logs(project)}")
    assert cluster.restarts(job) == 1
    assert json.loads((project / "made" / "dataset.json").read_text())["numTraining"] == 32
    assert "there before" in logs(project) and "holds 32 cases" in logs(project)


def test_training_on_two_nodes_goes_on_after_its_nodes_were_taken_for_other_work(cluster, project):
    write_data(project / "set")
    config = project / "config.json"
    config.write_text(json.dumps(config_values((HAAR,), steps=3000, batch_size=2)))
    script = edited(project, "train.sbatch", data="set", run="trained")
    small = ["--ntasks-per-node=1", "--gres=gpu:1", "--cpus-per-task=1"]
    options = [str(config), "--device", "cpu", "--validate-every", "100000", "--sample-every", "100000"]
    job = cluster.submit(*small, script, *options, "--stop-after", "3000", cwd=project)
    log = project / "trained" / "stage-0.jsonl"
    cluster.wait(lambda: log.exists() and len(log.read_text().splitlines()) > 2, lambda: logs(project))
    urgent = cluster.submit(
        "--partition=urgent", "--nodes=2", "--exclusive", "--output=/dev/null", "--wrap=true", cwd=project
    )
    cluster.wait(lambda: cluster.states(urgent) == {"COMPLETED"}, lambda: logs(project))
    before = len(log.read_text().splitlines())
    assert before < 3000 and (project / "trained" / "stage-0.pt").exists(), logs(project)
    cluster.wait(lambda: len(log.read_text().splitlines()) > before, lambda: f"{cluster.states(job)}\n{logs(project)}")
    assert cluster.restarts(job) == 1
    assert "its state is saved" in logs(project)
    steps = [json.loads(line)["step"] for line in log.read_text().splitlines()]
    assert steps == sorted(set(steps)), "a step was lost or done twice"
    cluster.say("scancel", job)
    cluster.wait(lambda: cluster.states(job) == {"CANCELLED"}, lambda: f"{cluster.states(job)}")


def test_a_job_without_the_program_says_how_to_get_it(cluster, project):
    shutil.rmtree(project / ".venv")
    job = cluster.submit("--array=0-0", "Resources/slurm/generate.sbatch", cwd=project)
    cluster.wait(lambda: cluster.states(job) == {"FAILED"}, lambda: logs(project))
    assert "Resources/environment.sh" in logs(project)
