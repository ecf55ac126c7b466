"""What all commands take: --quiet, --log, --threads and --dry-run."""

from __future__ import annotations

import argparse
import os
from pathlib import Path

import numpy as np
import pytest
from phantoms import box, head
from small_models import write_model

from MedDDPMCore.cli import main
from MedDDPMCore.commands import console
from MedDDPMCore.volumes.volume import Volume


@pytest.fixture
def mask(tmp_path, monkeypatch):
    write_model(tmp_path / "models" / "small")
    monkeypatch.setenv("MEDDDPM_MODELS", str(tmp_path / "models"))
    head(box((6, 6, 6), (190, 230, 220)), radius=0).write(tmp_path / "mask.nii.gz")
    return str(tmp_path / "mask.nii.gz")


def test_quiet_leaves_results_and_warnings_and_the_log_has_all(mask, tmp_path, capsys):
    made = ["synthesize", mask, str(tmp_path / "out"), "--model", "small", "--device", "cpu"]
    assert main([*made, "--quiet", "--log", str(tmp_path / "log.txt")]) == 0
    printed = capsys.readouterr()
    assert printed.out.strip().endswith("seed0.nii.gz") and printed.err == ""
    log = (tmp_path / "log.txt").read_text()
    assert log.count("medddpm synthesize") == 1 and "No lesion is painted" in log and printed.out.strip() in log
    assert main([*made, "--seed", "-1", "--quiet", "--log", str(tmp_path / "log.txt")]) == 1
    assert capsys.readouterr().err.startswith("medddpm: ")
    assert "The seed -1" in (tmp_path / "log.txt").read_text() and "No lesion" in (tmp_path / "log.txt").read_text()


def test_a_log_that_cannot_be_written_is_said_before_the_work(mask, tmp_path, capsys):
    assert main(["synthesize", mask, str(tmp_path / "out"), "--log", str(tmp_path / "none" / "log.txt")]) == 1
    assert "cannot be written" in capsys.readouterr().err and not (tmp_path / "out").exists()


def test_the_log_holds_whole_lines_and_of_a_bar_the_last_that_was_drawn(tmp_path):
    with open(tmp_path / "log", "w") as log, open(tmp_path / "screen", "w") as screen:
        told = console._Told(screen, log)
        for text in ("\r 10%", "\r 90%", "\r      \r", "a not", "e\n", "\r100%\n"):
            told.write(text)
    lines = [line.split(" ", 1)[1].strip() for line in (tmp_path / "log").read_text().splitlines()]
    assert lines == ["a note", "100%"]
    assert "90%" in (tmp_path / "screen").read_text()


def test_where_no_bar_is_seen_a_line_now_and_then_says_how_far_the_work_is(capsys, monkeypatch):
    times = iter([0.0, 10.0, 20.0, 31.0, 62.0])
    monkeypatch.setattr(console.time, "monotonic", lambda: next(times))
    with console.bar(argparse.Namespace(quiet=False), 8, "case") as bar:
        for name in "abcd":
            bar.set_description(name, refresh=False)
            bar.update(1)
    assert capsys.readouterr().err == "c: 3 of 8 cases, 0 min 52 s left\nd: 4 of 8 cases, 1 min 2 s left\n"


def test_the_time_left_is_told_from_what_is_done_now_and_not_from_what_was_done_before(capsys, monkeypatch):
    times = iter([0.0, 40.0, 50.0, 90.0, 130.0, 170.0, 210.0, 250.0])
    monkeypatch.setattr(console.time, "monotonic", lambda: next(times))
    with console.bar(argparse.Namespace(quiet=False)) as bar:
        console.begin(bar, 70)
        for step in (70, 72, 74):
            console.show(bar, step, 540, "stage 0")
        console.begin(bar, 1)
        console.show(bar, 2, 11, "stage 1")
        console.pass_over(bar, 4)
        console.show(bar, 7, 11, "stage 1")
    told = [line.removeprefix("stage ") for line in capsys.readouterr().err.splitlines()]
    assert told == [
        "0: 70",
        "0: 72 of 540 steps, 195 min 0 s left",
        "0: 74 of 540 steps, 174 min 45 s left",
        "1: 2 of 11 steps, 6 min 0 s left",
        "1: 7 of 11 steps, 2 min 40 s left",
    ]


@pytest.mark.parametrize("command", [["synthesize"], ["dataset", "--layout", "nnunet"]], ids=lambda words: words[0])
def test_no_time_left_is_told_from_images_that_are_there_already(mask, tmp_path, capsys, monkeypatch, command):
    monkeypatch.setattr(console, "_LINE_SECONDS", 0)
    made = [*command, mask, str(tmp_path / "out"), "--model", "small", "--device", "cpu"]
    assert main(made) == 0
    capsys.readouterr()
    assert main([*made, "--samples", "2"]) == 0
    lines = [line for line in capsys.readouterr().err.splitlines() if line.startswith(": 1")]
    assert lines == [": 1"]


def test_a_bar_on_a_terminal_and_one_that_is_not_drawn_count_what_was_done_before_the_same(monkeypatch):
    monkeypatch.setattr(console.sys.stderr, "isatty", lambda: True, raising=False)
    for quiet in (False, True):
        with console.bar(argparse.Namespace(quiet=quiet), 540) as bar:
            console.begin(bar, 70)
            console.show(bar, 72, 540)
            console.pass_over(bar, 1)
            assert (bar.n, bar.initial) == (72, 71)


def test_threads_are_limited_while_the_command_runs(mask, monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    seen = []
    monkeypatch.setattr("MedDDPMCore.commands.command.json.dumps", lambda *_, **__: seen.append(dict(os.environ)) or "")
    assert main(["models", "--json", "--threads", "1"]) == 0
    assert seen[0]["OMP_NUM_THREADS"] == seen[0]["ITK_GLOBAL_DEFAULT_NUMBER_OF_THREADS"] == "1"
    assert os.environ.get("ITK_GLOBAL_DEFAULT_NUMBER_OF_THREADS") != "1"
    with pytest.raises(SystemExit):
        main(["models", "--threads", "0"])


@pytest.mark.parametrize(
    "command",
    [
        ["synthesize", "{mask}", "{out}", "--model", "small"],
        ["dataset", "{mask}", "{out}", "--layout", "nnunet", "--model", "small"],
        ["prepare", "{folder}", "{out}", "--image-suffix", "mri"],
    ],
    ids=lambda command: command[0],
)
def test_a_dry_run_says_what_it_found_and_writes_nothing(mask, tmp_path, capsys, command):
    labels = Volume.read(mask, labels=True)
    mri = labels.array * np.random.default_rng(0).normal(400, 40, labels.array.shape)
    Volume(mri, labels.geometry).write(tmp_path / "mri.nii.gz")
    names = {"mask": mask, "out": tmp_path / "out", "folder": tmp_path}
    assert main([part.format(**names) for part in command] + ["--dry-run"]) == 0
    assert "mask" in capsys.readouterr().out
    assert not (tmp_path / "out").exists()


def test_a_log_is_not_added_to_a_file_that_is_no_log(mask, tmp_path, capsys):
    before = Path(mask).read_bytes()
    assert main(["synthesize", mask, str(tmp_path / "out"), "--check", "--log", mask]) == 1
    assert "no log of medddpm's" in capsys.readouterr().err and Path(mask).read_bytes() == before
