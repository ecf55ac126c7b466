"""Writes the quality report as Markdown and JSON."""

from __future__ import annotations

import dataclasses
import json
import os
from pathlib import Path

from MedDDPMCore.evaluation.metrics.bootstrap import Interval

INTRODUCTION = """# Quality of {name}

{sampler}, {steps} steps a stage; {seconds a head:.1f} s a head ({device}, {precision}, {threads} threads of {cpus},
torch {torch}). {count} held-out heads, each with one simulated lesion. Intervals are 95 % bootstrap intervals over
heads; of few heads they are rough. Features: {features}.

- head mask Dice: a head mask found in the image, against the mask given.
- tumour over surroundings: mean intensity in the tumour over that in the 6 mm around it, counted from air.
- histogram distance: of the intensities in the head, 1-Wasserstein, to the real head of the same number.
- sharpness: mean gradient a voxel in the head; above that of real heads is grain, below it blur.
- MS-SSIM between heads: lower is more diverse. Heads of one set, in pairs.
- judge's Dice: where a segmentation network trained on simulated lesions finds the tumour, against the mask.
- MMD, Fréchet distance: of features to those of these real heads; equal numbers of heads on each side.
"""


def write_report(out: Path, results: dict) -> None:
    """report.md and report.json in the folder out, each whole or not at all."""
    _write(out / "report.json", json.dumps(results, indent=1, default=dataclasses.asdict))
    _write(out / "report.md", _text(results))


def _write(path: Path, text: str) -> None:
    part = path.with_suffix(".part")
    part.write_text(text + "\n", encoding="utf-8")
    os.replace(part, path)


def _text(results: dict) -> str:
    head = {**results["model"], "count": len(results["cases"]), "features": results["features"]}
    parts = [INTRODUCTION.format(**head), _columns(results["sets"]), "## Without a tumour in the mask"]
    parts += ["Tumour over surroundings, at the place where one had been:", _lines(results["no tumour"])]
    privacy = {name: of for name, of in results["privacy"].items() if isinstance(of, dict)}
    parts += [
        "## Distance to the nearest training head",
        "At 4 mm, over small shifts and mirroring.",
        _columns(privacy),
    ]
    parts += ["Closest pairs: " + "; ".join(results["privacy"]["closest pairs"]) + "."]
    parts += ["## One mask, many heads", _lines(results["diversity"])]
    if rows := results.get("steps"):
        names = list(rows[0])
        lines = ["| " + " | ".join(names) + " |", "|---" * len(names) + "|"]
        for row in rows:
            lines.append("| " + " | ".join(f"{v:.3f}" if isinstance(v, float) else str(v) for v in row.values()) + " |")
        parts += ["## Steps and samplers", "\n".join(lines)]
    return "\n\n".join(parts)


def _columns(table: dict[str, dict]) -> str:
    """A Markdown table, a set a column."""
    names = list(dict.fromkeys(name for column in table.values() for name in column))
    lines = ["| | " + " | ".join(table) + " |", "|---" * (len(table) + 1) + "|"]
    for name in names:
        lines.append(f"| {name} | " + " | ".join(_number(column.get(name)) for column in table.values()) + " |")
    return "\n".join(lines)


def _lines(values: dict) -> str:
    return "\n".join(f"- {name}: {_number(value)}" for name, value in values.items())


def _number(value: Interval | float | None) -> str:
    if value is None:
        return ""
    return value.text(3) if isinstance(value, Interval) else f"{value:.3g}"
