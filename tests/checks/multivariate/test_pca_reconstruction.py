"""Reconstruction errors beside scikit-learn's components and NannyML's formula."""

import numpy as np
import pytest
from sklearn.decomposition import PCA
from sklearn.preprocessing import StandardScaler

from checks import registry
from checks.errors import OptionError
from checks.example import known, rows
from checks.multivariate.pca_reconstruction import Scale, components, residue
from checks.schema import Column, Kind

RNG = np.random.default_rng(40)
MIXED = RNG.normal(size=(500, 6)) @ RNG.normal(size=(6, 6)) * [1, 10, 100, 1, 1, 1e6]
NAMES = [f"x{k}" for k in range(6)]
TABLE = rows({name: MIXED[:, k].tolist() for k, name in enumerate(NAMES)})
FEATURES = [Column(name=name, kind=Kind.NUMERIC) for name in NAMES]


@pytest.mark.parametrize("share", [0.3, 0.65, 0.9, 0.999])
def test_an_error_is_nannymls(share: float) -> None:
    """That is its formula: the norm of what an inverse transform leaves of a row."""
    scaler = StandardScaler().fit(MIXED)
    scaled = scaler.transform(MIXED)
    pca = PCA(n_components=share).fit(scaled)
    left = scaled - pca.inverse_transform(pca.transform(scaled))
    expected = np.linalg.norm(left, axis=1)

    standard = Scale.of(TABLE, TABLE, FEATURES).apply(TABLE)
    kept = components(standard, share)
    found = np.linalg.norm(residue(standard, kept), axis=1)

    assert pca.n_components_ == kept.shape[1]
    np.testing.assert_allclose(found, expected, rtol=1e-9, atol=1e-9)


def test_a_category_counts_as_often_as_it_is_and_a_gap_as_the_mean() -> None:
    was = rows({"c": ["a", "a", "a", "b"], "x": [1.0, 2.0, 3.0, None]})
    features = [
        Column(name="c", kind=Kind.CATEGORICAL),
        Column(name="x", kind=Kind.NUMERIC),
    ]

    found = Scale.of(was, was, features).apply(was)

    counts = StandardScaler().fit_transform([[3.0], [3.0], [3.0], [1.0]])[:, 0]
    np.testing.assert_allclose(found[:, 0], counts)
    np.testing.assert_allclose(found[:, 1], [-np.sqrt(1.5), 0.0, np.sqrt(1.5), 0.0])


@pytest.mark.parametrize("share", [0.0, 1.0, 65.0, -0.1])
def test_a_share_beyond_its_bounds_is_refused(share: float) -> None:
    check = registry.get("pca_reconstruction")

    with pytest.raises(
        OptionError, match=r"'explained_variance' of .* above 0 and below 1"
    ):
        check.validate({"explained_variance": share})
    check.validate({"explained_variance": 0.5})


def test_a_correlation_that_goes_raises_the_error() -> None:
    rng = np.random.default_rng(41)
    common = rng.normal(size=(1_000, 1))
    bound = common + 0.5 * rng.normal(size=(1_000, 6))
    loose = np.sqrt(1.25) * rng.normal(size=(500, 6))
    usual = known({name: bound[:, k].tolist() for k, name in enumerate(NAMES)})

    found = registry.get("pca_reconstruction").measure(
        usual, rows({name: loose[:, k].tolist() for k, name in enumerate(NAMES)})
    )

    assert found.low > 0.3
    assert found.p_value is not None
    assert found.p_value < 1e-9
