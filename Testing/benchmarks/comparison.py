"""The sections of compare.py: each returns the rows of its table."""

from __future__ import annotations

import argparse
import copy
import importlib.util
import itertools
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import torch
from alternating import alternate, peak_bytes
from growth import growth
from rivals import Monai, ours, published
from torch import nn

from MedDDPMCore.diffusion.domain import Domain
from MedDDPMCore.diffusion.objective import q_sample
from MedDDPMCore.diffusion.samplers import SAMPLERS
from MedDDPMCore.diffusion.schedule import Schedule
from MedDDPMCore.models.spec import ModelSpec, StageSpec
from MedDDPMCore.models.stage import denoiser, in_precision
from MedDDPMCore.training.data.dataset import PackedDataset
from MedDDPMCore.training.data.samples import Batches
from MedDDPMCore.training.stages.config import TrainingConfig
from MedDDPMCore.training.stages.stage_run import StageRun
from MedDDPMCore.training.train import stage_samples

ROOT = Path(__file__).resolve().parents[2]
STAGE = StageSpec(Domain("voxels"), "noise", 250, {})
IMAGES_DRAWN = 8


def step(args: argparse.Namespace, device: torch.device) -> list[dict]:
    """One network call at batch 1, and the output's relative difference from the float32 one."""
    cube = (args.size,) * 3
    x, condition = torch.randn(1, 1, *cube, device=device), torch.randn(1, 2, *cube, device=device).sign()
    t = torch.tensor([125], device=device)
    full = ours(args.base).eval().requires_grad_(False).to(device)
    networks: dict[str, tuple[nn.Module, torch.dtype]] = {"ours float32": (full, torch.float32)}
    for dtype in (torch.bfloat16, torch.float16) if device.type == "cuda" else (torch.bfloat16,):
        networks[f"ours {dtype}".replace("torch.", "")] = (in_precision(copy.deepcopy(full), dtype), dtype)
    if args.published:
        rival = published(args.published, args.base, args.size, full).eval().requires_grad_(False).to(device)
        networks["published float32"] = (rival, torch.float32)
    if importlib.util.find_spec("monai"):
        networks["MONAI float32"] = (Monai(args.base).eval().requires_grad_(False).to(device), torch.float32)
    calls, outputs = {}, {}
    for name, (network, precision) in networks.items():
        if name.startswith("ours"):
            denoise = denoiser(network, STAGE, condition, None, precision)
            calls[name] = torch.inference_mode()(lambda denoise=denoise: denoise(x, t))
        else:
            joined = torch.cat([x, condition], dim=1)
            calls[name] = torch.no_grad()(lambda network=network, joined=joined: network(joined, t))
        with torch.inference_mode(), torch.autocast(device.type, precision, enabled=precision != torch.float32):
            outputs[name] = network(torch.cat([x, condition], dim=1).to(precision), t).float()
    times = alternate(calls, device, args.repeats)
    base = times.get("published float32", times["ours float32"])
    exact = outputs["ours float32"]
    return [
        {
            "network": name,
            **times[name],
            "times as fast (wall)": base["wall_s"] / times[name]["wall_s"],
            "times as fast (CPU)": base["cpu_s"] / times[name]["cpu_s"],
            "peak GB": peak_bytes(calls[name], device) / 1e9,
            "relative L2 from float32": None
            if name.startswith("MONAI")
            else float((outputs[name] - exact).norm() / exact.norm()),
        }
        for name in networks
    ]


def training_configuration(args: argparse.Namespace, batch: int = 1) -> TrainingConfig:
    """The published whole-head configuration at the size asked for."""
    described = json.loads((ROOT / "Resources/training/whole_head_128.json").read_text(encoding="utf-8"))
    described["model"]["grid"]["shape"] = [args.size] * 3
    described["model"]["stages"][0]["network"]["base_channels"] = args.base
    described["training"][0]["batch_size"] = batch
    return TrainingConfig.from_dict(described)


def run_of(config: TrainingConfig, device: torch.device, **changes) -> StageRun:
    training = config.stages[0]
    for name, value in changes.items():
        object.__setattr__(training, name, value)
    run = StageRun(config.model, 0, training, 0, device)
    for network in (run.network, run.ema):
        for parameter in network.parameters():
            if not parameter.any():
                nn.init.normal_(parameter.data, std=0.02)
    return run


def batch_of(args: argparse.Namespace, count: int) -> tuple:
    cube = (args.size,) * 3
    images, labels = torch.rand(count, 1, *cube) * 2 - 1, torch.randn(count, 2, *cube).sign()
    return images, labels, [torch.Generator().manual_seed(i) for i in range(count)]


def training(args: argparse.Namespace, device: torch.device) -> list[dict]:
    """One optimiser step at batch 1, averaged weights included, against the step of the published trainer.

    That is: float32, L1 loss, Adam, and a copy of averaged weights kept beside, brought up to date every tenth step.
    """
    batch = batch_of(args, 1)
    calls = {}
    for name, changes in {
        "ours float32": {"precision": "float32"},
        "ours": {},
        "ours, checkpointed": {"checkpointing": True},
    }.items():
        run = run_of(training_configuration(args), device, **changes)
        calls[f"{name} ({run.precision})".replace("torch.", "")] = lambda run=run: run.train_step(*batch)
    reference = next(iter(calls))
    if args.published:
        network = published(args.published, args.base, args.size, ours(args.base)).to(device)
        average = copy.deepcopy(network)
        optimizer = torch.optim.Adam(network.parameters(), lr=1e-5)
        schedule, done = Schedule.cosine(250), itertools.count()
        images, labels = batch[0].to(device), batch[1].to(device)

        def published_step() -> None:
            t, noise = torch.randint(250, (1,), device=device), torch.randn_like(images)
            output = network(torch.cat([q_sample(schedule, images, t, noise), labels], dim=1), t)
            loss = (noise - output).abs().mean()
            loss.item()
            loss.backward()
            optimizer.step()
            optimizer.zero_grad()
            if next(done) % 10:
                return
            with torch.no_grad():
                for kept, new in zip(average.parameters(), network.parameters(), strict=True):
                    kept.data = kept.data * 0.995 + new.data * 0.005

        calls["published (float32)"] = published_step
        reference = "published (float32)"
    times = alternate(calls, device, args.repeats)
    return [
        {
            "trainer": name,
            **times[name],
            "images/s (wall)": 1 / times[name]["wall_s"],
            "times as fast (wall)": times[reference]["wall_s"] / times[name]["wall_s"],
            "times as fast (CPU)": times[reference]["cpu_s"] / times[name]["cpu_s"],
            "peak GB": peak_bytes(call, device) / 1e9,
        }
        for name, call in calls.items()
    ]


def samplers(args: argparse.Namespace, device: torch.device) -> list[dict]:
    """The arithmetic of 15 steps on a volume of args.size, the network left out, against diffusers'."""
    x = torch.randn(1, 1, *(args.size,) * 3, device=device)
    schedule = Schedule.cosine(250)
    calls = {}
    for name, sampler in SAMPLERS.items():

        def walk(sampler=sampler) -> None:
            generator = torch.Generator().manual_seed(0)
            for _ in sampler(lambda v, _: v, x, schedule, 15, generator=generator):
                pass

        calls[f"ours {name}"] = torch.inference_mode()(walk)
    pairs = {}
    if importlib.util.find_spec("diffusers"):
        import diffusers

        for name, kind in (
            ("ddpm", diffusers.DDPMScheduler),
            ("ddim", diffusers.DDIMScheduler),
            ("dpmpp_2m", diffusers.DPMSolverMultistepScheduler),
        ):
            scheduler = kind(num_train_timesteps=250, beta_schedule="squaredcos_cap_v2", prediction_type="sample")

            def walk(scheduler=scheduler) -> None:
                scheduler.set_timesteps(15)
                v = x
                for t in scheduler.timesteps:
                    v = scheduler.step(v, t, v).prev_sample

            calls[f"diffusers {name}"] = torch.no_grad()(walk)
            pairs[f"ours {name}"] = f"diffusers {name}"
    times = alternate(calls, device, max(5, args.repeats))
    return [
        {
            "sampler": name,
            "CPU ms a step": 1e3 * taken["cpu_s"] / 15,
            "wall ms a step": 1e3 * taken["wall_s"] / 15,
            "times as fast as diffusers (CPU)": times[pairs[name]]["cpu_s"] / taken["cpu_s"] if name in pairs else None,
        }
        for name, taken in times.items()
    ]


def loading(args: argparse.Namespace, device: torch.device) -> list[dict]:
    """The bundled model's training on a packed set: seconds a step, and the share spent waiting for data.

    Beside them, the images a second that one loading thread draws with nothing else to do: a device that trains on
    fewer is never starved.
    """
    if not args.data:
        return []
    data = PackedDataset.open(args.data)
    described = json.loads((ROOT / "Resources/training/default.json").read_text(encoding="utf-8"))
    config = TrainingConfig.from_dict(described)
    rows = []
    for index, training in enumerate(config.stages):
        spec: ModelSpec = config.model
        bent = data.images if spec.atlas else None  # of the size of the bent atlases that a run has made
        factor = spec.stages[index].domain.factor
        samples = stage_samples(data, training, factor, bent)
        run = StageRun(spec, index, training, 0, device, drawn_factor=samples.factor)
        places = range(training.batch_size)
        with Batches(
            samples, data.indices("train"), len(places), seed=0, places=places, threads=2, repeats=training.repeats
        ) as batches:
            run.train_step(*batches.get(0))
            waited, started = 0.0, time.perf_counter()
            for step_number in range(1, 1 + args.repeats):
                asked = time.perf_counter()
                batch = batches.get(step_number)
                waited += time.perf_counter() - asked
                run.train_step(*batch)
            total = time.perf_counter() - started
        busy = time.thread_time()
        for case in data.indices("train")[:IMAGES_DRAWN]:
            samples.draw(case, torch.Generator().manual_seed(case))
        busy = time.thread_time() - busy
        rows.append(
            {
                "stage": index,
                "batch": training.batch_size,
                "images drawn a step": -(-training.batch_size // training.repeats),
                "s a step": total / args.repeats,
                "share waiting for data": waited / total,
                "images a CPU second of one loading thread": IMAGES_DRAWN / busy,
            }
        )
    return rows


def scaling(args: argparse.Namespace, device: torch.device) -> list[dict]:  # noqa: ARG001
    """Images a second of one process and of two under torchrun, on the CPU, one thread and one image a step each."""
    rates = {}
    for processes in (1, 2):
        with tempfile.TemporaryDirectory() as folder:
            told = Path(folder) / "rate.json"
            environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT)}
            subprocess.run(
                [
                    sys.executable, "-m", "torch.distributed.run", "--standalone", f"--nproc-per-node={processes}",
                    str(Path(__file__).with_name("scaling.py")), str(told), str(min(args.size, 32)), str(args.base),
                    str(max(5, args.repeats)),
                ],
                check=True, env=environment,
            )  # fmt: skip
            rates[processes] = json.loads(told.read_text())
    return [
        {
            "processes": processes,
            "images/s (wall)": rate["images_s"],
            "images a CPU second": rate["images_cpu_s"],
            "efficiency (wall)": rate["images_s"] / processes / rates[1]["images_s"],
            "efficiency (CPU)": rate["images_cpu_s"] / rates[1]["images_cpu_s"],
        }
        for processes, rate in rates.items()
    ]


SECTIONS = {
    "step": step,
    "training": training,
    "samplers": samplers,
    "growth": growth,
    "loading": loading,
    "scaling": scaling,
}
