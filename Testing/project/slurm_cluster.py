"""A real Slurm on this computer alone: two nodes with four made-up GPUs each, on loopback, with own key and ports."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import time
from pathlib import Path

PROGRAMS = ("munged", "slurmctld", "slurmd", "sbatch", "srun", "scontrol", "squeue", "scancel", "sinfo")
NODES = ("one", "two")
PATIENCE = 600
"""Seconds after which what is waited for is taken to have failed; nothing here is to depend on the computer's speed."""

_CONFIGURATION = """ClusterName=test
SlurmctldHost={host}(127.0.0.1)
SlurmctldPort={control}
SlurmUser={user}
SlurmdUser={user}
AuthType=auth/munge
AuthInfo=socket={folder}/munge.socket,cred_expire=5
CredType=cred/munge
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool-%n
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd-%n.pid
SlurmctldLogFile={folder}/slurmctld.log
SlurmdLogFile={folder}/slurmd-%n.log
SlurmdParameters=config_overrides
MailProg=/bin/true
MpiDefault=none
ProctrackType=proctrack/pgid
TaskPlugin=task/none
ReturnToService=2
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
GresTypes=gpu
KillWait=300
PreemptType=preempt/partition_prio
PreemptMode=REQUEUE
{nodes}
PartitionName=usual Nodes=ALL Default=YES PriorityTier=1
PartitionName=urgent Nodes=ALL PriorityTier=2
"""


def missing() -> list[str]:
    """The programs of Slurm that are not installed."""
    return [name for name in PROGRAMS if shutil.which(name, path=_path()) is None]


def _path() -> str:
    return os.pathsep.join([os.environ.get("PATH", ""), "/usr/sbin", "/sbin"])


class Cluster:
    """Within the context the cluster runs; its programs find it by `environment`."""

    def __init__(self, folder: Path):
        self.folder = folder
        self.environment = {**os.environ, "PATH": _path(), "SLURM_CONF": str(folder / "slurm.conf")}
        self._daemons: list[subprocess.Popen] = []

    def __enter__(self) -> Cluster:
        try:
            self._begin()
        except BaseException:
            self.__exit__()
            raise
        return self

    def _begin(self) -> None:
        folder, host = self.folder, socket.gethostname().split(".")[0]
        for name in ("state", *(f"spool-{node}" for node in NODES)):
            (folder / name).mkdir(parents=True)
        key = folder / "munge.key"
        key.write_bytes(os.urandom(128))
        key.chmod(0o600)
        for number in range(4):
            (folder / f"gpu{number}").touch()
        (folder / "gres.conf").write_text(f"Name=gpu File={folder}/gpu[0-3]\n")
        control, *ports = _free_ports(1 + len(NODES))
        nodes = "\n".join(
            f"NodeName={node} NodeHostname={host} NodeAddr=127.0.0.1 Port={port} CPUs=64 RealMemory=8000 Gres=gpu:4"
            for node, port in zip(NODES, ports, strict=True)
        )
        user = subprocess.run(["id", "-un"], capture_output=True, text=True, check=True).stdout.strip()
        text = _CONFIGURATION.format(host=host, control=control, user=user, folder=folder, nodes=nodes)
        (folder / "slurm.conf").write_text(text)
        munge = [f"--key-file={key}", f"--socket={folder}/munge.socket", f"--pid-file={folder}/munged.pid"]
        munge += [f"--log-file={folder}/munged.log", f"--seed-file={folder}/munged.seed", "--force"]
        self._start("munged", "--foreground", *munge)
        self.wait(lambda: (folder / "munge.socket").exists())
        self._start("slurmctld", "-D")
        for node in NODES:
            self._start("slurmd", "-D", "-N", node)
        state = ("sinfo", "--noheader", "--Node", "--partition=usual", "--format=%t")
        self.wait(lambda: self.say(*state).split() == ["idle"] * len(NODES), lambda: self.say(*state))

    def __exit__(self, *_error) -> None:
        subprocess.run(
            ["scancel", "--user", str(os.getuid())], env=self.environment, check=False, capture_output=True, timeout=60
        )
        for daemon in reversed(self._daemons):
            daemon.terminate()
        for daemon in self._daemons:
            try:
                daemon.wait(60)
            except subprocess.TimeoutExpired:
                daemon.kill()

    def _start(self, program: str, *arguments: str) -> None:
        with open(self.folder / f"{program}.out", "ab") as out:
            command = [shutil.which(program, path=_path()), *arguments]
            self._daemons.append(
                subprocess.Popen(command, env=self.environment, stdout=out, stderr=out, start_new_session=True)
            )

    def say(self, *command: str, **options) -> str:
        """What one of Slurm's programs prints; empty where it fails."""
        done = subprocess.run(command, env=self.environment, capture_output=True, text=True, timeout=60, **options)
        return done.stdout if done.returncode == 0 else ""

    def submit(self, *arguments: str, cwd: Path, **environment: str) -> str:
        """Hands a batch job in, in the folder `cwd`; returns its number."""
        done = subprocess.run(
            ["sbatch", "--parsable", *arguments],
            env={**self.environment, **environment},
            cwd=cwd,
            capture_output=True,
            text=True,
            timeout=60,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    def states(self, job: str) -> set[str]:
        """The states of a job, or of all elements of an array, such as RUNNING."""
        words = self.say("scontrol", "show", "job", job).split()
        return {word.removeprefix("JobState=") for word in words if word.startswith("JobState=")}

    def restarts(self, job: str) -> int:
        """How often a job, or any element of an array, was put back into the queue."""
        words = self.say("scontrol", "show", "job", job).split()
        return max((int(word.removeprefix("Restarts=")) for word in words if word.startswith("Restarts=")), default=0)

    def wait(self, what, told=lambda: "") -> None:
        """Returns when what() is true; AssertionError with what told() says if that takes too long."""
        end = time.monotonic() + PATIENCE
        while not what():
            assert time.monotonic() < end, told()
            time.sleep(0.2)


def _free_ports(count: int) -> list[int]:
    sockets = [socket.socket() for _ in range(count)]
    for one in sockets:
        one.bind(("127.0.0.1", 0))
    ports = [one.getsockname()[1] for one in sockets]
    for one in sockets:
        one.close()
    return ports
