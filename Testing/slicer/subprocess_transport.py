"""The transport of synthesis_process over plain subprocess and threads, for tests that need no Qt."""

import queue
import subprocess
import threading
import time


class SubprocessTransport:
    """Bytes arrive in threads and are handed over in `poll`, so that all callbacks run in the calling thread."""

    def __init__(self, command=None):
        self.on_output = self.on_error_output = self.on_end = lambda *_: None
        self._command = command
        self._process, self._queue, self._timers = None, queue.Queue(), []

    def start(self, program, arguments, folder):
        command = self._command or [program, *arguments]
        try:
            process = subprocess.Popen(
                command, cwd=folder, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE
            )
        except OSError:
            self._queue.put(("end", "it could not be started"))
            return
        self._process = process
        readers = [
            threading.Thread(target=self._read, args=(process, stream, kind), daemon=True)
            for stream, kind in ((process.stdout, "output"), (process.stderr, "errors"))
        ]
        for reader in readers:
            reader.start()
        threading.Thread(target=self._watch, args=(process, readers), daemon=True).start()

    def _read(self, process, stream, kind):
        while data := stream.read1(65536):
            self._queue.put((kind, data))

    def _watch(self, process, readers):
        code = process.wait()
        for reader in readers:
            reader.join()
        self._queue.put(("end", "it crashed or was killed" if code < 0 else f"exit code {code}"))

    @property
    def pid(self):
        return self._process.pid

    def is_running(self):
        return self._process is not None

    def write(self, data):
        if self._process is not None:
            try:
                self._process.stdin.write(data)
                self._process.stdin.flush()
            except BrokenPipeError:
                pass  # its end is on the way through the queue

    def wait(self, milliseconds):
        end = time.monotonic() + milliseconds / 1000
        while self._process is not None and time.monotonic() < end:
            self.poll()
            time.sleep(0.001)

    def kill(self):
        if self._process is not None:
            self._process.kill()
            while self._process is not None:
                self.poll()
                time.sleep(0.001)

    def call_later(self, milliseconds, function):
        self._timers.append((time.monotonic() + milliseconds / 1000, function))

    def poll(self):
        now = time.monotonic()
        due = [function for moment, function in self._timers if moment <= now]
        self._timers = [(moment, function) for moment, function in self._timers if moment > now]
        for function in due:
            function()
        while not self._queue.empty():
            kind, value = self._queue.get()
            if kind == "output":
                self.on_output(value)
            elif kind == "errors":
                self.on_error_output(value)
            else:
                if self._process is not None:
                    for stream in (self._process.stdin, self._process.stdout, self._process.stderr):
                        stream.close()
                self._process = None
                self.on_end(value)
