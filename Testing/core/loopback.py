"""A real sshd on this computer for tests, with own keys, port and configuration, and what plays the other machine."""

from __future__ import annotations

import getpass
import os
import shlex
import shutil
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
SSHD = shutil.which("sshd", path=f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/local/sbin")
PRIVILEGE_FOLDER = Path("/run/sshd")
NAMES = ("far", "gpu-server")
_QUEUE = """#!/bin/sh
echo $$ > {folder}/pid
echo "srun: job 7 queued and waiting for resources" >&2
while [ ! -e {folder}/free ]; do sleep 0.05; done
exec "$@"
"""


def keys(path: Path) -> Path:
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", path], check=True)
    return path


def queue_in(folder: Path) -> Path:
    """A command that waits as srun does until the file "free" is in the folder; its process's number is in "pid"."""
    script = folder / "srun"
    script.write_text(_QUEUE.format(folder=shlex.quote(str(folder))))
    script.chmod(0o755)
    return script


class Cable:
    """Within the context, a network namespace that hangs on this one by a cable, which can be drawn and put in again.

    Skips the test where that is not allowed.
    """

    def __init__(self):
        self.name = f"md{os.getpid()}"
        self.address, self._here = "10.231.7.2", "10.231.7.1"
        self.within = ("ip", "netns", "exec", self.name)

    def __enter__(self) -> Cable:
        if shutil.which("ip") is None:
            pytest.skip("needs ip (Debian: iproute2) to make network namespaces")
        try:
            for command in (
                f"netns add {self.name}",
                f"link add {self.name}h type veth peer name {self.name}t netns {self.name}",
                f"addr add {self._here}/30 dev {self.name}h",
                f"link set {self.name}h up",
                f"-n {self.name} addr add {self.address}/30 dev {self.name}t",
                f"-n {self.name} link set {self.name}t up",
            ):
                subprocess.run(["ip", *command.split()], check=True, capture_output=True)
        except subprocess.CalledProcessError as error:
            self.__exit__()
            pytest.skip(f"no network namespace can be made here: {error.stderr.decode().strip()}")
        return self

    def __exit__(self, *_error) -> None:
        subprocess.run(["ip", "netns", "delete", self.name], check=False, capture_output=True)

    def put(self, state: str) -> None:
        """ "down": drawn; "up": in again."""
        subprocess.run(["ip", "link", "set", f"{self.name}h", state], check=True)


class Loopback:
    """sshd, and an ssh in `bin` that knows it by NAMES. `there`: home and temporary files of the other machine.

    address: where it listens. within: a command in front of it, as to start it in another network namespace.
    """

    def __init__(self, folder: Path, address: str = "127.0.0.1", within: tuple[str, ...] = ()):
        if SSHD is None or shutil.which("ssh") is None:
            pytest.skip("OpenSSH's server and client are not installed (Debian: openssh-server)")
        if os.name == "posix" and os.getuid() == 0:
            PRIVILEGE_FOLDER.mkdir(mode=0o755, exist_ok=True)
        self.folder, self.there, self.bin, self.address = folder, folder / "there", folder / "bin", address
        for path in (self.there / "tmp", self.bin):
            path.mkdir(parents=True)
        host_key, user_key = keys(folder / "host_key"), keys(folder / "user_key")
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        (folder / "known_hosts").write_text(
            f"[{address}]:{self.port} {host_key.with_suffix('.pub').read_text()}", encoding="utf-8"
        )
        (folder / "sshd_config").write_text(
            f"Port {self.port}\nListenAddress {address}\nHostKey {host_key}\nPidFile none\nUsePAM no\nStrictModes no\n"
            f"AuthorizedKeysFile {user_key}.pub\nPasswordAuthentication no\nKbdInteractiveAuthentication no\n"
            f"PermitRootLogin prohibit-password\nMaxStartups 100\nLogLevel VERBOSE\n"
            f"SetEnv PATH={self.bin}:/usr/bin:/bin\n"
        )
        self.configure()
        ssh = self.bin / "ssh"
        quick = "-o ServerAliveInterval=1 -o ServerAliveCountMax=3" if within else ""  # the first word counts for ssh
        ssh.write_text(
            f'#!/bin/sh\nexec {shutil.which("ssh")} -F {shlex.quote(str(folder / "ssh_config"))} {quick} "$@"\n'
        )
        ssh.chmod(0o755)
        self.process = subprocess.Popen(
            [*within, SSHD, "-D", "-E", folder / "sshd.log", "-f", folder / "sshd_config"], stdin=subprocess.DEVNULL
        )
        self._wait_until_it_listens()

    def configure(self, **changes: str) -> None:
        """Writes what ssh knows of it."""
        entries = {
            "HostName": self.address, "Port": str(self.port), "User": getpass.getuser(), "IdentitiesOnly": "yes",
            "IdentityFile": str(self.folder / "user_key"), "UserKnownHostsFile": str(self.folder / "known_hosts"),
            "IdentityAgent": "none", **changes,
        }  # fmt: skip
        text = f"Host {' '.join(NAMES)}\n" + "".join(f"  {name} {value}\n" for name, value in entries.items())
        (self.folder / "ssh_config").write_text(text)

    def install(self, models: Path | None = None) -> None:
        """Puts a `medddpm` where the other machine's shell finds it."""
        command = self.bin / "medddpm"
        command.write_text(f'#!/bin/sh\nexec {self.program(models)} "$@"\n')
        command.chmod(0o755)

    def program(self, models: Path | None = None, before: str = "") -> str:
        """The command that starts medddpm on the other machine."""
        values = {
            "HOME": self.there, "TMPDIR": self.there / "tmp", "PYTHONPATH": ROOT, "OMP_NUM_THREADS": 1,
            "MEDDDPM_MODELS": models or "", "PYTHONDONTWRITEBYTECODE": 1,
        }  # fmt: skip
        settings = " ".join(shlex.quote(f"{name}={value}") for name, value in values.items())
        return f"{before} env {settings} {shlex.quote(sys.executable)} -u -m MedDDPMCore.cli"

    def left_there(self) -> list[Path]:
        """What workers have among the other machine's temporary files: folders and their locks."""
        return sorted((self.there / "tmp").glob("medddpm-private-*"))

    def files_there(self) -> list[Path]:
        """The files in workers' folders there."""
        return [path for folder in self.left_there() for path in folder.rglob("*") if path.is_file()]

    def wait_until_clean(self, seconds: float = 60, running: bool = False) -> None:
        """Returns once nothing is left there; where a worker is running, no file in its folder."""
        end = time.monotonic() + seconds
        while left := self.files_there() if running else self.left_there():
            assert time.monotonic() < end, left
            time.sleep(0.05)

    def sessions(self) -> list[int]:
        """Numbers of sshd's processes for the connections that are open."""
        import psutil

        return [child.pid for child in psutil.Process(self.process.pid).children()]

    def stop(self) -> None:
        import psutil

        for process in [*psutil.Process(self.process.pid).children(recursive=True), self.process]:
            process.kill()
        self.process.wait()

    def _wait_until_it_listens(self) -> None:
        end = time.monotonic() + 30
        while True:
            with socket.socket() as probe:
                if probe.connect_ex((self.address, self.port)) == 0:
                    return
            assert time.monotonic() < end and self.process.poll() is None, (self.folder / "sshd.log").read_text()
            time.sleep(0.02)
