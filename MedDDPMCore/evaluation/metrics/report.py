"""An evaluation as files: CSV for programs, Markdown for readers, and plots where matplotlib is there."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path

import numpy as np

from ...base.device import pick_device
from ...base.files import make_folder, require_writable, write_text
from ...base.pictures import save_figure
from ...base.tables import csv_text
from ...models.catalogue import DEFAULT, find_model
from ...models.spec import ModelSpec
from .evaluate import Evaluation, EvaluationSettings, Row, evaluate
from .features import load_features

FILES = CSV_FILE, MARKDOWN_FILE, PAIRS_FILE, PLOT_FILE = "metrics.csv", "report.md", "matched.csv", "plots.png"
CACHE = "cache"
NO_PLOTS = "No plots: they need matplotlib (pip install matplotlib)."


def evaluate_folders(
    real: str | Path,
    synthetic: str | Path,
    out: str | Path,
    *,
    model: str | Path = DEFAULT,
    features: str | Path | None = None,
    features_sha256: str | None = None,
    pairs: int = 200,
    real_suffix: str = "",
    synthetic_suffix: str = "",
    seed: int = 0,
    device: str = "auto",
    progress: Callable[[int, int, str], None] = lambda *_: None,
) -> Evaluation:
    """Compares a folder of synthetic images with one of real images, and writes the report into the folder `out`.

    model: on whose grid all are compared. features, features_sha256: weights of MedicalNet and their hash, in place of
    the head encoder that comes with the project; device: of that network, such as "auto", "cpu", "cuda:0". The rest as
    of `EvaluationSettings` and `evaluate`, errors too; `Evaluation.files` are the report's.
    """
    network = load_features(features, features_sha256, pick_device(device))
    settings = EvaluationSettings(
        grid=ModelSpec.read(find_model(model)).grid,
        pairs=pairs,
        real_suffix=real_suffix,
        synthetic_suffix=synthetic_suffix,
        seed=seed,
    )
    folder = require_writable(out)
    result = evaluate(real, synthetic, folder / CACHE, network, settings, progress)
    result.files = write_report(folder, result)
    return result


def write_report(folder: Path, evaluation: Evaluation) -> list[Path]:
    """Writes metrics.csv, report.md, with matched images matched.csv, and plots.png; returns what was written.

    Each file whole or not at all. ResourceError on a full disk.
    """
    make_folder(folder)
    drawn = write_plots(folder / PLOT_FILE, evaluation)
    notes = evaluation.notes if drawn else [*evaluation.notes, NO_PLOTS]
    files = {CSV_FILE: _csv(evaluation), MARKDOWN_FILE: _markdown(evaluation, notes, drawn)}
    if evaluation.pairs:
        files[PAIRS_FILE] = csv_text(list(evaluation.pairs[0]), [list(p.values()) for p in evaluation.pairs])
    for name, text in files.items():
        write_text(folder / name, text)
    return [folder / name for name in [*files, *([PLOT_FILE] if drawn else [])]]


def _csv(evaluation: Evaluation) -> str:
    header = ["metric", "value", "low", "high", "halves_real_real", "halves_real_synthetic", "real", "synthetic"]
    header.append("pairs")
    lines = [
        [
            row.metric,
            row.interval.value,
            row.interval.low,
            row.interval.high,
            row.floor,
            row.equal,
            *row.images,
            row.pairs,
        ]
        for row in evaluation.rows
    ]
    return csv_text(header, lines)


def _markdown(evaluation: Evaluation, notes: list[str], drawn: bool) -> str:
    lines = ["# Synthetic images against real ones", "", *(f"- {note}" for note in notes), ""]
    lines += [
        "| metric | value (95 % interval) | real half against real half | real half against synthetic | better |",
        "| --- | --- | --- | --- | --- |",
    ]
    for row in evaluation.rows:
        halves = ["" if math.isnan(v) else f"{v:.4g}" for v in (row.floor, row.equal)]
        lines.append(
            f"| {row.metric}{_rests_on(row)} | {row.interval.text()} | {halves[0]} | {halves[1]} | {row.better} |"
        )
    lines += [
        "",
        "A distance is 0, or for MMD² about 0, where the sets do not differ, but small sets are far from 0 by chance",
        "alone: the two columns of halves compare equal numbers of images, and only where the second is clearly above",
        "the first do synthetic images differ. MS-SSIM between different images measures diversity: synthetic ones",
        "should be as unlike each other as real ones are. See Documentation/evaluation.md.",
    ]
    if drawn:
        lines += ["", f"![Similarity and features]({PLOT_FILE})"]
    return "\n".join(lines) + "\n"


def _rests_on(row: Row) -> str:
    """How many pairs of how many images a mean over pairs is of, and why it has no interval, if it has none."""
    if not row.pairs:
        return ""
    text = f", {row.pairs} pair{'s' * (row.pairs > 1)} of {sum(row.images)} images"
    return text if math.isfinite(row.interval.low) else f"{text}: too few for an interval"


def write_plots(path: Path, evaluation: Evaluation) -> bool:
    """Histograms of MS-SSIM, and features on their first two principal axes; False without matplotlib, or features."""
    if evaluation.features is None:
        return False
    try:
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure
    except ImportError:
        return False
    figure = Figure(figsize=(10, 4), layout="constrained")
    FigureCanvasAgg(figure)
    left, right = figure.subplots(1, 2)
    colours = {"real": "tab:blue", "synthetic": "tab:orange"}
    pooled = [v for values in evaluation.values.values() for v in values]
    edges = np.linspace(min(pooled) - 0.01, max(pooled) + 0.01, 25)
    for name, values in evaluation.values.items():
        left.hist(values, edges, alpha=0.6, density=True, label=f"{name} ({len(values)} pairs)", color=colours[name])
    left.set(xlabel="MS-SSIM between two different images", ylabel="density", title="Diversity")
    left.legend()
    real = evaluation.features[0]
    centre = real.mean(axis=0)
    axes = np.linalg.svd(real - centre, full_matrices=False)[2][:2]
    for name, rows in zip(("real", "synthetic"), evaluation.features, strict=True):
        part = (rows - centre) @ axes.T
        right.scatter(part[:, 0], part[:, -1], s=18, alpha=0.8, label=f"{name} ({len(part)})", color=colours[name])
    right.set(xlabel="1st principal axis of the real images", ylabel="2nd", title="Features")
    right.legend()
    save_figure(path, figure, dpi=110)
    return True
