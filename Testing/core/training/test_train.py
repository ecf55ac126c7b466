"""The trainer: what a step computes, what a run leaves behind, and how it resumes."""

from __future__ import annotations

import json
import os
import signal
from pathlib import Path

import pytest
import torch
from small_training import write_data

from MedDDPMCore.base.errors import ResourceError, TrainingError
from MedDDPMCore.diffusion.objective import q_sample, target
from MedDDPMCore.training import train as train_module
from MedDDPMCore.training.data.dataset import PackedDataset
from MedDDPMCore.training.data.samples import Batches, Samples
from MedDDPMCore.training.stages.checkpoint import load_checkpoint
from MedDDPMCore.training.stages.config import TrainingConfig
from MedDDPMCore.training.stages.stage_run import StageRun, noised_batch
from MedDDPMCore.training.stages.validation import drawn_sharpness
from MedDDPMCore.training.train import Interrupted, RunOptions, train_stage

ROOT = Path(__file__).resolve().parents[3]
CPU = torch.device("cpu")
QUICK = {"device": "cpu", "validate_every": 1000, "sample_every": 1000, "threads": 1}


def ignore(entry: dict) -> None:
    """A report that nobody reads."""


def logged(run, stage: int = 0) -> list[tuple[int, float]]:
    lines = (run / f"stage-{stage}.jsonl").read_text().splitlines()
    return [(entry["step"], entry["loss"]) for entry in map(json.loads, lines)]


def stage_run(config, data, **kwargs) -> tuple[StageRun, Batches]:
    training = config.stages[0]
    samples = Samples(data, training.augmentation, training.lesions, training.patch)
    batches = Batches(samples, data.indices("train"), training.batch_size, 3, range(training.batch_size), 1)
    return StageRun(config.model, 0, training, config.seed, CPU, **kwargs), batches


@pytest.mark.parametrize("stage", ["haar", "voxels"])
@pytest.mark.parametrize("prediction", ["noise", "v", "x0"])
@pytest.mark.parametrize("loss", ["l1", "l2"])
def test_the_loss_of_an_untrained_network_is_that_of_predicting_zero(config, data, stage, prediction, loss):
    """Networks begin with a zero last layer, so the loss of the first step is known."""
    values = config(stage).model.to_dict()["stages"][0]
    made = config({**values, "prediction": prediction}, loss=loss)
    run, batches = stage_run(made, data)
    with batches:
        images, labels, generators, _ = batches.get(0)
        x0, _, t, noise = noised_batch(run.domain, run.stage.timesteps, images, labels, generators)
        wanted = target(prediction, run.schedule, x0, t, noise)
        expected = wanted.abs().mean() if loss == "l1" else wanted.square().mean()
        assert run.train_step(*batches.get(0)) == pytest.approx(float(expected), rel=1e-5)


def test_the_noised_batch_is_the_forward_process_of_the_images(config, data):
    run, batches = stage_run(config("voxels"), data)
    with batches:
        images, labels, generators, _ = batches.get(0)
    x0, condition, t, noise = noised_batch(run.domain, run.stage.timesteps, images, labels, generators)
    assert torch.equal(x0, images) and torch.equal(condition, labels)
    alpha = run.schedule.alphas[t].float().view(-1, 1, 1, 1, 1)
    assert torch.allclose(q_sample(run.schedule, x0, t, noise), alpha * x0 + (1 - alpha**2).sqrt() * noise, atol=1e-5)


def test_the_middle_steps_are_trained_more_than_the_ends_where_that_is_asked_for(config, data):
    run, batches = stage_run(config("voxels"), data)
    with batches:
        images, labels = (part[:1].expand(400, -1, -1, -1, -1) for part in batches.get(0)[:2])
    shares = {}
    for sampling in ("uniform", "logit_normal"):
        generators = [torch.Generator().manual_seed(seed) for seed in range(400)]
        t = noised_batch(run.domain, 250, images, labels, generators, timestep_sampling=sampling)[2]
        assert t.min() >= 0 and t.max() < 250
        shares[sampling] = float(((t >= 63) & (t < 213)).float().mean())
    assert shares["uniform"] == pytest.approx(0.6, abs=0.08)
    assert shares["logit_normal"] > 0.72


def test_computing_a_batch_in_parts_or_with_checkpointing_gives_the_same_update(config, data):
    results = []
    for change in ({}, {"micro_batch": 1}, {"micro_batch": 2}, {"checkpointing": True}):
        run, batches = stage_run(config(batch_size=3, **change), data)
        with batches:
            losses = [run.train_step(*batches.get(step)) for step in range(2)]
        results.append((losses, torch.cat([p.flatten() for p in run.network.parameters()])))
    for losses, weights in results[1:]:
        assert losses == pytest.approx(results[0][0], rel=1e-5)
        assert torch.allclose(weights, results[0][1], atol=1e-5)


def test_the_papers_schedule_is_a_tenth_for_the_second_half(config, data):
    run, _ = stage_run(config(steps=10, learning_rate=1e-5, schedule="paper", warmup=0), data)
    rates = []
    for run.step in range(10):
        rates.append(run.learning_rate())
    assert rates == pytest.approx([1e-5] * 5 + [1e-6] * 5)


def test_the_cosine_schedule_rises_and_then_falls_to_nothing(config, data):
    run, _ = stage_run(config(steps=100, learning_rate=1.0, warmup=10), data)
    rates = []
    for run.step in range(101):
        rates.append(run.learning_rate())
    assert rates[0] == pytest.approx(0.1) and max(rates) == rates[9] > 0.9 and rates[-1] == pytest.approx(0, abs=1e-9)


def test_the_averaged_weights_follow_closely_at_first(config, data):
    run, batches = stage_run(config(ema_decay=0.9), data)
    before = [p.clone() for p in run.ema.parameters()]
    with batches:
        run.train_step(*batches.get(0))
    for old, new, averaged in zip(before, run.network.parameters(), run.ema.parameters(), strict=True):
        assert torch.allclose(averaged, old + (new - old) * (1 - 2 / 11), atol=1e-7)


@pytest.mark.parametrize("precision", ["bfloat16", "float16"])
def test_half_precision_trains_to_nearly_the_same_loss(config, data, precision):
    losses = {}
    for name in ("float32", precision):
        run, batches = stage_run(config(precision=name), data)
        with batches:
            losses[name] = [run.train_step(*batches.get(step)) for step in range(2)]
    assert losses[precision] == pytest.approx(losses["float32"], rel=0.02)


def test_a_run_writes_its_log_validation_losses_and_pictures(config, data, tmp_path):
    reported = []
    options = RunOptions(device="cpu", validate_every=2, sample_every=3, threads=1)
    train_stage(config(steps=3), 0, data, tmp_path, options, reported.append)
    entries = [json.loads(line) for line in (tmp_path / "stage-0.jsonl").read_text().splitlines()]
    assert [entry["step"] for entry in entries] == [1, 2, 3]
    assert ["validation_loss" in entry for entry in entries] == [False, True, True]
    assert [entry["steps"] for entry in reported] == [3, 3, 3] and reported[-1]["seconds_left"] == 0
    picture = (tmp_path / "samples" / "stage-0-step-0000003.png").read_bytes()
    assert picture.startswith(b"\x89PNG")
    pytest.importorskip("tensorboard")
    assert list((tmp_path / "stage-0").glob("events*"))


def test_training_makes_the_validation_loss_fall(config, data, tmp_path):
    options = RunOptions(device="cpu", validate_every=20, sample_every=1000, threads=1)
    train_stage(config(steps=40, learning_rate=3e-3, ema_decay=0.8), 0, data, tmp_path, options, ignore)
    entries = [json.loads(line) for line in (tmp_path / "stage-0.jsonl").read_text().splitlines()]
    losses = [entry["validation_loss"] for entry in entries if "validation_loss" in entry]
    assert losses[-1] < losses[0] < 1


def test_a_run_in_pieces_has_the_losses_of_one_in_one_go(config, data, tmp_path):
    for name in ("whole", "pieces"):
        (tmp_path / name).mkdir()
    train_stage(config(), 0, data, tmp_path / "whole", RunOptions(**QUICK), ignore)
    for _ in range(3):
        train_stage(config(), 0, data, tmp_path / "pieces", RunOptions(**QUICK, stop_after=2), ignore)
    assert logged(tmp_path / "pieces") == logged(tmp_path / "whole")
    whole, pieces = (load_checkpoint(tmp_path / name / "stage-0.pt") for name in ("whole", "pieces"))
    assert all(torch.equal(whole["ema"][key], pieces["ema"][key]) for key in whole["ema"])


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.posix
def test_a_signal_finishes_the_step_saves_and_stops(config, data, tmp_path, number):
    def report(entry: dict) -> None:
        if entry["step"] == 2:
            os.kill(os.getpid(), number)

    before = signal.getsignal(number)
    with pytest.raises(Interrupted, match="step 2"):
        train_stage(config(), 0, data, tmp_path, RunOptions(**QUICK), report)
    assert load_checkpoint(tmp_path / "stage-0.pt")["step"] == 2
    assert signal.getsignal(number) is before


@pytest.mark.posix
def test_a_second_ctrl_c_stops_at_once(config, data, tmp_path):
    def report(_entry: dict) -> None:
        os.kill(os.getpid(), signal.SIGINT)
        os.kill(os.getpid(), signal.SIGINT)

    with pytest.raises(KeyboardInterrupt):
        train_stage(config(), 0, data, tmp_path, RunOptions(**QUICK), report)


def test_a_loss_that_is_not_a_number_ends_the_run_and_keeps_the_last_good_checkpoint(config, data, tmp_path):
    options = RunOptions(**QUICK, checkpoint_seconds=0, stop_after=2)
    train_stage(config(), 0, data, tmp_path, options, ignore)
    good = (tmp_path / "stage-0.pt").read_bytes()
    run, batches = stage_run(config(), data)
    with batches, torch.no_grad():
        images, labels, generators, _ = batches.get(0)
        before = [p.clone() for p in run.network.parameters()]
        with torch.enable_grad(), pytest.raises(TrainingError, match="not a finite number"):
            run.train_step(images * float("nan"), labels, generators)
        assert all(torch.equal(a, b) for a, b in zip(before, run.network.parameters(), strict=True)) and run.step == 0
    hopeless = config(learning_rate=1e30, warmup=0)
    with pytest.raises(TrainingError, match="lower learning_rate"):
        train_stage(hopeless, 0, data, tmp_path, RunOptions(**QUICK), ignore)
    assert (tmp_path / "stage-0.pt").read_bytes() == good


@pytest.mark.parametrize(
    "error",
    [
        torch.cuda.OutOfMemoryError("CUDA out of memory"),
        RuntimeError("[enforce fail at alloc_cpu.cpp:118] DefaultCPUAllocator: can't allocate memory"),
        MemoryError(),
    ],
    ids=lambda error: type(error).__name__,
)
def test_lack_of_memory_ends_with_advice_and_the_last_checkpoint(config, data, tmp_path, monkeypatch, error):
    train_stage(config(), 0, data, tmp_path, RunOptions(**QUICK, stop_after=2), ignore)

    def lacking(*_args):
        raise error

    monkeypatch.setattr(StageRun, "train_step", lacking)
    with pytest.raises(ResourceError, match="micro_batch"):
        train_stage(config(), 0, data, tmp_path, RunOptions(**QUICK), ignore)
    assert load_checkpoint(tmp_path / "stage-0.pt")["step"] == 2


def test_a_checkpoint_that_does_not_fit_into_memory_is_not_called_damaged(config, data, tmp_path, monkeypatch):
    train_stage(config(), 0, data, tmp_path, RunOptions(**QUICK, stop_after=2), ignore)

    def lacking(*_arguments, **_named):
        raise RuntimeError("unable to mmap 8000 bytes from file: Cannot allocate memory (12)")

    monkeypatch.setattr(torch, "load", lacking)
    with pytest.raises(ResourceError, match="out of memory") as caught:
        load_checkpoint(tmp_path / "stage-0.pt")
    assert "Delete" not in caught.value.hint


def test_other_errors_of_torch_are_not_taken_for_a_lack_of_memory(config, data, tmp_path, monkeypatch):
    def wrong(*_args):
        raise RuntimeError("shapes differ")

    monkeypatch.setattr(StageRun, "train_step", wrong)
    with pytest.raises(RuntimeError, match="shapes differ"):
        train_stage(config(), 0, data, tmp_path, RunOptions(**QUICK), ignore)


@pytest.mark.posix
def test_a_full_disk_ends_with_advice_and_the_last_good_checkpoint(config, data, tmp_path):
    import resource

    """A limit on the size of files stands for the full disk."""
    train_stage(config(), 0, data, tmp_path, RunOptions(**QUICK, stop_after=2), ignore)
    good = (tmp_path / "stage-0.pt").read_bytes()
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (len(good) // 2, limits[1]))
    try:
        with pytest.raises(ResourceError, match="Free some space, .* resume"):
            train_stage(config(), 0, data, tmp_path, RunOptions(**QUICK), ignore)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert (tmp_path / "stage-0.pt").read_bytes() == good and not list(tmp_path.glob(".*"))
    train_stage(config(), 0, data, tmp_path, RunOptions(**QUICK), ignore)
    assert [step for step, _ in logged(tmp_path)] == [1, 2, 3, 4, 5, 6]


def test_a_log_that_cannot_grow_ends_with_advice(config, data, tmp_path, monkeypatch):
    class FullLog(train_module.TrainingLog):
        def write(self, _entry: dict) -> None:
            raise OSError(28, "No space left on device")

    monkeypatch.setattr(train_module, "TrainingLog", FullLog)
    with pytest.raises(ResourceError, match="the disk is full"):
        train_stage(config(), 0, data, tmp_path, RunOptions(**QUICK), ignore)


def test_a_damaged_or_foreign_checkpoint_is_refused_by_name(config, data, tmp_path):
    path = tmp_path / "stage-0.pt"
    for content in (b"", b"not a checkpoint", b"PK\x03\x04" + bytes(100)):
        path.write_bytes(content)
        with pytest.raises(TrainingError, match="stage-0.pt"):
            train_stage(config(), 0, data, tmp_path, RunOptions(**QUICK), ignore)
    torch.save({"step": 1}, path)
    with pytest.raises(TrainingError, match="not a training checkpoint"):
        train_stage(config(), 0, data, tmp_path, RunOptions(**QUICK), ignore)


def test_data_on_another_grid_or_with_other_modalities_is_refused(config, data, tmp_path):
    made = config()
    odd = PackedDataset(data.grid, data.labels_scheme, ("T2",), data.cases, data.images, data.labels, data.brain)
    with pytest.raises(TrainingError, match=r"modalities \['T2'\] where the model has \['T1'\]"):
        train_stage(made, 0, odd, tmp_path, RunOptions(**QUICK), ignore)
    model = made.model.to_dict()
    model["grid"]["spacing"] = [4.0, 4.0, 4.0]
    with pytest.raises(TrainingError, match="grid spacing"):
        other = type(made).from_dict({**made.to_dict(), "model": model})
        train_stage(other, 0, data, tmp_path, RunOptions(**QUICK), ignore)


def test_options_out_of_range_are_refused():
    for wrong in ({"validate_every": 0}, {"sample_every": -1}, {"stop_after": 0}, {"threads": 0}):
        with pytest.raises(TrainingError, match=next(iter(wrong))):
            RunOptions(**wrong)


def test_a_lesion_weighs_in_the_loss_as_much_as_is_asked_for(config, data):
    images = torch.rand((1, 1, 16, 16, 16), generator=torch.Generator().manual_seed(0)) - 0.5
    labels = torch.full((1, 2, 16, 16, 16), -1.0)
    labels[0, 1, 4, 5, 4] = 1.0
    made = config(lesion_weight=9.0, batch_size=1)
    run = StageRun(made.model, 0, made.stages[0], made.seed, CPU)
    x0, _, t, noise = noised_batch(run.domain, run.stage.timesteps, images, labels, [torch.Generator().manual_seed(1)])
    error = target("v", run.schedule, x0, t, noise).square()
    expected = error.mean() + 8 * error[:, :, 2, 2, 2].sum() / error.numel()
    loss = run.train_step(images, labels, [torch.Generator().manual_seed(1)])
    assert loss == pytest.approx(float(expected), rel=1e-5)


def test_a_warm_up_stable_decay_run_falls_over_its_last_fifth_and_can_be_ended_early(config, data):
    run, _ = stage_run(config(steps=100, learning_rate=1.0, schedule="wsd", warmup=10), data)
    rates = [run.training.learning_rate_at(step) for step in range(101)]
    assert rates[0] == pytest.approx(0.1) and rates[9:81] == pytest.approx([1.0] * 72)
    assert rates[90] == pytest.approx(0.5) and rates[100] == 0
    shorter = config(steps=50, learning_rate=1.0, schedule="wsd", warmup=10).stages[0]
    assert [shorter.learning_rate_at(s) for s in range(10, 40)] == pytest.approx(rates[10:40])


def test_the_brain_weighs_in_the_loss_as_much_as_is_asked_for(config):
    images = torch.rand((1, 1, 16, 16, 16), generator=torch.Generator().manual_seed(0)) - 0.5
    labels = torch.full((1, 2, 16, 16, 16), -1.0)
    brain = torch.zeros((1, 1, 16, 16, 16), dtype=torch.bool)
    brain[..., :8] = True
    losses = []
    for weight in (1.0, 3.0):
        made = config("voxels", brain_weight=weight)
        run = StageRun(made.model, 0, made.stages[0], made.seed, CPU)
        losses.append(
            run.train_step(images, labels, [torch.Generator().manual_seed(1)], brain) * run.training.batch_size
        )
    run = StageRun(made.model, 0, made.stages[0], made.seed, CPU)
    x0, _, t, noise = noised_batch(run.domain, run.stage.timesteps, images, labels, [torch.Generator().manual_seed(1)])
    error = target(run.stage.prediction, run.schedule, x0, t, noise).square()
    assert losses[0] == pytest.approx(float(error.mean()), rel=1e-5)
    assert losses[1] == pytest.approx(float((error * (1 + 2 * brain)).mean()), rel=1e-5)


def test_the_log_tells_validation_losses_apart_how_sharp_samples_are_and_what_drawing_them_takes(
    config, data, tmp_path
):
    options = RunOptions(device="cpu", validate_every=2, sample_every=9, threads=1)
    train_stage(config(steps=2), 0, data, tmp_path, options, ignore)
    entry = json.loads((tmp_path / "stage-0.jsonl").read_text().splitlines()[-1])
    assert entry["validation_cases"] == len(data.indices("validation"))
    assert {"validation_brain", "validation_rest"} <= set(entry)
    parts = [entry[f"validation_{name}"] for name in ("brain", "rest", "lesion") if f"validation_{name}" in entry]
    assert min(parts) <= entry["validation_loss"] <= max(parts)
    assert 0 < entry["drawn_sharpness"] < 1.1 and 0 < entry["drawing_share"] < 1


def test_the_bundled_models_samples_are_drawn_as_sharp_as_they_are_stored(tmp_path):
    """The fine stages exactly; the coarse one, of white noise, the hardest image to draw, to more than 85 %."""
    config = TrainingConfig.read(ROOT / "Resources/training/default.json")
    data = PackedDataset.open(write_data(tmp_path, 2, config.model.grid))
    ratios = [
        drawn_sharpness(data, training.augmentation, stage.domain)
        for training, stage in zip(config.stages, config.model.stages, strict=True)
    ]
    assert ratios[1:] == pytest.approx([1, 1]) and ratios[0] > 0.85
