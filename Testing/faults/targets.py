"""What is damaged, and the doors of the program that it is given to."""

from __future__ import annotations

import hashlib
import io
import json
import os
import random
import shutil
import warnings
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from .mutations import damaged, damaged_data, damaged_json, damaged_mha, damaged_text

Damage = Callable[[bytes, random.Random], bytes]


@dataclass
class Target:
    """files: one of them is damaged, the others stay; opened: what is then done with it."""

    name: str
    files: list[Path]
    damage: Damage
    opened: Callable[[Path], object]
    originals: list[bytes] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.originals = [path.read_bytes() for path in self.files]


def all_targets(folder: Path) -> list[Target]:
    """Every door, with good files for it in the folder."""
    made = [*_volumes(folder / "volumes"), *_dicom(folder / "dicom"), *_models(folder / "models")]
    return [*made, *_training(folder / "training", folder / "models"), *_small(folder / "small"), *_worker(folder)]


def small_head():
    """A head of some thousand voxels, with a tumour."""
    from phantoms import box, head

    return head(box((16, 16, 16), (190, 230, 220)), radius=30)


def _volumes(folder: Path) -> list[Target]:
    from MedDDPMCore.volumes.volume import Volume

    mask = small_head()
    image = Volume(mask.array.astype(np.int16) * 300, mask.geometry)
    names = {"nifti": (".nii", ".nii.gz"), "nrrd": (".nrrd", ".seg.nrrd"), "metaimage": (".mha",)}
    damages = {"nifti": damaged, "nrrd": damaged_mha, "metaimage": damaged_mha}
    found = []
    for kind, endings in names.items():
        files = []
        for ending in endings:
            for name, volume in (("mask", mask), ("image", image)):
                path = folder / kind / f"{name}{ending}"
                if name == "mask" or ending != ".seg.nrrd":
                    path.parent.mkdir(parents=True, exist_ok=True)
                    volume.write(path, {"what": "a test"})
                    files.append(path)
        found.append(Target(kind, files, damages[kind], _as_mask_or_image))
    raw = folder / "detached"
    raw.mkdir()
    (raw / "voxels.raw").write_bytes(mask.array.tobytes())
    size = " ".join(map(str, mask.array.shape[::-1]))
    (raw / "mask.mhd").write_text(
        f"ObjectType = Image\nNDims = 3\nBinaryData = True\nTransformMatrix = 1 0 0 0 1 0 0 0 1\nOffset = 0 0 0\n"
        f"ElementSpacing = 16 16 16\nDimSize = {size}\nElementType = MET_UCHAR\nElementDataFile = voxels.raw\n"
    )
    (raw / "mask.nhdr").write_text(
        f"NRRD0004\ntype: uchar\ndimension: 3\nspace: left-posterior-superior\nsizes: {size}\n"
        "space directions: (16,0,0) (0,16,0) (0,0,16)\nkinds: domain domain domain\nencoding: raw\n"
        "space origin: (0,0,0)\nline skip: 0\nbyte skip: 0\ndata file: voxels.raw\n"
    )
    return [*found, Target("detached", [raw / "mask.mhd", raw / "mask.nhdr"], damaged_text, _as_mask_or_image)]


def _as_mask_or_image(path: Path) -> None:
    """Read, and if it is a mask, asked for a place on a model's grid, as every command does."""
    from small_models import GRID

    from MedDDPMCore.volumes.labels import WHOLE_HEAD
    from MedDDPMCore.volumes.plausible import examine
    from MedDDPMCore.volumes.volume import Volume, resample_image, resample_labels

    volume = Volume.read(path, labels="mask" in path.name)
    if "mask" not in path.name:
        resample_image(volume, GRID.geometry_for(Volume(volume.array > volume.array.min(), volume.geometry), [1]))
        return
    examine(volume, WHOLE_HEAD, None)
    resample_labels(volume, GRID.geometry_for(volume, [1, 2]))


def _dicom(folder: Path) -> list[Target]:
    import test_dicom_frames
    import test_dicom_segments
    from dicom_series import write_series

    from MedDDPMCore.volumes.volume import Volume

    folder.mkdir()
    write_series(folder / "series")
    shutil.copytree(folder / "series", folder / "bare")
    for path in (folder / "bare").iterdir():
        content = path.read_bytes()
        path.write_bytes(content[144 + int.from_bytes(content[140:144], "little") :])  # after the meta header
    test_dicom_frames.write_frames(folder / "frames.dcm")
    test_dicom_segments.write_segments(folder / "segments.dcm", [test_dicom_segments.HEAD, test_dicom_segments.TUMOR])
    return [
        *(
            Target(f"dicom {name}", sorted((folder / name).iterdir())[:2], _deep, lambda path: Volume.read(path.parent))
            for name in ("series", "bare")
        ),
        Target("dicom frames", [folder / "frames.dcm"], _deep, Volume.read),
        Target("dicom segments", [folder / "segments.dcm"], _deep, lambda path: Volume.read(path, labels=True)),
    ]


def _deep(data: bytes, draw: random.Random) -> bytes:
    return damaged(data, draw, header=len(data))


def _models(folder: Path) -> list[Target]:
    import torch
    from small_models import write_model

    from MedDDPMCore.models.bundle import load_with_atlas
    from MedDDPMCore.models.checkpoint_file import read_tensors

    write_model(folder / "small")
    spec, weights = folder / "small" / "model.json", folder / "small" / "weights.safetensors"

    def with_its_hash(data: bytes, draw: random.Random) -> bytes:
        changed = damaged(data, draw, 4000)
        values = json.loads(spec_before)
        spec.write_text(json.dumps({**values, "weights_sha256": hashlib.sha256(changed).hexdigest()}))
        return changed

    spec_before = spec.read_bytes()
    stream = io.BytesIO()
    torch.save({"step": 5, "ema": {"module.a.weight": torch.ones(3, 4)}}, stream)
    published = folder / "published.pt"
    published.write_bytes(stream.getvalue())
    return [
        Target("model.json", [spec], damaged_json, lambda path: load_with_atlas(path.parent)),
        Target("weights", [weights], with_its_hash, lambda path: load_with_atlas(path.parent)),
        Target("published checkpoint", [published], _deep, read_tensors),
    ]


def _training(folder: Path, models: Path) -> list[Target]:
    import torch
    from small_training import COARSE, DETAIL, config_values, write_data

    from MedDDPMCore.evaluation.study.config import StudyConfig
    from MedDDPMCore.training.data.cases import read_csv
    from MedDDPMCore.training.data.dataset import PackedDataset, check_fits
    from MedDDPMCore.training.data.digest import set_digest
    from MedDDPMCore.training.log import TrainingLog
    from MedDDPMCore.training.stages.checkpoint import load_checkpoint, save_checkpoint
    from MedDDPMCore.training.stages.config import TrainingConfig
    from MedDDPMCore.training.stages.stage_run import StageRun

    data = write_data(folder / "data")
    (folder / "config.json").write_text(json.dumps(config_values((COARSE, DETAIL))))
    config = TrainingConfig.from_dict(config_values())

    def fresh() -> StageRun:
        return StageRun(config.model, 0, config.stages[0], config.seed, torch.device("cpu"))

    save_checkpoint(folder / "stage-0.pt", fresh().state())
    (folder / "run").mkdir()

    def packed(path: Path) -> None:
        opened = PackedDataset.open(path.parent)
        check_fits(opened, config.model)
        opened.indices("train")
        set_digest(opened, folder / "run")

    def other_entries(data: bytes, draw: random.Random) -> bytes:
        if draw.random() < 0.5:
            return _deep(data, draw)
        state = damaged_data(torch.load(io.BytesIO(data), weights_only=True), draw, _TENSORS)
        stream = io.BytesIO()
        torch.save(state, stream)
        return stream.getvalue()

    (folder / "stage-0.jsonl").write_text('{"step": 1, "loss": 0.5}\n{"step": 2, "loss": 0.25}\n')
    (folder / "cases.csv").write_text("id,image,mask,split\na,a.nii,m.nii,train\nb,b.nii,,validation\n")
    for name in ("a", "b", "m"):
        (folder / f"{name}.nii").touch()
    (folder / "study.json").write_text(json.dumps({"data": "data", "models": {"a": "a"}, "synthetic": [2]}))
    return [
        Target("packed set", [data / "dataset.json", *sorted(data.glob("*.npy"))], _json_or_bytes, packed),
        Target("checkpoint", [folder / "stage-0.pt"], other_entries, lambda path: fresh().load(load_checkpoint(path))),
        Target("training configuration", [folder / "config.json"], damaged_json, TrainingConfig.read),
        Target("training log", [folder / "stage-0.jsonl"], damaged, lambda path: TrainingLog(path, 1).close()),
        Target("cases", [folder / "cases.csv"], damaged_text, read_csv),
        Target("study configuration", [folder / "study.json"], damaged_json, StudyConfig.read),
    ]


_TENSORS = (None, 0, -1, "x", 1.5, [], {}, [0], {"a": 1}, True, 10**30)


def _json_or_bytes(data: bytes, draw: random.Random) -> bytes:
    return damaged_json(data, draw) if data[:1] == b"{" else damaged(data, draw, 128)


def _small(folder: Path) -> list[Target]:
    from MedDDPMCore.evaluation.metrics.images import load_array, save_arrays
    from MedDDPMCore.evaluation.readers.cases import read_key, seed_of
    from MedDDPMCore.evaluation.readers.files import read_answers, read_study
    from MedDDPMCore.export.record import read_record
    from MedDDPMCore.synthesis.output import record_beside

    (folder / "study").mkdir(parents=True)
    cases = ["case-001", "case-002"]
    for case in cases:
        (folder / "study" / f"{case}.nii").touch()
    study = {"format_version": 1, "id": "abc", "slices": "volume", "cases": cases}
    (folder / "study" / "study.json").write_text(json.dumps(study))
    (folder / "key.json").write_text(json.dumps({"id": "abc", "seed": 1, "order": [["real", "a"], ["synthetic", "b"]]}))
    (folder / "form.csv").write_text("case,answer,confidence,seconds\ncase-001,real,3,1.5\ncase-002,s,5,\n")
    record = {"synthetic": True, "model": "m", "model_sha256": "a", "seed": 1, "modality": "T1", "steps": 4}
    (folder / "image.json").write_text(json.dumps(record))
    (folder / "image.nii").write_bytes(b"x")
    save_arrays(folder / "arrays.npz", {"a": np.ones((3, 4))})

    def answers(path: Path) -> None:
        from MedDDPMCore.evaluation.readers.files import Study

        read_answers(path, Study(folder, "abc", "volume", tuple(cases)))

    def key(path: Path) -> None:
        seed_of(path)
        read_key(path, "abc")

    def a_record(path: Path) -> None:
        record_beside(folder / "image.nii")
        read_record(path)

    return [
        Target("reader study", [folder / "study" / "study.json"], damaged_json, lambda path: read_study(path.parent)),
        Target("reader study's key", [folder / "key.json"], damaged_json, key),
        Target("answers", [folder / "form.csv"], damaged_text, answers),
        Target("record", [folder / "image.json"], damaged_json, a_record),
        Target("arrays", [folder / "arrays.npz"], _deep, lambda path: load_array(path, "a")),
    ]


def _worker(folder: Path) -> list[Target]:
    """Lines to one worker that stays; "internal" errors and requests without an answer are its faults."""
    mask = folder / "asked" / "mask.nii.gz"
    mask.parent.mkdir()
    small_head().write(mask)
    out, model = str(folder / "asked" / "out"), str(folder / "models" / "small")
    shutil.copytree(model, folder / "known" / "default")  # what is asked without a model shall not take long
    usual = {
        "id": "a", "mask": str(mask), "output": out, "model": model, "device": "cpu", "steps": 1, "seed": 1,
        "samples": 1, "sampler": "ddim", "output_grid": "mask", "preview": False, "labels": {"head": 1, "tumor": 2},
    }  # fmt: skip
    requests = [
        {"request": "synthesize", **usual}, {"request": "edit", **usual, "mri": str(mask), "margin_mm": 5},
        {"request": "hello", "id": "b"}, {"request": "cancel", "id": "a"}, {"request": "release", "id": "c"},
    ]  # fmt: skip
    (folder / "asked" / "lines.json").write_text(json.dumps(requests))
    state: dict = {}

    def line(data: bytes, draw: random.Random) -> bytes:
        request = draw.choice(json.loads(data)[:4] if draw.random() < 0.95 else json.loads(data))
        return damaged_json(json.dumps(request).encode(), draw).replace(b"\n", b" ") + b"\n"

    def ask(path: Path) -> None:
        from MedDDPMCore.worker.lines import lines_of
        from MedDDPMCore.worker.server import Worker

        if "worker" not in state:
            os.environ["MEDDDPM_MODELS"] = str(folder / "known")
            state["worker"] = Worker([], io.StringIO())
        worker = state["worker"]
        said = worker.events = io.StringIO()
        with path.open("rb") as stream:
            for text in lines_of(stream):
                worker._take(text)
        while not worker.waiting.empty():
            worker._handle(worker.waiting.get())
        events = [json.loads(text, parse_constant=_refuse) for text in said.getvalue().splitlines()]
        if broken := [event for event in events if event.get("code") == "internal"]:
            raise RuntimeError(f"internal: {broken[0]['message'][:150]}")
        if worker.asked or worker.cancelled:
            raise RuntimeError("the worker remembers what is done")

    return [Target("worker line", [folder / "asked" / "lines.json"], line, ask)]


def _refuse(word: str) -> None:
    raise RuntimeError(f"{word} in an event, which is no JSON")


def silence() -> None:
    """What is read warns of much."""
    warnings.simplefilter("ignore")
