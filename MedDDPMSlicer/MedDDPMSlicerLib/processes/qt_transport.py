"""Bytes to and from a child process over QProcess, without ever blocking Slicer's event loop."""

from __future__ import annotations

import qt
import slicer

from .command_process import NOT_STARTED


def _nothing(*_arguments) -> None:
    pass


class QtTransport:
    """Carries a child process's standard streams; see synthesis_process for what it offers."""

    def __init__(self):
        self.on_output = self.on_error_output = self.on_end = _nothing
        self._process = None

    def start(self, program: str, arguments: list[str], folder: str) -> None:
        process = qt.QProcess(slicer.app)  # owned by Qt: it must outlive the signal in which it is let go
        process.setWorkingDirectory(folder)
        process.connect("readyReadStandardOutput()", self._read_output)
        process.connect("readyReadStandardError()", self._read_errors)
        process.connect("finished(int,QProcess::ExitStatus)", self._finished)
        process.connect("errorOccurred(QProcess::ProcessError)", self._failed)
        self._process = process
        process.start(program, arguments)

    def is_running(self) -> bool:
        return self._process is not None

    def process_id(self) -> int:
        return self._process.processId() if self._process else 0

    def write(self, data: bytes) -> None:
        if self._process is not None:
            self._process.write(data)

    def kill(self) -> None:
        """End the process now; on_end follows."""
        if self._process is not None:
            self._process.kill()
            self._process.waitForFinished(2000)

    def wait(self, milliseconds: int) -> None:
        """Wait for the process to end by itself, no longer than so."""
        if self._process is not None:
            self._process.waitForFinished(milliseconds)

    def call_later(self, milliseconds: int, function) -> None:
        qt.QTimer.singleShot(milliseconds, function)

    def _read_output(self) -> None:
        if self._process is not None:
            self.on_output(self._process.readAllStandardOutput().data())

    def _read_errors(self) -> None:
        if self._process is not None:
            self.on_error_output(self._process.readAllStandardError().data())

    def _finished(self, code: int, status) -> None:
        if self._process is None:
            return
        self._read_output()
        self._read_errors()
        crashed = status == qt.QProcess.CrashExit
        self._end("it crashed or was killed" if crashed else f"exit code {code}")

    def _failed(self, error) -> None:
        if error == qt.QProcess.FailedToStart and self._process is not None:
            self._end(NOT_STARTED)

    def _end(self, description: str) -> None:
        process, self._process = self._process, None
        process.deleteLater()
        self.on_end(description)
