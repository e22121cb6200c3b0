import numpy as np
import pytest

from spatialrag.domains.consensus.field import correlograms, fit_fields, smoothing_loss
from spatialrag.domains.consensus.neighborhoods import Neighborhoods


def tissue(length, noise, side=24, seed=0, p=1):
    """Fields of a known range over a grid, and what is seen of them under noise."""
    rng = np.random.default_rng(seed)
    xy = np.stack(np.meshgrid(np.arange(side), np.arange(side)), axis=-1).reshape(-1, 2) * 1.0
    distance = np.linalg.norm(xy[:, None] - xy, axis=2)
    root = np.linalg.cholesky(np.exp(-distance / length) + 1e-9 * np.eye(len(xy)))
    field = root @ rng.normal(size=(len(xy), p))
    seen = np.sqrt(1 - noise) * field + np.sqrt(noise) * rng.normal(size=field.shape)
    return Neighborhoods.of(xy), field, seen


@pytest.mark.parametrize("noise", [0.05, 0.5, 0.9])
def test_noise_and_range_are_found(noise):
    places, _, seen = tissue(4.0, noise, p=12)
    found = fit_fields(seen, places)
    assert np.median(found.noise) == pytest.approx(noise, abs=0.15)
    if noise < 0.9:
        assert 1.2 <= np.median(found.ranges) <= 13


@pytest.mark.parametrize("noise", [0.03, 0.4, 0.8])
def test_what_is_lost_is_what_is_said(noise):
    """The expected loss against the field that is known here; no fixed smoothing loses less."""
    places, field, seen = tissue(4.0, noise, p=12)
    found = fit_fields(seen, places)
    truth = (field - field.mean(axis=0)) * np.sqrt(1 - noise) / seen.std(axis=0)
    lost = np.mean((found.means - truth) ** 2, axis=0) / truth.var(axis=0)
    assert np.median(lost) == pytest.approx(np.median(found.loss), rel=0.5, abs=0.03)
    for k in (0, 5, 15, 45):
        unit = (seen - seen.mean(axis=0)) / seen.std(axis=0)
        plain = np.mean((places.mean(k) @ unit - truth) ** 2, axis=0) / truth.var(axis=0)
        assert np.median(lost) < np.median(plain) * 1.1
        said = np.median(smoothing_loss(found, places, k))
        assert said == pytest.approx(np.median(plain), rel=0.6, abs=0.05)


def test_without_noise_nothing_is_smoothed():
    places, _, seen = tissue(2.0, 0.0)
    found = fit_fields(seen, places)
    unit = (seen - seen.mean(axis=0)) / seen.std(axis=0)
    assert np.corrcoef(found.means[:, 0], unit[:, 0])[0, 1] > 0.98


def test_without_structure_little_is_left():
    seen = np.random.default_rng(3).normal(size=(400, 20))
    xy = np.stack(np.meshgrid(np.arange(20), np.arange(20)), axis=-1).reshape(-1, 2) * 1.0
    found = fit_fields(seen, Neighborhoods.of(xy))
    assert np.median(found.noise) >= 0.9
    assert found.autocorrelation.mean() < 0.05


def test_correlograms_of_a_gradient():
    places, _, _ = tissue(2.0, 0.0)
    values = places.xy[:, :1] - places.xy[:, :1].mean()
    values = values / values.std()
    found, lag = correlograms(values, places)
    assert lag[0] == pytest.approx(1.0)
    assert (np.diff(found[:, 0]) < 0).all()


def test_cells_of_one_place_share_a_field():
    places, _, seen = tissue(4.0, 0.5, side=10)
    xy = np.repeat(places.xy, 3, axis=0)
    thrice = np.repeat(seen, 3, axis=0) + np.random.default_rng(0).normal(size=(300, 1))
    found = fit_fields(thrice, Neighborhoods.of(xy))
    np.testing.assert_allclose(found.means[::3], found.means[1::3])
