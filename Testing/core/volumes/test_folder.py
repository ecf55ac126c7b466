"""Which volumes a folder holds, what they are named by, and files that only stand for one."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from MedDDPMCore.base.errors import VolumeError
from MedDDPMCore.volumes.folder import distinct_names, volume_files
from MedDDPMCore.volumes.volume import Volume

links = pytest.mark.skipif(sys.platform == "win32", reason="needs the right to make links")


def test_what_the_system_hides_in_a_folder_is_passed_over(tmp_path):
    for name in ("a.nii.gz", "._a.nii.gz", ".DS_Store", "Thumbs.db", ".git/annex/b.nii", "__MACOSX/c.nii", "s/d.MHA"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    assert volume_files(tmp_path) == [tmp_path / "a.nii.gz", tmp_path / "s" / "d.MHA"]


def test_files_of_other_kinds_beside_volumes_are_named_and_a_detached_header_is_a_volume(tmp_path):
    for name in ("a.nhdr", "a.raw", "b.mgz", "c.dcm", "notes.txt"):
        (tmp_path / name).touch()
    with pytest.warns(UserWarning, match=r"2 files of other kinds, which are passed over: b\.mgz, c\.dcm"):
        assert volume_files(tmp_path) == [tmp_path / "a.nhdr"]


def test_an_empty_folder_says_so_and_one_of_folders_names_them(tmp_path):
    (tmp_path / ".DS_Store").touch()
    with pytest.raises(VolumeError, match=r"no DICOM series .* and no volume file\. It is empty"):
        Volume.read(tmp_path)
    (tmp_path / "series 1").mkdir()
    with pytest.raises(VolumeError, match="that holds the slices themselves: series 1"):
        Volume.read(tmp_path)


@links
@pytest.mark.parametrize(
    ("target", "advice"),
    [("../.git/annex/objects/Ab/x.nii.gz", "datalad get"), ("/gone/x.nii.gz", "Restore what it points to")],
)
def test_a_link_to_what_is_not_there_is_named_with_how_to_get_it(tmp_path, target, advice):
    (tmp_path / "m.nii.gz").symlink_to(target)
    assert volume_files(tmp_path) == [tmp_path / "m.nii.gz"]
    with pytest.raises(VolumeError, match=f"m.nii.gz is a link to .*which is not there.*{advice}"):
        Volume.read(tmp_path / "m.nii.gz")


@pytest.mark.parametrize(
    ("content", "advice"),
    [
        ("/annex/objects/MD5E-s18--0.nii.gz\n", "datalad get"),
        ("../../.git/annex/objects/aa/bb/MD5E-s1--0.nii.gz/MD5E-s1--0.nii.gz", "git annex get"),
        ("version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 9\n", "git lfs pull"),
    ],
)
def test_a_file_that_only_names_its_content_is_told_from_a_damaged_one(tmp_path, content, advice):
    (tmp_path / "m.nii.gz").write_text(content)
    with pytest.raises(VolumeError, match=f"only names its content.*{advice}"):
        Volume.read(tmp_path / "m.nii.gz")


def test_files_of_one_stem_get_their_folder_or_their_ending_into_their_names():
    paths = [Path(p) for p in ("in/p1.nii.gz", "in/p1.nrrd", "in/P2.mha")]
    assert distinct_names(paths, ["p1", "p1", "P2"]) == ["p1_nii_gz", "p1_nrrd", "P2"]
    paths = [Path(p) for p in ("in/s1/mask.nii", "in/s2/Mask.nii", "in/x.nii")]
    assert distinct_names(paths, ["mask", "Mask", "x"]) == ["s1_mask", "s2_Mask", "x"]
    with pytest.raises(VolumeError, match="would get the same name"):
        distinct_names([Path("a/s/m.nii"), Path("b/s/m.nii")], ["m", "m"])
