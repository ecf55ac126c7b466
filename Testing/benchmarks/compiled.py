"""torch.compile on a CPU against the bundled model's networks as they are: CPU time of a step, and time to compile.

    python Testing/benchmarks/compiled.py [--repeats 5]

Random weights, batch 1, one thread, bfloat16, on the model's grid. Needs a C++ compiler, which the project itself does
not. Prints Markdown, a row as soon as it is measured.
"""

from __future__ import annotations

import argparse
import copy
import time

import torch
from alternating import alternate
from profile_steps import networks


@torch.inference_mode()
def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=int, default=5)
    args = parser.parse_args()
    torch.set_num_threads(1)
    t = torch.tensor([125])
    print("| network | as it is, CPU s | compiled, CPU s | times as fast | compilation, wall s | relative L2 |")
    print("| --- | --- | --- | --- | --- | --- |", flush=True)
    for name, network, x in networks(torch.bfloat16):
        compiled = torch.compile(copy.deepcopy(network))
        started = time.monotonic()
        made = compiled(x, t).float()
        compiling = time.monotonic() - started
        calls = {"as it is": lambda: network(x, t), "compiled": lambda: compiled(x, t)}  # noqa: B023
        times = alternate(calls, x.device, args.repeats)
        plain, fast = (times[key]["cpu_s"] for key in ("as it is", "compiled"))
        wanted = network(x, t).float()
        apart = float((made - wanted).norm() / wanted.norm())
        print(f"| {name} | {plain:.3f} | {fast:.3f} | {plain / fast:.2f} | {compiling:.0f} | {apart:.1e} |", flush=True)


if __name__ == "__main__":
    main()
