"""What a segmentation study found: the paper's tables, tests between arms, pictures, and every score as CSV."""

from __future__ import annotations

import contextlib
import json
import platform
from collections.abc import Sequence
from datetime import datetime, timezone
from itertools import combinations
from pathlib import Path

import numpy as np
import torch

from ...base.files import make_folder, write_text
from ...base.pictures import overview, save_figure, save_png
from ...base.reading import read_text
from ...base.tables import csv_text
from ...models.catalogue import find_model
from ...models.spec import ModelSpec
from ...models.stage import build_network
from ...synthesis.output import model_units, output_path, stem
from ...training.data.dataset import PackedDataset
from ...training.stages.config import TrainingConfig
from ...version import __version__
from ...volumes.volume import Volume
from .config import REAL, StudyConfig, slug

METRICS = ("dice", "iou", "accuracy", "recall", "precision")
HEADINGS = {"dice": "Dice", "iou": "IoU", "accuracy": "Accuracy", "recall": "Recall", "precision": "Precision"}
TABLES = {
    1: "Real, augmented, and each model's synthetic images alone",
    2: "Synthetic images of several models together",
    3: "Real and synthetic images together",
}
PICTURED = 4


def write_report(config: StudyConfig, out: Path, results: Sequence[dict]) -> Path:
    """Writes report.md, scores.csv, summary.csv, comparisons.csv and pictures/ from the arms' results.

    Pictures show synthetic images only. Returns the report's path.
    """
    arms = {arm.name: (arm, result) for arm, result in zip(config.arms(), results, strict=True)}
    tests = list(results[0]["scores"])
    compared = {test: compare(config, results, test) for test in tests}
    _write_csvs(out, results, compared)
    _write_pictures(config, out, results, tests)
    lines = ["# Segmentation study", "", *_setting(config, out, results), "", *_models(config, out), ""]
    for test in tests:
        count = len(results[0]["scores"][test])
        lines += [f"## Tested on {test} ({count} real images)", ""]
        for number, title in TABLES.items():
            listed = [result for arm, result in arms.values() if arm.table == number]
            if listed:
                lines += [f"**Table {number}. {title}.** Mean ± SD over test images.", "", *_table(listed, test), ""]
        lines += _ranking(results, test) + ["", *_comparison_table(compared[test]), ""]
        lines += [f"![Dice of each arm](pictures/dice-{slug(test)}.png)", ""]
    shown = ", ".join(config.models)
    lines += [
        "## Synthetic images",
        "",
        f"One mask a row (tumour red, above), and below it what each model made of it, from left to right: {shown}.",
        "",
        "![Masks and synthetic images](pictures/synthetic.png)",
        "",
        "All scores: [scores.csv](scores.csv); means: [summary.csv](summary.csv); tests: "
        "[comparisons.csv](comparisons.csv).",
    ]
    write_text(out / "report.md", "\n".join(lines) + "\n")
    return out / "report.md"


def compare(config: StudyConfig, results: Sequence[dict], test: str) -> list[dict]:
    """Two-sided Wilcoxon signed-rank tests of paired Dice between arms, with Holm's correction over all of them.

    Compared are every arm with the real images, and each pair of models at the same number of images.
    """
    from scipy.stats import wilcoxon

    dice = {result["arm"]: np.array([case["dice"] for case in result["scores"][test]]) for result in results}
    pairs = [(name, REAL) for name in dice if name != REAL]
    arms = {arm.name: arm for arm in config.arms()}
    single = [name for name, arm in arms.items() if arm.table == 1 and arm.sources != (REAL,)]
    pairs += [(a, b) for a, b in combinations(single, 2) if arms[a].count == arms[b].count]
    rows = []
    for arm, against in pairs:
        difference = dice[arm] - dice[against]
        p = float(wilcoxon(difference, zero_method="pratt").pvalue) if difference.any() else 1.0
        rows.append({"arm": arm, "against": against, "difference": float(difference.mean()), "p": p})
    corrected = holm([entry["p"] for entry in rows])
    return [{**entry, "p_holm": p} for entry, p in zip(rows, corrected, strict=True)]


def holm(p_values: Sequence[float]) -> list[float]:
    """P values corrected for their number (Holm, Scandinavian Journal of Statistics 1979)."""
    order = np.argsort(p_values, kind="stable")
    corrected, highest = [0.0] * len(p_values), 0.0
    for rank, index in enumerate(order):
        highest = max(highest, min(1.0, (len(p_values) - rank) * p_values[index]))
        corrected[index] = highest
    return corrected


def summary(result: dict, test: str) -> dict[str, tuple[float, float]]:
    """Metric -> mean and standard deviation (n - 1) over the test's images."""
    means = {}
    for metric in METRICS:
        values = np.array([case[metric] for case in result["scores"][test]])
        means[metric] = float(values.mean()), float(values.std(ddof=1)) if len(values) > 1 else float("nan")
    return means


def _setting(config: StudyConfig, out: Path, results: Sequence[dict]) -> list[str]:
    """What was done, in lines."""
    seg = config.segmentation
    trained = f"{seg.most_steps} optimiser steps an arm" if seg.most_steps else f"{seg.epochs} epochs an arm"
    seconds: dict[str, float] = {}
    for task, spent in _seconds(out).items():
        kind = task.split()[0]
        seconds[kind] = seconds.get(kind, 0.0) + spent
    times = ", ".join(f"{kind} {total:.0f} s" for kind, total in seconds.items())
    real = next(result["images"] for result in results if result["arm"] == REAL)
    matched = "Images of further test sets are scaled to the training images' white matter. "
    return [
        f"- Date {datetime.now(timezone.utc).date()}, MedDDPMCore {__version__}, torch {torch.__version__}, "
        f"{'GPU' if torch.cuda.is_available() else 'CPU'}, Python {platform.python_version()}. Seed {config.seed}.",
        f"- Real images to train on: {real}. Synthetic images a model: {', '.join(map(str, config.synthetic))}. "
        f"Where models are combined, each gives that many. {matched if config.match_tests else ''}".strip(),
        f"- Judge: 3D U-Net, {seg.levels} levels from {seg.base_channels} channels, binary cross-entropy, Adam "
        f"{seg.learning_rate:g} ({seg.schedule}, {seg.warmup} steps of warm-up), batch {seg.batch_size}, {trained}; a "
        "voxel is lesion where its probability is above 0.5.",
        "- Scores are voxel-wise; accuracy counts all voxels, so most of it is background. Where prediction and truth "
        "are both empty every score is 1; where one alone is, a ratio over 0 is 0.",
        f"- Time, summed over processes: {times}.",
    ]


def _seconds(out: Path) -> dict[str, float]:
    """What was done -> the seconds that it took, summed over processes."""
    seconds: dict[str, float] = {}
    for path in sorted(out.glob("times-*.jsonl")):
        for line in read_text(path, errors="replace").splitlines():
            with contextlib.suppress(ValueError, KeyError, TypeError):  # the last line of a killed process
                entry = json.loads(line)
                seconds[str(entry["what"])] = seconds.get(str(entry["what"]), 0.0) + float(entry["seconds"])
    return seconds


def _models(config: StudyConfig, out: Path) -> list[str]:
    """What each model is, and what it cost, as a table."""
    lines = [
        "| Model | Kind | Parameters | Trained here | Seconds of training | Seconds an image |",
        "| --- | --- | --- | --- | --- | --- |",
    ]
    seconds, count = _seconds(out), max(config.synthetic)
    for name, path in config.models.items():
        recipe = TrainingConfig.read(path) if Path(path).is_file() else None
        spec = recipe.model if recipe else ModelSpec.read(find_model(path))
        with torch.device("meta"):
            networks = [build_network(spec, stage) for stage in spec.stages]
        size = sum(parameter.numel() for network in networks for parameter in network.parameters())
        steps = [f"{stage.steps} steps of {stage.batch_size}" for stage in recipe.stages] if recipe else ["no"]
        training = f"{seconds.get(f'training {name}', 0):.0f}" if recipe else ""
        making = f"{seconds.get(f'synthesis {name}', 0) / count:.2f}"
        lines.append(f"| {name} | {spec.kind} | {size:,} | {', '.join(steps)} | {training} | {making} |")
    return lines


def _table(results: Sequence[dict], test: str) -> list[str]:
    lines = ["| Trained on | Images | " + " | ".join(HEADINGS.values()) + " |", "| --- " * 7 + "|"]
    for result in results:
        cells = [f"{mean:.3f} ± {sd:.3f}" for mean, sd in summary(result, test).values()]
        lines.append(f"| {result['arm']} | {result['images']} | " + " | ".join(cells) + " |")
    return lines


def _ranking(results: Sequence[dict], test: str) -> list[str]:
    order = sorted(results, key=lambda result: -summary(result, test)["dice"][0])
    ranked = ", ".join(f"{result['arm']} {summary(result, test)['dice'][0]:.3f}" for result in order)
    return [f"By mean Dice: {ranked}."]


def _comparison_table(compared: Sequence[dict]) -> list[str]:
    lines = [
        "Paired Wilcoxon signed-rank tests of Dice (two-sided), with Holm's correction over all lines:",
        "",
        "| Arm | Against | Difference of mean Dice | p | p (Holm) |",
        "| --- | --- | --- | --- | --- |",
    ]
    for entry in compared:
        lines.append(
            f"| {entry['arm']} | {entry['against']} | {entry['difference']:+.3f} | {entry['p']:.3g} | "
            f"{entry['p_holm']:.3g} |"
        )
    return lines


def _write_csvs(out: Path, results: Sequence[dict], compared: dict[str, list[dict]]) -> None:
    rows = [
        {"arm": result["arm"], "test": test, **case}
        for result in results
        for test, cases in result["scores"].items()
        for case in cases
    ]
    _write_csv(out / "scores.csv", [{k: _rounded(v) for k, v in row.items()} for row in rows])
    means = []
    for result in results:
        for test in result["scores"]:
            figures = summary(result, test)
            values = {
                f"{metric}_{part}": figures[metric][i] for metric in METRICS for i, part in enumerate(("mean", "sd"))
            }
            means.append({"arm": result["arm"], "images": result["images"], "test": test, **values})
    _write_csv(out / "summary.csv", [{k: _rounded(v) for k, v in row.items()} for row in means])
    tests = [{"test": test, **entry} for test, entries in compared.items() for entry in entries]
    _write_csv(out / "comparisons.csv", [{k: _rounded(v) for k, v in row.items()} for row in tests])


def _write_csv(path: Path, rows: list[dict]) -> None:
    write_text(path, csv_text(list(rows[0]), [list(row.values()) for row in rows]))


def _rounded(value: object) -> object:
    return f"{value:.5g}" if isinstance(value, float) else value


def _write_pictures(config: StudyConfig, out: Path, results: Sequence[dict], tests: Sequence[str]) -> None:
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot as plt

    folder = out / "pictures"
    make_folder(folder)
    for test in tests:
        names = [result["arm"] for result in results]
        values = [[case["dice"] for case in result["scores"][test]] for result in results]
        figure, axes = plt.subplots(figsize=(8, 0.32 * len(names) + 1.4), layout="constrained")
        axes.boxplot(values[::-1], orientation="horizontal", tick_labels=names[::-1], showmeans=True)
        axes.set(xlim=(-0.02, 1.02), xlabel="Dice", title=f"Tested on {test}; triangles are means")
        save_figure(folder / f"dice-{slug(test)}.png", figure, dpi=90)
        plt.close(figure)
    _write_synthetic_picture(config, out, folder / "synthetic.png")


def _write_synthetic_picture(config: StudyConfig, out: Path, path: Path) -> None:
    """Masks, and what each model made of them."""
    data = PackedDataset.open(config.data)
    scheme = data.labels_scheme
    tumor = max(scheme.lesion_values)
    rows = []
    for k in range(min(PICTURED, max(config.synthetic))):
        mask = out / "masks" / f"mask-{k:05d}.nii.gz"
        labels = Volume.read(mask, labels=True).array
        pictures = []
        for name in config.models:
            file = output_path(out / "synthetic" / slug(name), stem(mask), data.modalities[0], config.seed + k)
            image = model_units(Volume.read(file).array)
            pictures.append(overview(labels, image, data.grid.spacing, tumor, data.grid.axes))
        rows.append(np.concatenate([np.pad(p, ((0, 6), (0, 6), (0, 0))) for p in pictures], axis=1))
    save_png(path, np.concatenate(rows))
