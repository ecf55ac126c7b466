"""pip as child processes of the host find it: it notes what it is asked for, says what it is told, installs nothing."""

import json
import os
import pathlib
import sys
import time

folder = pathlib.Path(os.environ["HOST_PIP"])
with open(folder / "asked.jsonl", "a", encoding="utf-8") as file:
    file.write(json.dumps(sys.argv[1:]) + "\n")
words = json.loads((folder / "words.json").read_text(encoding="utf-8"))
print("\n".join(words["says"]), flush=True)
while not (folder / "go").exists():
    time.sleep(0.01)
sys.stderr.write("".join(f"{line}\n" for line in words["errors"]))
sys.exit(1 if words["errors"] else 0)
