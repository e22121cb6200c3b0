import pytest

from spatialrag.encoders.zoo import LOADERS, PublishedEncoder, zoo
from spatialrag.errors import InputError
from spatialrag.registry import PUBLISHED_ENCODERS, encoders

TIMM = [name for name, entry in zoo().items() if entry.loader == "timm"]


def test_the_registry_and_the_table_name_the_same_encoders():
    assert set(PUBLISHED_ENCODERS) == set(zoo())
    assert set(PUBLISHED_ENCODERS) <= set(encoders.names())


def test_every_line_is_complete():
    for entry in zoo().values():
        assert entry.loader in LOADERS
        assert len(entry.mean) == len(entry.std) == 3
        assert min(entry.dim, entry.patch_um, entry.size_px) > 0
        assert entry.pretrained_on.startswith("images")
        assert all((entry.title, entry.source, entry.licence, entry.citation))
        if entry.loader in {"timm", "transformers"}:
            assert entry.architecture
        if entry.loader == "own":
            assert entry.note or entry.citation


@pytest.mark.parametrize("name", TIMM)
def test_published_sizes(name):
    """Parameter count and length of the vector of the published size, without its memory."""
    pytest.importorskip("timm")
    torch = pytest.importorskip("torch")
    from spatialrag.encoders.load import build_timm
    from spatialrag.encoders.take import TAKE

    entry = zoo()[name]
    with torch.device("meta"):
        network = build_timm(entry)
        vectors = TAKE[entry.vector](network, torch.empty(2, 3, entry.size_px, entry.size_px))
    assert vectors.shape == (2, entry.dim)
    count = sum(parameter.numel() for parameter in network.parameters()) / 1e6
    assert count == pytest.approx(entry.parameters_m, abs=0.05)


def test_an_entry_with_an_unknown_loader():
    entry = zoo()["uni"]
    values = {name: getattr(entry, name) for name in entry.__dataclass_fields__}
    with pytest.raises(InputError, match="unknown loader"):
        PublishedEncoder(**{**values, "loader": "pickle"})


def test_a_name_that_is_not_there():
    with pytest.raises(InputError, match="did you mean 'gigapath'"):
        encoders.get("giga-path")
