"""Editing a patient's MRI, with small untrained models: what stays, what changes, and what is refused."""

import json
from dataclasses import replace

import numpy as np
import pytest
from phantoms import box, head, rotation, world
from small_models import NETWORK, write_model

from MedDDPMCore.base.errors import LabelError, MedDDPMError, VolumeError
from MedDDPMCore.editing import fill
from MedDDPMCore.editing.check import USUAL, EditOptions, check_edit
from MedDDPMCore.editing.output import edit_identity, edited_path
from MedDDPMCore.editing.plan import plan_edit
from MedDDPMCore.editing.run import run_edit
from MedDDPMCore.lesions import tools
from MedDDPMCore.lesions.library import simulated_shape
from MedDDPMCore.synthesis.synthesize import Settings, load_model
from MedDDPMCore.volumes.grid import ModelGrid
from MedDDPMCore.volumes.volume import Geometry, Volume

UPRIGHT = np.diag([-1.0, -1.0, 1.0])
GEOMETRIES = {
    "upright": box((4, 4, 4), (176, 216, 196)),
    "oblique, left-handed, anisotropic": box(
        (3, 3, 6.5), (176, 216, 196), UPRIGHT @ rotation((9, -6, 12)) @ np.diag([-1.0, 1.0, 1.0])
    ),
}


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    folder = write_model(tmp_path_factory.mktemp("model") / "cascade", kinds=("haar", "haar_detail"))
    return load_model(folder, "cpu", "float32")


@pytest.fixture(params=GEOMETRIES.values(), ids=GEOMETRIES.keys())
def case(request):
    """An MRI with a bright ball where the mask says tumour, and that mask."""
    mask = head(request.param)
    noise = np.random.default_rng(1).normal(0, 8, mask.array.shape)
    image = np.choose(mask.array, (5, 300, 520)) + noise
    return Volume(np.clip(image, 0, None).astype(np.int16), mask.geometry), mask


def planned(model, mri, mask, **given):
    return plan_edit(model, check_edit(model.spec, mri, mask, **given))


def edited(model, mri, mask, *, source=None, edit_mask=None, options=USUAL, steps=2, **settings):
    plan = planned(model, mri, mask, source=source, edit_mask=edit_mask, options=options)
    results = [result for _, result in run_edit(model, plan, Settings(steps=steps, **settings)) if result]
    return plan, results


@pytest.mark.parametrize("dtype", [np.uint8, np.int16, np.uint16, np.float32])
def test_outside_the_region_every_voxel_is_the_patients_and_inside_it_is_made_anew(model, case, dtype):
    mri, mask = Volume((case[0].array % 256).astype(dtype), case[0].geometry), case[1]
    plan, [result] = edited(model, mri, tools.move(mask, (-30, 0, 0)).mask, source=mask)
    assert result.volume.array.dtype == dtype
    assert result.volume.geometry is mri.geometry
    assert np.array_equal(result.volume.array[~plan.region], mri.array[~plan.region])
    core = plan.weight == 1
    assert core.any() and (result.volume.array[core] != mri.array[core]).mean() > 0.5
    assert plan.region[mask.array == 2].all() and plan.region.sum() < 0.3 * (mask.array > 0).sum()


def test_the_image_passes_smoothly_from_the_patients_to_the_made_one(case):
    from MedDDPMCore.editing.region import changed_region, weights

    _, mask = case
    region = changed_region(mask.array == 2, mask.array > 0, mask.geometry, 10)
    weight = weights(region, mask.geometry, 6)
    assert (weight[~region] == 0).all() and (weight[mask.array == 2] > 0.9).all()
    for axis in range(3):
        step = mask.geometry.spacing[2 - axis]
        assert np.abs(np.diff(weight, axis=axis)).max() <= 1.6 * step / 6 + 0.01


def test_the_same_seed_makes_the_same_image_and_samples_have_seeds_of_their_own(model, case):
    mri, mask = case
    _, [first, second] = edited(model, mri, mask, seed=4, samples=2)
    _, [again] = edited(model, mri, mask, seed=5)
    assert (first.seed, second.seed) == (4, 5)
    assert np.array_equal(second.volume.array, again.volume.array)
    assert not np.array_equal(first.volume.array, second.volume.array)


def test_progress_counts_the_steps_of_all_stages_and_samples_and_shows_the_known_head(model, case):
    mri, mask = case
    plan = planned(model, mri, mask)
    seen = [progress for progress, _ in run_edit(model, plan, Settings(steps=3, samples=2))]
    assert [p.index for p in seen] == list(range(1, 13)) and {p.total for p in seen} == {12}
    known, unknown = (t[0, 0].numpy() for t in (plan.known.image, plan.known.unknown))
    image = seen[-1].images[0, 0].numpy()
    blocks = unknown.reshape(16, 2, 16, 2, 12, 2).max(axis=(1, 3, 5))  # of the coarse stage
    away = blocks.repeat(2, 0).repeat(2, 1).repeat(2, 2) == 0
    np.testing.assert_allclose(image[away], known[away], atol=1e-4)


def test_one_plan_gives_one_edit_however_often_it_is_run(model, case):
    mri, mask = case
    plan = planned(model, mri, mask)
    first, second = ([r for _, r in run_edit(model, plan, Settings(seed=2, steps=2)) if r][0] for _ in range(2))
    assert np.array_equal(first.volume.array, second.volume.array)


def test_an_edit_mask_alone_says_what_is_made_anew(model, case):
    mri, mask = case
    region = Volume(np.roll(mask.array == 2, 6, axis=1).astype(np.uint8), mask.geometry)
    plan, [result] = edited(model, mri, mask, edit_mask=region)
    assert np.array_equal(plan.region, region.array > 0)
    assert (result.volume.array != mri.array)[region.array == 0].sum() == 0


def test_a_lesion_mask_without_a_head_gets_the_mris(model, case):
    mri, mask = case
    only = Volume((mask.array == 2).astype(np.uint8), mask.geometry)
    plan = planned(model, mri, only)
    assert any("head" in note and "made from the MRI" in note for note in plan.notes)
    assert plan.region.sum() == pytest.approx(planned(model, mri, mask).region.sum(), rel=0.1)
    removal = planned(model, mri, Volume(only.array * 0, mask.geometry), source=only)
    assert np.array_equal(removal.region, plan.region)


def test_beyond_the_models_field_of_view_the_image_stays_the_patients_and_that_is_said(tmp_path, case):
    mri, mask = case
    grid = ModelGrid((16, 16, 8), (8.0, 8.0, 8.0))
    narrow = load_model(write_model(tmp_path / "narrow", grid=grid), "cpu", "float32")
    everywhere = Volume((mask.array > 0).astype(np.uint8), mask.geometry)
    plan, [result] = edited(narrow, mri, mask, edit_mask=everywhere)
    index = plan.plan.grid.to_index(world(mri.geometry))
    seen = ((index > -0.5 + 1e-6) & (index < np.array(plan.plan.grid.size) - 0.5 - 1e-6)).all(axis=-1)
    assert np.array_equal(plan.region, (mask.array > 0) & seen)
    assert np.array_equal(result.volume.array[~seen], mri.array[~seen]) and (mask.array[~seen] > 0).any()
    left_out = mri.geometry.in_ml(int(((mask.array > 0) & ~seen).sum()))
    assert any(w.startswith(left_out) and "field of view: there the MRI stays" in w for w in plan.warnings)
    assert any(note.startswith(f"{plan.region.sum() * mri.geometry.voxel_ml:.1f} ml") for note in plan.notes)


def test_a_lesion_that_left_a_hole_in_the_new_mask_is_made_anew_as_head(model, case):
    mri, mask = case
    erased = Volume(np.where(mask.array == 2, 0, 1 * (mask.array > 0)).astype(np.uint8), mask.geometry)
    painted_over = Volume((mask.array > 0).astype(np.uint8), mask.geometry)
    plan, [result] = edited(model, mri, erased, source=mask)
    wanted, [same] = edited(model, mri, painted_over, source=mask)
    assert np.array_equal(plan.region, wanted.region) and plan.region[mask.array == 2].all()
    assert np.array_equal(result.volume.array, same.volume.array)
    assert any("0 where the source mask has a lesion" in note and "taken for head" in note for note in plan.notes)
    assert not any("taken for" in note for note in wanted.notes)


def test_a_hole_of_the_head_under_the_edit_mask_is_made_anew_and_the_air_around_the_head_is_not(model, case):
    mri, mask = case
    erased = Volume(np.where(mask.array == 2, 0, 1 * (mask.array > 0)).astype(np.uint8), mask.geometry)
    around = Volume((world(mask.geometry)[..., 0] > 5).astype(np.uint8), mask.geometry)
    plan = planned(model, mri, erased, edit_mask=around)
    assert np.array_equal(plan.region, (around.array > 0) & (mask.array > 0)) and plan.region[mask.array == 2].all()
    assert any("0 in a hole under the edit mask" in note and "taken for head" in note for note in plan.notes)


@pytest.mark.parametrize(("gain", "offset"), [(0.01, 0.0), (7.0, 0.0), (1.0, 900.0)])
def test_the_scanners_range_does_not_matter(model, case, gain, offset):
    mri, mask = case
    plain = edited(model, mri, mask)[1][0].volume.array.astype(float)
    scaled = Volume((mri.array * gain + offset).astype(np.float32), mri.geometry)
    other = edited(model, scaled, mask)[1][0].volume.array
    np.testing.assert_allclose((other - offset) / gain, plain, atol=3)


def test_mass_effect_moves_tissue_outward_but_neither_outline_nor_what_is_far(model):
    mask = head(GEOMETRIES["upright"], radius=0)
    mri = Volume((mask.array * 100 + 3 * np.arange(mask.array.shape[2])).astype(np.int16), mask.geometry)
    new = tools.place(mask, simulated_shape(9, 1, 2), at=(25, 0, 10)).mask
    plan, [result] = edited(model, mri, new, source=mask, options=EditOptions(mass_effect=0.8))
    moved, _ = plan.bent
    changed = result.volume.array != mri.array
    assert not (changed & ~moved & ~plan.region).any()
    assert moved.any() and not moved[mask.array == 0].any()
    assert any("displaced" in note for note in plan.notes)
    z, y, x = np.rint(mask.geometry.to_index((25 - 27, 0, 10))).astype(int)[::-1]  # to the right of what is made anew
    assert moved[z, y, x] and not plan.region[z, y, x]
    # indices rise to the right: what lay nearer to the lesion, and is darker in this image, was pushed here
    assert result.volume.array[z, y, x] < mri.array[z, y, x]


def test_beside_an_edit_mask_only_lesions_within_it_push_tissue(model):
    mask = head(GEOMETRIES["upright"])
    mri = Volume((mask.array * 100).astype(np.int16), mask.geometry)
    away = head(mask.geometry, tumor=(-35.0, -10.0, 15.0)).array == 2
    options = EditOptions(mass_effect=0.8)
    plan = planned(model, mri, mask, edit_mask=Volume(away.astype(np.uint8), mask.geometry), options=options)
    assert not plan.bent[0].any(), "the lesion of the mask lies elsewhere: nothing is put in"
    both = Volume(np.where(away, 2, mask.array).astype(np.uint8), mask.geometry)
    plan = planned(model, mri, both, edit_mask=Volume(away.astype(np.uint8), mask.geometry), options=options)
    assert any("all lesions within the edit mask count as new" in note for note in plan.notes)
    informed = planned(
        model, mri, both, source=mask, edit_mask=Volume(away.astype(np.uint8), mask.geometry), options=options
    )
    assert plan.bent[0].any() and np.array_equal(plan.bent[0], informed.bent[0])


def test_an_edit_of_another_source_mask_is_another_edit(model):
    mask = head(GEOMETRIES["upright"])
    mri, region = Volume((mask.array * 100).astype(np.int16), mask.geometry), Volume(mask.array // 2, mask.geometry)
    healthy = Volume((mask.array > 0).astype(np.uint8), mask.geometry)
    plans = [planned(model, mri, mask, source=source, edit_mask=region) for source in (mask, healthy, mask)]
    first, corrected, again = (edit_identity(model.spec, plan, Settings(), 0) for plan in plans)
    assert first == again != corrected


def test_a_fine_stage_without_attention_works_around_the_region_alone(tmp_path, case, monkeypatch):
    local = {**NETWORK, "bottom_attention": False}
    monkeypatch.setattr("small_models.NETWORK", local)
    monkeypatch.setattr(fill, "CONTEXT_MM", 8.0)
    model = load_model(write_model(tmp_path / "local", kinds=("haar", "haar_detail")), "cpu", "float32")
    mri, mask = case
    plan = planned(model, mri, mask)
    sizes = []
    for network in model.networks:
        network.register_forward_pre_hook(lambda _, inputs: sizes.append(tuple(inputs[0].shape[2:])))
    *_, (progress, result) = run_edit(model, plan, Settings(steps=1))
    assert sizes[0] == (8, 8, 6) and np.prod(sizes[1]) < 16 * 16 * 12
    assert progress.images.shape[2:] == (32, 32, 24)
    assert np.array_equal(result.volume.array[~plan.region], mri.array[~plan.region])


def test_the_file_says_that_it_is_partly_synthetic(model, case, tmp_path):
    mri, mask = case
    plan, [result] = edited(model, mri, mask)
    path = result.write(tmp_path / "out", "scan")
    assert path.name == "scan_edited_synthetic_seed0.nii.gz"
    assert np.array_equal(Volume.read(path).array, result.volume.array)
    record = json.loads(path.with_name("scan_edited_synthetic_seed0.json").read_text())
    assert record["synthetic"] and "Partly synthetic" in record["statement"]
    assert len(record["source_mri_sha256"]) == 64 and record["seed"] == 0
    assert list(tmp_path.iterdir()) == [tmp_path / "out"] and len(list((tmp_path / "out").iterdir())) == 3


def test_a_file_that_holds_no_image_is_refused_as_the_place_of_an_edit(tmp_path):
    for name in ("x.mhd", "x.nhdr", "x.seg.nrrd"):
        with pytest.raises(VolumeError, match=name):
            edited_path(tmp_path / name, "scan", 0)
    assert edited_path(tmp_path / "x.nrrd", "scan", 0) == tmp_path / "x.nrrd"


def test_an_edit_is_sampled_by_ddpm_unless_another_sampler_is_asked_for(model, case, tmp_path):
    """Whatever the model's own sampler is; and the record says which one it was."""
    mri, mask = case
    assert model.spec.sampler == "dpmpp_2m"
    made = {}
    for asked, used in ((None, "ddpm"), ("ddim", "ddim")):
        plan, [made[used]] = edited(model, mri, mask, sampler=asked)
        path = made[used].write(tmp_path / used, "scan", preview=False)
        assert json.loads(path.with_name("scan_edited_synthetic_seed0.json").read_text())["sampler"] == used
    _, [named] = edited(model, mri, mask, sampler="ddpm")
    assert np.array_equal(made["ddpm"].volume.array, named.volume.array)
    assert not np.array_equal(made["ddim"].volume.array, named.volume.array)


def test_bad_input_is_refused_in_words_that_help(model, case):
    mri, mask = case
    with pytest.raises(LabelError, match="nothing to edit"):
        planned(model, mri, mask, source=mask)
    with pytest.raises(LabelError, match="edit mask is empty"):
        planned(model, mri, mask, edit_mask=Volume(mask.array * 0, mask.geometry))
    with pytest.raises(LabelError, match="outside the head"):
        planned(model, mri, mask, edit_mask=Volume((mask.array == 0).astype(np.uint8), mask.geometry))
    steps = np.clip(world(mask.geometry)[..., 0], -60, 60) + 60
    with pytest.raises(LabelError, match="edit mask is no segmentation"):
        planned(model, mri, mask, edit_mask=Volume(np.rint(steps).astype(np.uint8), mask.geometry))
    assert any("label map" in warning for warning in planned(model, mask, mask).warnings)
    geometry = replace(mask.geometry, origin=tuple(np.array(mask.geometry.origin) + (0, 30, 40)))
    with pytest.raises(VolumeError, match="puts them 50 mm from it"):
        planned(model, mri, mask, edit_mask=Volume(mask.array, geometry))
    with pytest.raises(VolumeError, match="single 3D image"):
        planned(model, Volume(np.stack([mri.array] * 2), mri.geometry), mask)
    with pytest.raises(VolumeError, match="NaN"):
        planned(model, Volume(np.where(mask.array == 2, np.nan, mri.array).astype(np.float32), mri.geometry), mask)
    with pytest.raises(VolumeError, match="shows no head"):
        planned(model, Volume(mri.array * 0 + 7, mri.geometry), mask)
    for options in (EditOptions(margin_mm=-1), EditOptions(mass_effect=2), EditOptions(blend_mm=float("nan"))):
        with pytest.raises(MedDDPMError, match="must be from"):
            planned(model, mri, mask, options=options)


def test_a_mask_on_other_voxels_is_resampled_to_the_mri_and_the_notes_say_so(model, case):
    mri, mask = case
    cropped = Geometry(
        tuple(n - 2 for n in mask.geometry.shape),
        mask.geometry.spacing,
        tuple(mask.geometry.to_world(np.ones(3))),
        mask.geometry.direction,
    )
    plan = planned(model, mri, Volume(mask.array[1:-1, 1:-1, 1:-1], cropped))
    assert any("resampled" in note for note in plan.notes)
    assert np.array_equal(plan.region, planned(model, mri, mask).region)


def test_a_model_of_several_images_is_refused(tmp_path, case):
    four = load_model(write_model(tmp_path / "four", ("t1", "t1ce", "t2", "flair")), "cpu", "float32")
    with pytest.raises(MedDDPMError, match=r"4 images \(t1, t1ce, t2, flair\)"):
        planned(four, *case)
