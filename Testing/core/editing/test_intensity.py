"""A patient's intensities brought to a model's, and back."""

from types import SimpleNamespace

import numpy as np
import pytest
from phantoms import box, head

from MedDDPMCore.base.errors import VolumeError
from MedDDPMCore.editing import intensity
from MedDDPMCore.editing.intensity import levels
from MedDDPMCore.volumes.labels import WHOLE_HEAD

MASK = head(box((4, 4, 4), (176, 216, 196)))
PLAN = SimpleNamespace(labels=MASK.array, grid=MASK.geometry)
MODEL = SimpleNamespace(spec=SimpleNamespace(convention="robust", labels=WHOLE_HEAD))
BRAIN = 0.2


@pytest.fixture(autouse=True)
def model_whose_brain_has_one_level(monkeypatch):
    monkeypatch.setattr(intensity, "expected", lambda *_: np.full(MASK.array.shape, BRAIN, np.float32))


def scan(brain: float, brightest: float) -> np.ndarray:
    """A head of one brain, with some voxels (fat) of another intensity under the skin."""
    image = np.where(MASK.array > 0, brain, 10.0).astype(np.float32)
    image[: MASK.array.shape[0] // 3][MASK.array[: MASK.array.shape[0] // 3] > 0] = brightest
    return image


@pytest.mark.parametrize("brain", [1500.0, 700.0, 400.0])
def test_a_brain_that_fat_outshines_is_brought_to_the_models_level(brain):
    found, said = levels(MODEL, scan(brain, 2000), PLAN)
    matched = found.to_model(np.array(brain))
    assert float(matched) == pytest.approx(BRAIN, abs=0.18)
    assert bool(said) == (brain < 1400)


def test_back_from_the_model_is_where_it_came_from():
    found, _ = levels(MODEL, scan(700, 2000), PLAN)
    values = np.linspace(10, 900, 20)
    np.testing.assert_allclose(found.to_patient(found.to_model(values)), values, rtol=1e-4)


def test_slices_scaled_one_by_one_come_back_one_by_one():
    per_slice = SimpleNamespace(spec=SimpleNamespace(convention="per_slice", labels=WHOLE_HEAD))
    image = scan(700, 2000) * np.linspace(0.5, 1, MASK.array.shape[0], dtype=np.float32)[:, None, None]
    found, said = levels(per_slice, image, PLAN)
    model_image = found.to_model(image)
    assert model_image.min() == -1 and model_image.max() == 1 and said == []
    np.testing.assert_allclose(found.to_patient(model_image), image, rtol=1e-3, atol=0.1)


def test_a_model_of_whole_volumes_gets_the_scans_darkest_as_air_and_its_brightest_as_one():
    min_max = SimpleNamespace(spec=SimpleNamespace(convention="min_max", labels=WHOLE_HEAD))
    image = scan(1200, 2000)
    image[-1, -1, -1] = 0
    found, said = levels(min_max, image, PLAN)
    assert found.to_model(image).min() == -1 and found.to_model(image).max() == 1 and said == []
    assert float(found.to_model(np.array(1000.0))) == 0


def test_a_brain_too_dark_to_be_matched_is_left_as_it_is_and_that_is_said():
    found, [said] = levels(MODEL, scan(120, 2000), PLAN)
    assert "more than a factor of 4" in said and not found.foreign
    assert float(found.to_model(np.array(2000.0))) == pytest.approx(0.6, abs=0.01)


def test_an_image_without_a_head_is_refused():
    with pytest.raises(VolumeError, match="shows no head"):
        levels(MODEL, np.full(MASK.array.shape, 5.0, np.float32), PLAN)
