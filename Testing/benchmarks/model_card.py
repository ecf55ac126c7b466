"""Writes the main table of the bundled model's card from reports of quality.py, and keeps them beside it as JSON.

    python Testing/benchmarks/model_card.py OUT/report.json [--before OTHER_OUT/report.json --named "before"]

A test holds the card against the JSON file, and that against the bundled model's weights and sampler.
"""

from __future__ import annotations

import argparse
import json
import re
from pathlib import Path

from quality.report import markdown_columns

from MedDDPMCore.evaluation.metrics.bootstrap import Interval

DOCUMENTATION = Path(__file__).resolve().parents[2] / "Documentation"
CARD, FIGURES = DOCUMENTATION / "model_card.md", DOCUMENTATION / "model_quality.json"
KEPT = ("model", "sets", "public")
"""Of a report: what says nothing of single people."""
TABLE = re.compile(r"^\| \| these real heads \|.*?\n(?=\n)", re.MULTILINE | re.DOTALL)
REAL, MODEL, OTHERS = "these real heads", "model", ("other real heads", "mean head", "nearest head")
PLAIN = ("head mask Dice", "tumour over surroundings", "sharpness over the real", "MS-SSIM between heads",
         "judge's Dice", "histogram distance")  # fmt: skip
PLANES = ("all planes", "axial", "coronal", "sagittal")
VOLUMES = ("brain", "grey matter", "white matter", "ventricles")
ROWS = {
    **{name: ("sets", name) for name in PLAIN},
    **{f"distance of slices, {plane}": ("slices", f"slices, {plane}") for plane in PLANES},
    **{f"{part}, litres": ("anatomy", f"{part}, litres") for part in VOLUMES},
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("report", type=Path)
    parser.add_argument("--before", type=Path, help="another report, of the same heads, whose model gets a column too")
    parser.add_argument("--named", default="before", help="that column's name")
    args = parser.parse_args()
    reports = {MODEL: args.report} | ({args.named: args.before} if args.before else {})
    figures = {name: kept(json.loads(path.read_text("utf-8"))) for name, path in reports.items()}
    FIGURES.write_text(json.dumps(figures, indent=1) + "\n", "utf-8")
    card, found = TABLE.subn(lambda _: table(figures), CARD.read_text("utf-8"))
    assert found == 1, f"{CARD} has {found} such tables"
    CARD.write_text(card, "utf-8")


def kept(report: dict) -> dict:
    """The part of a report that the card needs."""
    return {key: report[key] for key in KEPT}


def table(figures: dict[str, dict]) -> str:
    """The card's table, Markdown: a column for these real heads, one for each report's model, then the others."""
    now = figures[MODEL]
    columns = {REAL: column(now, REAL)}
    columns |= {name: column(report, MODEL) for name, report in figures.items()}
    columns |= {name: column(now, name) for name in OTHERS}
    return markdown_columns(columns) + "\n"


def column(report: dict, heads: str) -> dict[str, Interval | None]:
    """Row -> what a report says of a set of heads."""
    parts = {"sets": report["sets"], **{part: report["public"][part] for part in ("slices", "anatomy")}}
    found = {row: parts[part].get(heads, {}).get(key) for row, (part, key) in ROWS.items()}
    return {row: Interval(**value) if value else None for row, value in found.items()}


if __name__ == "__main__":
    main()
