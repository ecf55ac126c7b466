"""Mask in, MRI out, with small untrained models: geometry, seeds, stages, and errors."""

import numpy as np
import pytest
import torch
from phantoms import box, head, rotation
from small_models import write_model

from MedDDPMCore.base.errors import LabelError, MedDDPMError, ModelError, ResourceError
from MedDDPMCore.synthesis.synthesize import load_model
from MedDDPMCore.volumes.volume import Volume, reorient, resample_image


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    return load_model(write_model(tmp_path_factory.mktemp("model") / "small"), "cpu", "float32")


@pytest.fixture(scope="module")
def cascade(tmp_path_factory):
    folder = write_model(tmp_path_factory.mktemp("model") / "cascade", kinds=("haar", "haar_detail"))
    return load_model(folder, "cpu", "float32")


@pytest.fixture
def mask():
    return head(box((5, 6, 7), (190, 230, 220)))


def test_the_result_lies_on_the_mask_voxel_for_voxel(model):
    direction = np.diag([-1.0, -1.0, 1.0]) @ rotation((12, -7, 20)) @ np.diag([-1.0, 1.0, 1.0])
    mask = head(box((4.3, 6.1, 9.0), (190, 230, 220), direction))
    [result] = model.synthesize(mask)
    assert list(result.volumes) == ["T1"]
    assert result.volumes["T1"].geometry is mask.geometry
    assert result.volumes["T1"].array.shape == mask.array.shape


def test_values_are_within_minus_one_and_one_and_the_air_beyond_the_grid_is_minus_one(model):
    mask = head(box((8, 8, 8), (400, 400, 500)))
    [result] = model.synthesize(mask)
    image = result.volumes["T1"].array
    assert image.dtype == np.float32
    assert image.min() >= -1 and image.max() <= 1
    assert image[0, 0, 0] == -1


def test_the_same_seed_gives_the_same_image_and_another_seed_another(model, mask):
    first, again, other = (model.synthesize(mask, seed=s)[0].volumes["T1"].array for s in (3, 3, 4))
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)


def test_sample_k_is_the_image_of_seed_plus_k_whatever_the_batch_size(model, mask):
    together = model.synthesize(mask, seed=5, samples=3, batch_size=2)
    assert [result.seed for result in together] == [5, 6, 7]
    for result in together:
        alone = model.synthesize(mask, seed=result.seed)[0].volumes["T1"].array
        np.testing.assert_allclose(result.volumes["T1"].array, alone, atol=1e-4)


def test_batches_agree_with_single_samples_for_the_noisy_sampler_too(model, mask):
    together = model.synthesize(mask, seed=1, samples=2, batch_size=2, sampler="ddpm", steps=5)
    alone = model.synthesize(mask, seed=2, sampler="ddpm", steps=5)[0]
    np.testing.assert_allclose(together[1].volumes["T1"].array, alone.volumes["T1"].array, atol=1e-4)


def test_progress_counts_the_steps_of_all_stages_and_samples_and_ends_finished(cascade, mask):
    seen = list(cascade.steps(mask, steps=3, samples=2))
    assert [p.index for p in seen] == list(range(1, 13))
    assert {p.total for p in seen} == {12}
    assert [p.finished for p in seen] == [k in (6, 12) for k in range(1, 13)]
    assert [p.seeds for p in seen[::6]] == [(0,), (1,)]


def test_the_share_of_the_work_that_is_done_counts_a_fine_stages_steps_as_longer(cascade, mask):
    shares = [p.share for p in cascade.steps(mask, steps=3, samples=2)]
    assert shares == sorted(shares) and shares[5] == pytest.approx(0.5) and shares[-1] == pytest.approx(1)
    coarse, fine = shares[0], shares[4] - shares[3]
    assert fine == pytest.approx(8 * coarse, rel=0.1)  # of eight times as many voxels, by the same network


def test_previews_of_a_coarse_stage_lie_on_the_mask_too(cascade, mask):
    progress = next(cascade.steps(mask))
    assert progress.images.shape[2:] == (16, 16, 12)
    [preview] = progress.results()
    assert preview.volumes["T1"].geometry is mask.geometry


@pytest.mark.parametrize(
    ("kinds", "factor"), [(("haar", "haar_detail"), 2), (("haar", "haar_detail", "haar_detail"), 4)]
)
def test_the_refined_image_keeps_the_coarse_one_or_its_average(kinds, factor, mask, tmp_path):
    cascade = load_model(write_model(tmp_path / "cascade", kinds=kinds), "cpu", "float32")
    images = [p.images for p in cascade.steps(mask, steps=3)]
    coarse, refined = images[2], images[5]
    size = coarse.shape[-1] * 2 // factor
    coarse, shrunk = (torch.nn.functional.avg_pool3d(image, image.shape[-1] // size) for image in (coarse, refined))
    inside = (refined.abs() < 0.999).float()
    untouched = torch.nn.functional.avg_pool3d(inside, refined.shape[-1] // size) == 1
    assert untouched.any()
    torch.testing.assert_close(shrunk[untouched], coarse[untouched], atol=1e-4, rtol=0)


def test_leaving_the_loop_stops_the_work(model, mask):
    walk = model.steps(mask, steps=10)
    next(walk)
    walk.close()
    with pytest.raises(StopIteration):
        next(walk)


def test_the_same_mask_stored_along_other_axes_gives_the_same_image_in_the_world(model):
    mask = head(box((5, 6, 7), (190, 230, 220)))
    expected = model.synthesize(mask)[0].volumes["T1"]
    for axes in ("LPS", "SRA", "AIL"):
        turned = model.synthesize(reorient(mask, axes))[0].volumes["T1"]
        back = resample_image(turned, mask.geometry)
        np.testing.assert_allclose(back.array, expected.array, atol=2e-3)


def test_the_model_grid_can_be_asked_for(model, mask):
    [result] = model.synthesize(mask, output_grid="model")
    assert result.volumes["T1"].geometry.shape == (32, 32, 24)
    assert result.volumes["T1"].geometry.spacing == (8, 8, 8)


def test_other_label_values_can_be_mapped(model, mask):
    renamed = Volume(np.select([mask.array == 1, mask.array == 2], [40, 7]).astype(np.uint8), mask.geometry)
    expected = model.synthesize(mask)[0].volumes["T1"].array
    assert np.array_equal(model.synthesize(renamed, labels={"head": 40, "tumor": 7})[0].volumes["T1"].array, expected)


def test_a_mask_that_lacks_the_head_is_refused_before_any_step(model, mask):
    tumor_alone = Volume((mask.array == 2).astype(np.uint8) * 2, mask.geometry)
    with pytest.raises(LabelError, match="head"):
        next(model.steps(tumor_alone))


@pytest.mark.parametrize(
    "settings, words",
    [
        ({"sampler": "euler"}, "dpmpp_2m"), ({"steps": 0}, "1 to 50"), ({"steps": 51}, "1 to 50"),
        ({"samples": 0}, "at least 1"),
        ({"seed": -1}, "seed"), ({"output_grid": "moon"}, "mask or model"),
    ],
)  # fmt: skip
def test_settings_out_of_range_are_refused_with_what_is_allowed(model, mask, settings, words):
    with pytest.raises(MedDDPMError, match=words):
        next(model.steps(mask, **settings))


def test_four_modalities_come_out_together(tmp_path, mask):
    model = load_model(write_model(tmp_path / "four", ("T1", "T1ce", "T2", "FLAIR")), "cpu", "float32")
    brain = Volume(np.select([mask.array == 1, mask.array == 2], [4, 1]).astype(np.uint8), mask.geometry)
    [result] = model.synthesize(brain, steps=2)
    assert list(result.volumes) == ["T1", "T1ce", "T2", "FLAIR"]
    images = [volume.array for volume in result.volumes.values()]
    assert all(image.shape == mask.array.shape for image in images)
    assert not np.array_equal(images[0], images[1])


def test_a_real_brats_label_map_runs_through_the_four_modality_model(tmp_path, shared):
    model = load_model(write_model(tmp_path / "four", ("T1", "T1ce", "T2", "FLAIR")), "cpu", "float32")
    mask = Volume.read(shared / "data/brats_case/BraTS2021_01306_seg.nii.gz", labels=True)
    [result] = model.synthesize(mask, steps=2)
    assert {volume.array.shape for volume in result.volumes.values()} == {mask.array.shape}


def test_a_model_that_is_not_there_is_named_with_those_that_are():
    with pytest.raises(ModelError, match="nothing-like-it"):
        load_model("nothing-like-it")


def test_a_device_that_is_not_there_is_named(tmp_path):
    with pytest.raises(ResourceError, match="cuda:77|banana"):
        load_model(write_model(tmp_path / "m"), "banana")


def test_a_lack_of_memory_before_the_first_step_is_explained_too(model, mask, monkeypatch):
    def lacking(self, labels):
        raise torch.cuda.OutOfMemoryError("CUDA out of memory")

    monkeypatch.setattr(type(model.spec.labels), "to_condition", lacking)
    with pytest.raises(ResourceError, match="ran out of memory"):
        model.synthesize(mask, steps=1)


def test_half_precision_stays_near_full_precision(tmp_path, mask):
    folder = write_model(tmp_path / "m", kinds=("haar",))
    full, half = (load_model(folder, "cpu", p).synthesize(mask)[0].volumes["T1"].array for p in ("float32", "bfloat16"))
    assert np.linalg.norm(half - full) / np.linalg.norm(full + 1) < 0.05
