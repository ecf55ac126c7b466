"""`medddpm`: the command line. One function a command; each imports what it needs when it runs, so that --help is
instant.
"""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

from .errors import MedDDPMError
from .version import __version__

EXIT_ERROR, EXIT_INTERRUPTED = 1, 130


def synthesize(args: argparse.Namespace) -> int:
    """Mask in, MRI out."""
    from tqdm import tqdm

    from .labels import parse_label_mapping
    from .synthesis.batch import find_masks, synthesize_files
    from .synthesis.synthesize import Settings, load_model
    from .training.distributed import rank_and_world

    mapping = parse_label_mapping(args.labels) if args.labels else None
    masks = find_masks(args.mask)
    rank, world = rank_and_world()
    device = (
        f"cuda:{os.environ.get('LOCAL_RANK', 0)}"
        if world > 1 and args.device == "auto" and _has_cuda()
        else args.device
    )
    if args.check:
        return _check(masks, args.model, mapping)
    model = load_model(args.model, device, args.precision)
    settings = Settings(args.seed, args.sampler, args.steps, args.samples, 1, args.grid)
    with tqdm(disable=None, unit="step") as bar:

        def report(mask: Path, what) -> None:
            if isinstance(what, str):
                bar.write(f"{mask.name}: {what}", file=sys.stderr)
            else:
                bar.set_description(f"{mask.name} seed {what.seeds[0]}")
                bar.total, bar.n = what.total, what.index
                bar.refresh()

        written, failed = synthesize_files(model, masks[rank::world], Path(args.out), settings, mapping, report)
    for path in written:
        print(path)
    return EXIT_ERROR if failed else 0


def _has_cuda() -> bool:
    import torch

    return torch.cuda.is_available()


def _check(masks: list[Path], model: str, mapping) -> int:
    """Says what each mask holds, and what is wrong with it, without loading any weights."""
    from .models.catalogue import find_model
    from .models.spec import ModelSpec
    from .volume import Volume

    scheme = ModelSpec.read(find_model(model)).labels
    worst = 0
    for path in masks:
        try:
            report = scheme.validate(Volume.read(path, labels=True), mapping)
        except MedDDPMError as error:
            print(f"{path.name}: {error}")
            worst = EXIT_ERROR
            continue
        present = ", ".join(f"{name} {count} voxels" for name, count in report.present.items())
        print("\n  ".join([f"{path.name}: {present}", *report.warnings, *report.notes]))
    return worst


def head_mask(args: argparse.Namespace) -> int:
    """Head mask from an MRI."""
    from .synthesis.head import head_mask as make
    from .volume import Volume

    make(Volume.read(args.image)).write(args.out)
    print(args.out)
    return 0


def import_model(args: argparse.Namespace) -> int:
    """Published checkpoint -> model folder."""
    import torch

    from .models.published import import_published

    report = import_published(args.checkpoint, args.out, torch.float32 if args.fp32 else torch.float16)
    step = "" if report.step is None else f", training step {report.step}"
    print(
        f"{report.spec.title}: {report.parameters:,} parameters{step}, modalities {', '.join(report.spec.modalities)}"
    )
    print(
        f"the copy's output differs by {report.difference:.1e} of the largest value (allowed: {report.tolerance:.1e})"
    )
    print(f"licence: {report.spec.licence}")
    print(args.out)
    return 0


def models(args: argparse.Namespace) -> int:
    """Lists the models that can be named."""
    from .models.catalogue import find_models
    from .models.spec import ModelSpec

    for name, folder in find_models().items():
        spec = ModelSpec.read(folder)
        print(f"{name}\t{spec.title}\t{', '.join(spec.modalities)}\t{folder}")
    return 0


def prepare(args: argparse.Namespace) -> int:
    """Images -> packed training set."""
    from tqdm import tqdm

    from .labels import parse_label_mapping
    from .models.catalogue import find_model
    from .models.spec import ModelSpec, read_json
    from .training.cases import find_cases, read_csv
    from .training.prepare import prepare as pack

    if args.config:
        values = read_json(args.config)
        spec = ModelSpec.from_dict(values.get("model", values))
    else:
        spec = ModelSpec.read(find_model(args.model))
    source = Path(args.source)
    if source.suffix.lower() == ".csv":
        cases = read_csv(source)
    else:
        cases = find_cases(source, args.image_suffix or [""], args.mask_suffix, args.tumor_suffix, args.head_suffix)
    mapping = parse_label_mapping(args.labels) if args.labels else None
    with tqdm(total=len(cases), disable=None, unit="case") as bar:

        def progress(index: int, total: int, name: str) -> None:
            bar.set_description(name)
            bar.update(index - bar.n)

        report = pack(
            cases, args.out, spec.grid, spec.labels, spec.modalities, args.intensity, args.hold_out, progress, mapping
        )
    print(f"{report.text()}{args.out}")
    return 0


def train(args: argparse.Namespace) -> int:
    """Packed training set -> model."""
    from tqdm import tqdm

    from .training.config import TrainingConfig
    from .training.run import train as run
    from .training.train import RunOptions

    options = RunOptions(
        args.device, args.validate_every, args.sample_every, args.checkpoint_seconds, args.stop_after, args.threads
    )
    with tqdm(disable=None, unit="step") as bar:

        def report(entry: dict) -> None:
            bar.total, bar.n = entry["steps"], entry["step"]
            bar.set_description(f"stage {entry['stage']} loss {entry['loss']:.4f}")
            bar.refresh()
            if "validation_loss" in entry:
                bar.write(f"stage {entry['stage']} step {entry['step']} validation loss {entry['validation_loss']:.4f}")

        folder = run(
            TrainingConfig.read(args.config), args.data, args.out, options, report, args.stage, args.start_from
        )
    if folder:
        print(folder)
    return 0


def parser() -> argparse.ArgumentParser:
    """The command line's grammar."""
    top = argparse.ArgumentParser("medddpm", description="Whole-head MRI from a head/tumour mask, by 3D diffusion.")
    top.add_argument("--version", action="version", version=__version__)
    commands = top.add_subparsers(dest="command", required=True, metavar="COMMAND")

    def command(name: str, function, text: str) -> argparse.ArgumentParser:
        sub = commands.add_parser(name, help=text, description=text)
        sub.set_defaults(function=function)
        return sub

    p = command("synthesize", synthesize, "Make MRI volumes from a label mask, or from each mask of a folder.")
    p.add_argument(
        "mask", help="label volume (.nii.gz, .nrrd, .seg.nrrd, .mha), DICOM folder, or a folder of label volumes"
    )
    p.add_argument("out", help="folder for the NIfTI images, their JSON records and PNG previews")
    p.add_argument("--model", default="default", help="name or folder of a model (see `medddpm models`)")
    p.add_argument("--labels", help="what this mask calls its labels, such as head=1,tumor=2")
    p.add_argument("--seed", type=int, default=0, help="same seed, model, mask, device: same image (default 0)")
    p.add_argument("--samples", type=int, default=1, help="how many images; sample k has seed + k")
    p.add_argument("--sampler", help="ddpm, ddim or dpmpp_2m (default: the model's own)")
    p.add_argument("--steps", type=int, help="diffusion steps (default: the model's own)")
    p.add_argument(
        "--grid", choices=("mask", "model"), default="mask", help="voxel grid of the result (default: the mask's)"
    )
    p.add_argument("--device", default="auto", help="auto, cpu, cuda:0 …")
    p.add_argument("--precision", default="auto", choices=("auto", "float32", "bfloat16", "float16"))
    p.add_argument("--check", action="store_true", help="only say what the masks hold and whether they fit")

    p = command("head-mask", head_mask, "Make a head mask from an MRI.")
    p.add_argument("image")
    p.add_argument("out")

    p = command("import-model", import_model, "Turn a published Med-DDPM checkpoint into a model folder.")
    p.add_argument("checkpoint", help="model_128.pt or model_brats.pt, as downloaded")
    p.add_argument("out", help="new folder for the model")
    p.add_argument("--fp32", action="store_true", help="store full precision (twice the size)")

    command("models", models, "List the models that can be named.")

    p = command("prepare", prepare, "Pack images into a training set.")
    p.add_argument(
        "source", help="folder of images, or a CSV with the columns id, image and, as wished, mask, head, split"
    )
    p.add_argument("out", help="new folder for the training set")
    p.add_argument("--config", help="training configuration whose model says grid, labels and modalities")
    p.add_argument("--model", default="default", help="or a model that does")
    p.add_argument("--image-suffix", action="append", help="what image names end with, such as _T1; once a modality")
    p.add_argument("--mask-suffix", default="_mask")
    p.add_argument("--tumor-suffix", default="_tumor")
    p.add_argument("--head-suffix", default="_head")
    p.add_argument("--labels", help="what the masks call their labels, such as head=1,tumor=2")
    p.add_argument("--intensity", default="robust", choices=("robust", "per_slice", "min_max"))
    p.add_argument("--hold-out", type=int, default=8, help="every n-th case is for validation (default 8, 0: none)")

    p = command("train", train, "Train a model, or go on with a run that was stopped.")
    p.add_argument("config", help="training configuration (see Resources/training)")
    p.add_argument("data", help="packed training set")
    p.add_argument("out", help="run folder; one that exists is resumed")
    p.add_argument("--stage", type=int, help="train this stage alone (0 is the coarsest)")
    p.add_argument("--start-from", help="name or folder of a model to fine-tune")
    p.add_argument("--device", default="auto")
    p.add_argument("--validate-every", type=int, default=500, metavar="STEPS")
    p.add_argument("--sample-every", type=int, default=1000, metavar="STEPS")
    p.add_argument("--checkpoint-seconds", type=float, default=60)
    p.add_argument("--stop-after", type=int, metavar="STEPS", help="steps of each stage in this call")
    p.add_argument("--threads", type=int, default=2, help="threads that draw training samples")
    return top


def main(argv: list[str] | None = None) -> int:
    """Runs one command; returns the exit code: 0, 1 after a message, 2 for wrong usage, 130 when interrupted."""
    args = parser().parse_args(argv)
    try:
        return args.function(args)
    except MedDDPMError as error:
        print(f"medddpm: {error}", file=sys.stderr)
        return EXIT_INTERRUPTED if error.code == "interrupted" else EXIT_ERROR
    except KeyboardInterrupt:
        print("medddpm: interrupted", file=sys.stderr)
        return EXIT_INTERRUPTED


if __name__ == "__main__":
    sys.exit(main())
