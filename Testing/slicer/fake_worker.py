"""A worker that speaks the protocol and makes no image: each behaviour a test needs, chosen by the model's name.

python fake_worker.py [protocol]. Models: "quick", "slow" (0.1 s a step), "deaf" (does not obey cancel), "dies",
"noisy" (writes rubbish), "fails", "split" (flushes byte by byte).
"""

import json
import os
import sys
import threading
import time

PROTOCOL = int(sys.argv[1]) if len(sys.argv) > 1 else 1
cancelled = threading.Event()
loaded = set()


def tell(**event):
    line = json.dumps(event) + "\n"
    if "split" in loaded:
        for letter in line:
            sys.stdout.write(letter)
            sys.stdout.flush()
    else:
        sys.stdout.write(line)
        sys.stdout.flush()


def run(request):
    model, identity = request["model"], request["id"]
    warm = model in loaded
    loaded.add(model)
    cancelled.clear()
    if model == "fails":
        tell(event="error", id=identity, code="labels", message="The head is missing.", hint="Paint one.")
        return
    for step in range(1, 6 if model != "slow" else 100):
        if model in ("slow", "deaf"):
            time.sleep(0.1 if model == "slow" else 0.5)
        if model == "noisy":
            sys.stdout.write("Hello from a library\n[1, 2]\n{broken\n\n")
        if model == "dies" and step == 3:
            sys.stderr.write("out of luck\n")
            sys.stderr.flush()
            os._exit(9)
        if cancelled.is_set() and model != "deaf":
            tell(event="cancelled", id=identity)
            return
        tell(event="progress", id="another", step=99, total=1)
        tell(
            event="progress",
            id=identity,
            phase="sampling",
            sample=1,
            samples=1,
            step=step,
            total=5,
            share=step / 5,
            seconds_left=1.0,
            preview=None,
        )
    tell(event="done", id=identity, files=[], seconds=1.0, warm=warm)


def main():
    for line in sys.stdin:
        request = json.loads(line)
        kind = request["request"]
        if kind == "hello":
            tell(event="ready", protocol=PROTOCOL, versions={}, devices=[], models=[])
        elif kind == "synthesize":
            threading.Thread(target=run, args=(request,), daemon=True).start()
        elif kind == "cancel":
            cancelled.set()
        elif kind == "release":
            loaded.clear()
            tell(event="released")
        elif kind == "shutdown":
            return


if __name__ == "__main__":
    main()
