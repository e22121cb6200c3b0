import pytest

torch = pytest.importorskip("torch")
from spatialrag.encoders.take import TAKE  # noqa: E402
from spatialrag.encoders.zoo import VECTORS  # noqa: E402


class Tokens:
    num_prefix_tokens = 3

    def forward_features(self, x):
        return torch.arange(7.0).view(1, 7, 1).expand(len(x), 7, 2)


def test_every_way_is_there():
    assert set(TAKE) == set(VECTORS)


def test_class_token_and_mean_of_patch_tokens():
    x = torch.zeros(2, 3, 4, 4)
    assert TAKE["class"](Tokens(), x).tolist() == [[0, 0]] * 2
    # patch tokens are 3, 4, 5, 6
    assert TAKE["class_and_mean"](Tokens(), x).tolist() == [[0, 0, 4.5, 4.5]] * 2
