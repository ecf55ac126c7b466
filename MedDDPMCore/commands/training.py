"""`medddpm` prepare, train."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from . import console
from .command import (
    EXIT_ERROR,
    Commands,
    add_command,
    add_dry_run,
    add_label_options,
    at_least_one,
    label_mapping,
    require_apart,
)

if TYPE_CHECKING:
    from ..training.data.cases import Case
    from ..training.data.packing import PrepareOptions
    from ..training.data.recipes import Recipe


def add(commands: Commands) -> None:
    """Adds the commands to the command line's."""
    p = add_command(commands, "prepare", prepare, "Pack images into a training set.")
    p.add_argument(
        "source",
        help="folder of images, or a CSV with the columns id, image and, as wished, mask, tumor, head, brain, split",
    )
    p.add_argument("out", help="new folder for the training set")
    p.add_argument("--recipe", choices=("whole-head", "brats", "bundled"), help="the whole way: see the documentation")
    p.add_argument("--template", help="head mask to register to (default of whole-head: the bundled mean head)")
    p.add_argument("--registration", choices=("affine", "rigid", "none"), help="default: the recipe's, or none")
    p.add_argument("--remove-outliers", action="store_true", help="take out cases unlike the rest, as whole-head does")
    p.add_argument("--config", help="training configuration whose model says grid, labels, modalities and intensities")
    p.add_argument("--model", default="default", help="or a model that does")
    p.add_argument("--image-suffix", action="append", help="what image names end with, such as _T1; once a modality")
    p.add_argument("--mask-suffix", help="of whole segmentations (default _mask; of brats: _seg)")
    p.add_argument("--tumor-suffix", default="_tumor")
    p.add_argument("--head-suffix", default="_head")
    p.add_argument("--brain-suffix", default="_brain", help="of masks that say where lesions may be simulated (1)")
    add_label_options(p, "the masks call their labels")
    p.add_argument(
        "--intensity", choices=("robust", "per_slice", "min_max"), help="default: the model's, the recipe's, or robust"
    )
    p.add_argument("--training-data", default="", help="whose images these are; models trained on them say so")
    p.add_argument("--licence", default="", help="under which models trained on these images are given away")
    p.add_argument("--notes", default="", help="what else models trained on these images say of themselves")
    p.add_argument("--skip-failed", action="store_true", help="exit code 0 although cases could not be packed")
    p.add_argument("--hold-out", type=int, default=8, help="every n-th case is for validation (default 8, 0: none)")
    add_dry_run(p)

    p = add_command(commands, "train", train, "Train a model, or go on with a run that was stopped.", threads=False)
    p.add_argument("config", help="training configuration (see Resources/training)")
    p.add_argument("data", help="packed training set")
    p.add_argument("out", help="run folder; one that exists is resumed")
    p.add_argument(
        "--model", choices=("pix2pix", "discogan"), help="train this baseline on what the configuration is for"
    )
    p.add_argument("--stage", type=int, help="train this stage alone (0 is the coarsest)")
    p.add_argument("--start-from", help="name or folder of a model to fine-tune")
    p.add_argument("--device", default="auto")
    p.add_argument("--validate-every", type=int, default=500, metavar="STEPS")
    p.add_argument("--sample-every", type=int, default=1000, metavar="STEPS")
    p.add_argument("--checkpoint-seconds", type=float, default=60)
    p.add_argument("--stop-after", type=int, metavar="STEPS", help="steps of each stage in this call")
    p.add_argument(
        "--threads",
        type=at_least_one,
        help="threads that draw training samples (default: a core each up to 8; 2 on a CPU)",
    )
    add_dry_run(p)


def prepare(args: argparse.Namespace) -> int:
    """Images -> packed training set."""
    from ..training.data.prepare import prepare as pack

    require_apart(args.out, args.source)
    cases, options = _cases(args), _prepare_options(args)
    if args.dry_run:
        return _check_cases(args, cases, options)
    with console.bar(args, len(cases), "case") as bar:

        def progress(index: int, _total: int, name: str) -> None:
            bar.set_description(name)
            bar.update(index - bar.n)

        report = pack(cases, args.out, options, progress)
    print(f"{report.text()}{args.out}")
    if report.failed and not args.skip_failed:
        _refuse_lost({name: report.left_out[name] for name in report.failed}, len(cases), args.out)
    return 0


def _refuse_lost(lost: dict[str, str], total: int, out: str) -> None:
    """TrainingError that says which cases could not be packed, and why."""
    from ..base.errors import TrainingError, reasons, shown

    raise TrainingError(
        f"{len(lost)} of {total} images could not be packed: {reasons(lost)}.",
        f"Mend or remove them and pack into a new folder; or go on without them, with {shown(out)} as it is (with "
        "--skip-failed that is no error).",
    )


def _check_cases(args: argparse.Namespace, cases: list[Case], options: PrepareOptions) -> int:
    """Reads every case and says what would be packed, and what left out."""
    from ..base.errors import MedDDPMError
    from ..training.data.cases import unmarked_beside_marked
    from ..training.data.packing import read_case

    kept = []
    with console.bar(args, len(cases), "case") as bar:
        for case in cases:
            sides = {"mask": case.mask, "tumor": case.tumor, "head": case.head, "brain": case.brain}
            named = [f"{name} {path}" for name, path in sides.items() if path]
            healthy = ["no mask: taken as healthy"] if case.unmarked else []
            said = f"{', '.join(map(str, case.images))}; {', '.join([*named, *healthy])}"
            try:
                lines = [said, *read_case(case, options).notes]
                kept.append(case)
            except (MedDDPMError, ValueError) as error:
                lines = [said, f"left out: {error}"]
            bar.clear()
            print(f"{case.id}: " + "\n  ".join(lines))
            bar.update()
    console.tell(warnings=unmarked_beside_marked(kept))
    return EXIT_ERROR if len(kept) < len(cases) and not args.skip_failed else 0


def _recipe(args: argparse.Namespace) -> Recipe:
    from ..training.data.recipes import RECIPES

    return RECIPES[args.recipe or "bundled"]


def _cases(args: argparse.Namespace) -> list[Case]:
    """The cases of the folder or CSV that was named."""
    from ..training.data.cases import find_cases, read_csv
    from ..training.data.recipes import BRATS_2023, has_brats_2023_names

    source, recipe = Path(args.source), _recipe(args)
    if source.suffix.lower() == ".csv":
        return read_csv(source)
    suffixes, mask_suffix = args.image_suffix or recipe.suffixes, recipe.mask_suffix
    if args.recipe == "brats" and not args.image_suffix and has_brats_2023_names(source):
        suffixes, mask_suffix = BRATS_2023
    if args.mask_suffix is not None:
        mask_suffix = args.mask_suffix
    return find_cases(source, suffixes, mask_suffix, args.tumor_suffix, args.head_suffix, args.brain_suffix)


def _prepare_options(args: argparse.Namespace) -> PrepareOptions:
    """What the arguments, and the recipe where they are silent, say of how cases are prepared."""
    from ..base.errors import ModelError
    from ..base.typed_json import read_json
    from ..models.catalogue import find_model
    from ..models.spec import ModelSpec
    from ..training.data.packing import PrepareOptions
    from ..training.data.recipes import TEMPLATE
    from ..volumes.volume import Volume

    recipe = _recipe(args)
    if args.config:
        values = read_json(args.config, ModelError)
        spec = ModelSpec.from_dict(values.get("model", values), args.config)
    elif args.recipe:
        spec = recipe.spec()
    else:
        spec = ModelSpec.read(find_model(args.model))
    registration = args.registration or ("affine" if args.template else recipe.registration)
    about = {"training_data": args.training_data, "licence": args.licence, "notes": args.notes}
    template = None if registration == "none" else Volume.read(args.template or TEMPLATE, labels=True)
    return PrepareOptions(
        grid=spec.grid,
        scheme=spec.labels,
        modalities=spec.modalities,
        mapping=None if recipe.relabel and args.brats_labels else label_mapping(args, spec.labels),
        convention=args.intensity or spec.convention or recipe.intensity,
        hold_out=args.hold_out,
        template=template,
        registration=registration,
        remove_outliers=recipe.outliers or args.remove_outliers,
        relabel=recipe.relabel,
        numbering=args.brats_labels,
        about={name: value for name, value in about.items() if value},
    )


def train(args: argparse.Namespace) -> int:
    """Packed training set -> model."""
    from ..training.baselines.adversarial_run import as_baseline
    from ..training.run import outline
    from ..training.run import train as run
    from ..training.stages.config import TrainingConfig
    from ..training.train import RunOptions

    require_apart(args.out, args.data, args.config, args.start_from)
    options = RunOptions(
        device=args.device,
        validate_every=args.validate_every,
        sample_every=args.sample_every,
        checkpoint_seconds=args.checkpoint_seconds,
        stop_after=args.stop_after,
        threads=args.threads,
    )
    config = TrainingConfig.read(args.config)
    if args.model:
        config = as_baseline(config, args.model)
    if args.dry_run:
        print("\n".join(outline(config, args.data, args.out, options, args.stage, args.start_from)))
        return 0
    with console.bar(args) as bar:
        begun: set[int] = set()

        def report(entry: dict) -> None:
            if entry["stage"] not in begun:
                begun.add(entry["stage"])
                console.begin(bar, entry["step"])
            console.show(bar, entry["step"], entry["steps"], f"stage {entry['stage']} loss {entry['loss']:.4f}")
            if "validation_loss" in entry:
                bar.write(f"stage {entry['stage']} step {entry['step']} validation loss {entry['validation_loss']:.4f}")

        folder = run(config, args.data, args.out, options, report, stage=args.stage, start_from=args.start_from)
    if folder:
        print(folder)
    return 0
