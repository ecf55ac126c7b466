"""The system's ssh as a way to a worker on another machine: how it is started, and what its failures mean."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from ..base.errors import MedDDPMError
from .channel import LineError

PROGRAM = """sh -c 'PATH="$PATH:$HOME/.local/bin:$HOME/.medddpm/venv/bin" exec medddpm "$@"' medddpm"""
"""What starts the command line there, unless the user says otherwise: also where `install_command` puts it. sh reads
it, as csh and its kind take a colon behind a variable for a modifier of it."""
_OPTIONS = ("BatchMode=yes", "ConnectTimeout=20", "ServerAliveInterval=15", "ServerAliveCountMax=4",
            "ClearAllForwardings=yes", "ForwardAgent=no", "ForwardX11=no", "PermitLocalCommand=no", "RequestTTY=no",
            "RemoteCommand=none", "Compression=no", "EscapeChar=none")  # fmt: skip
_SYSTEM_LIBRARIES = ("LD_LIBRARY_PATH", "LD_PRELOAD", "DYLD_LIBRARY_PATH", "PYTHONHOME", "PYTHONPATH")
"""Variables by which 3D Slicer gives its own libraries to its children, with which the system's ssh does not run."""
_QUEUE = re.compile(r"^(?:srun|salloc|sbatch|qrsh|bsub): (?:error: )?(.*)", re.MULTILINE)


@dataclass(frozen=True)
class Host:
    """Another machine. name: as ssh takes it: user@host or a name of ~/.ssh/config. launch: a command in front of the
    worker there, such as "srun --gres=gpu:1". program: what starts the command line there."""

    name: str
    launch: str = ""
    program: str = PROGRAM

    def __post_init__(self) -> None:
        if not re.fullmatch(r"[^-\s][^\s]*", self.name) or not self.name.isprintable():
            raise LineError(f"{self.name!r} is not the name of a computer.", "Write user@host, as for ssh.")
        try:
            shlex.split(self.launch)
        except ValueError as error:
            raise LineError(f"The command to launch {self.launch!r} cannot be read: {error}.") from error


def start(host: Host) -> subprocess.Popen:
    """ssh with the worker there at its other end; LineError where there is no ssh."""
    ssh = shutil.which("ssh")
    if ssh is None:
        raise LineError(
            "The program ssh is not installed on this computer.",
            "Install OpenSSH's client: on Debian and Ubuntu `sudo apt-get install openssh-client`; on Windows in "
            "Settings, Optional features, OpenSSH Client. macOS has it.",
        )
    command = f"{host.program} worker --carried"
    if host.launch:
        command += f" --launch {shlex.quote(host.launch)}"
    options = [part for option in _OPTIONS for part in ("-o", option)]
    environment = {name: value for name, value in os.environ.items() if name not in _SYSTEM_LIBRARIES}
    return subprocess.Popen(
        [ssh, "-T", *options, "--", host.name, command],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment,
        creationflags=getattr(subprocess, "CREATE_NO_WINDOW", 0),
    )  # fmt: skip


def explained(host: Host, code: int | None, output: str, opened: bool) -> MedDDPMError:
    """Why there is no connection, from ssh's exit code and what was said on its standard error.

    opened: the worker there had answered before.
    """
    name, last = host.name, next((line for line in reversed(output.splitlines()) if line.strip()), "")
    for pattern, message, hint in _FAILURES:
        if code == 255 and not opened and re.search(pattern, output, re.IGNORECASE):
            return LineError(message.format(name), hint.format(name))
    if host.launch and not opened and (refused := _QUEUE.findall(output)):
        return LineError(f"The queue of {name} refused: {refused[-1]}", f"Look at the launch command: {host.launch}")
    if not opened and (code == 127 or re.search(r"not found|No such file|No module named", output)):
        return LineError(
            f"MedDDPM is not installed on {name}: {last}", f"Install it there with: {install_command(name)}"
        )
    if not opened and re.search(r"invalid choice: 'worker'|unrecognized arguments", output):
        return other_version(host, "an older one")
    if "No space left on device" in output:
        return LineError(f"There is no space left on {name}.", "Free some space there, or set TMPDIR there.")
    if opened or code in (255, None):
        return LineError(f"The connection to {name} was lost. {last}".strip(), "Try again: it is made anew.")
    return LineError(f"The worker on {name} ended (exit code {code}). {last}".strip(), "See the error report.")


def other_version(host: Host, theirs: str) -> LineError:
    """That the worker there is not of this version."""
    return LineError(
        f"MedDDPM on {host.name} has another version of the worker's protocol than this computer: {theirs}.",
        f"Install this version there with: {install_command(host.name)}",
    )


def install_command(name: str) -> str:
    """One command that installs this version there; SOURCES stands for its source folder where that is not here."""
    root = Path(__file__).resolve().parents[2]
    sources = shlex.quote(str(root)) if (root / "setup.py").is_file() else "SOURCES"
    return (
        f"tar -czC {sources} MedDDPMCore Resources pyproject.toml setup.py README.md LICENSE | "
        f"ssh {name} 'mkdir -p ~/.medddpm/program && tar -xzC ~/.medddpm/program && "
        "python3 -m venv ~/.medddpm/venv && ~/.medddpm/venv/bin/pip install ~/.medddpm/program'"
    )


_FAILURES = (
    (r"Could not resolve hostname|Name or service not known", "The computer of {} is not known.",
     "Check the name, and whether this network reaches it: ssh {}"),
    (r"Host key verification failed|HOST IDENTIFICATION HAS CHANGED|No \S+ host key is known",
     "The identity of {} is not known to this computer, or is not the one that it had before.",
     "Run `ssh {}` once in a terminal and compare the fingerprint with what its administrator says."),
    (r"Permission denied|Too many authentication failures|no mutual signature",
     "{} did not accept a key of this computer.",
     "Set up a key that needs no password to be typed (ssh-keygen, `ssh-copy-id {}`), or load it into ssh-agent."),
    (r"Connection refused|timed out|No route to host|unreachable|Connection (closed|reset)",
     "{} could not be reached over SSH.", "Is it on, and does this network or VPN reach it? Try in a terminal: ssh {}"),
)  # fmt: skip
