"""pip in the host's child processes: `python -m pip` there finds a stand-in that records, and never the real one."""

import json
import os
import pathlib

_PACKAGE = pathlib.Path(__file__).parent / "python" / "child"


class Pip:
    """What child processes asked pip for, and what it answers them."""

    def __init__(self, folder):
        self._folder = folder / "pip"
        self._folder.mkdir()
        os.environ["HOST_PIP"] = str(self._folder)
        os.environ["PIP_NO_INDEX"] = "1"  # should the real one be found after all
        os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, [str(_PACKAGE), os.environ.get("PYTHONPATH")]))
        self.reset()

    def reset(self):
        (self._folder / "asked.jsonl").write_text("", encoding="utf-8")
        self.answer()

    def answer(self, *says, errors=(), waits=False):
        """The lines that it prints, and those that it fails with; waits: it goes on only when `go` is called."""
        words = json.dumps({"says": says, "errors": errors})
        (self._folder / "words.json").write_text(words, encoding="utf-8")
        (self._folder / "go").unlink(missing_ok=True)
        if not waits:
            self.go()

    def go(self):
        (self._folder / "go").touch()

    @property
    def asked(self):
        """The arguments of every call since the last reset."""
        lines = (self._folder / "asked.jsonl").read_text(encoding="utf-8").splitlines()
        return [json.loads(line) for line in lines]
