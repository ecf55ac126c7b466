"""The word SYNTHETIC drawn into the voxels, for those who ask for it."""

from __future__ import annotations

import numpy as np

from ..base.errors import VolumeError

WORD = "SYNTHETIC"
_GLYPHS = {
    "S": (".###.", "#...#", "#....", ".###.", "....#", "#...#", ".###."),
    "Y": ("#...#", "#...#", ".#.#.", "..#..", "..#..", "..#..", "..#.."),
    "N": ("#...#", "##..#", "##..#", "#.#.#", "#..##", "#..##", "#...#"),
    "T": ("#####", "..#..", "..#..", "..#..", "..#..", "..#..", "..#.."),
    "H": ("#...#", "#...#", "#...#", "#####", "#...#", "#...#", "#...#"),
    "E": ("#####", "#....", "#....", "####.", "#....", "#....", "#####"),
    "I": (".###.", "..#..", "..#..", "..#..", "..#..", "..#..", ".###."),
    "C": (".###.", "#...#", "#....", "#....", "#....", "#...#", ".###."),
}


def burn_in(slices: np.ndarray) -> np.ndarray:
    """(slice, row, column) -> a copy with the word at the upper left of every slice, as bright as the image's maximum.

    It is about two fifths of the width, on a strip of the image's minimum. VolumeError for slices too small for it.
    """
    word = _word()
    scale = max(1, round(0.4 * slices.shape[2] / word.shape[1]))
    word = word.repeat(scale, axis=0).repeat(scale, axis=1)
    if word.shape[0] > slices.shape[1] or word.shape[1] > slices.shape[2]:
        raise VolumeError(
            f"Slices of {slices.shape[2]} x {slices.shape[1]} are too small for the word {WORD}.",
            f"At least {_word().shape[1]} x {_word().shape[0]} voxels are needed; leave the burning-in out.",
        )
    marked = slices.copy()
    marked[:, : word.shape[0], : word.shape[1]] = np.where(word, slices.max(), slices.min())
    return marked


def _word() -> np.ndarray:
    """The word as booleans (row, column), one pixel around it."""
    letters = [np.array([[pixel == "#" for pixel in row] for row in _GLYPHS[letter]]) for letter in WORD]
    return np.pad(np.concatenate([np.pad(letter, ((0, 0), (0, 1))) for letter in letters], axis=1), 1)
