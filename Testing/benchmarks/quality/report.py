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
heads; of few heads they are rough.
"""
PUBLIC = """## By public networks
{networks}.

Squared Fréchet distance to these real heads of slice features, {slices of a plane} slices of each plane of each head.
"Other real heads" are the floor: how far real heads are from real ones.

{slice table}

Brains found by deepbet, fluid, grey and white matter by a mixture of three intensities in them, ventricles: fluid deep
in the brain. The real spread is from the smallest to the largest of both sets of real heads.

{anatomy table}"""
LESIONS = """## Lesions
Intensities over white matter: median, 10th to 90th percentile; the definitions are those of lesion_contrast.py.

{}"""
SETS = """## Plain measures, and the judge trained here
Features: {features}.

- head mask Dice: a head mask found in the image, against the mask given.
- tumour over surroundings: mean intensity in the tumour over that in the 6 mm around it, counted from air.
- histogram distance: of the intensities in the head, 1-Wasserstein, to the real head of the same number.
- sharpness: mean gradient a voxel in the head; above that of real heads is grain, below it blur. Over the real: over
  that of the real head of the same number.
- MS-SSIM between heads: lower is more diverse. Heads of one set, in pairs.
- judge's Dice: where a segmentation network trained on simulated lesions finds the tumour, against the mask.
- MMD, Fréchet distance: of features to those of these real heads; equal numbers of heads on each side.
"""


def write_report(out: Path, results: dict) -> None:
    """report.md and report.json in the folder out, each whole or not at all."""
    _write(out / "report.json", json.dumps(results, indent=1, default=dataclasses.asdict))
    _write(out / "report.md", _text(results))


def public_text(public: dict) -> str:
    """What the public networks say of each set, Markdown."""
    networks = "; ".join(f"{name}, sha256 {sha256[:12]}" for name, sha256 in public["networks"].items())
    tables = {"slice table": markdown_columns(public["slices"]), "anatomy table": markdown_columns(public["anatomy"])}
    return PUBLIC.format(**{**public, "networks": networks, **tables})


def _write(path: Path, text: str) -> None:
    part = path.with_suffix(".part")
    part.write_text(text + "\n", encoding="utf-8")
    os.replace(part, path)


def _text(results: dict) -> str:
    parts = [INTRODUCTION.format(**results["model"], count=len(results["cases"]))]
    parts += [SETS.format(**results), markdown_columns(results["sets"])]
    if public := results.get("public"):
        parts.append(public_text(public))
    if table := results.get("lesions"):
        parts.append(LESIONS.format(table))
    if found := results.get("no tumour"):
        parts += ["## Without a tumour in the mask", "Tumour over surroundings, at the place where one had been:"]
        parts.append(_lines(found))
    if found := results.get("privacy"):
        parts += ["## Distance to the nearest training head", "At 4 mm, over small shifts and mirroring."]
        parts.append(markdown_columns({name: of for name, of in found.items() if isinstance(of, dict)}))
        parts.append("Closest pairs: " + "; ".join(found["closest pairs"]) + ".")
    if found := results.get("diversity"):
        parts += ["## One mask, many heads", _lines(found)]
    if rows := results.get("steps"):
        names = list(rows[0])
        lines = ["| " + " | ".join(names) + " |", "|---" * len(names) + "|"]
        for row in rows:
            lines.append("| " + " | ".join(f"{v:.3f}" if isinstance(v, float) else str(v) for v in row.values()) + " |")
        parts += ["## Steps and samplers", "\n".join(lines)]
    return "\n\n".join(parts)


def markdown_columns(table: dict[str, dict]) -> str:
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
