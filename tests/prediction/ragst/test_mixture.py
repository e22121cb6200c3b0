import numpy as np

from spatialrag.prediction.ragst.mixture import ProportionsTimesProfiles


def test_mixture_is_shares_times_means(atlas, shares, train_bank, queries):
    fitted = ProportionsTimesProfiles(atlas, shares).fit(train_bank)
    prediction = fitted.predict(queries)
    types = fitted.stage.head.predict(queries.vectors)
    np.testing.assert_allclose(prediction.expression, types @ fitted.means, rtol=1e-5)
    assert prediction.uncited_share == 1


def test_permuted_shares_go_to_other_types(atlas, shares, train_bank, queries):
    right, wrong = (
        ProportionsTimesProfiles(atlas, shares, permuted=permuted).fit(train_bank)
        for permuted in (False, True)
    )
    types = right.stage.head.predict(queries.vectors)
    expected = types[:, [2, 0, 1]] @ right.means
    np.testing.assert_allclose(wrong.predict(queries).expression, expected, rtol=1e-5)
