import pytest

from spatialrag.domains.semst.settings import Architecture, Graphs, Objective
from spatialrag.errors import InputError


@pytest.mark.parametrize(
    ("kind", "wrong"),
    [
        (Graphs, {"space": "hex"}),
        (Graphs, {"features": "genes"}),
        (Architecture, {"inputs": "raw"}),
        (Architecture, {"projection": "none"}),
        (Architecture, {"decoder": "dense"}),
        (Objective, {"likelihood": "poisson"}),
        (Objective, {"target": "shares"}),
        (Objective, {"pairs": "some"}),
        (Objective, {"correlation": "none"}),
        (Objective, {"form": "dense"}),
    ],
)
def test_unknown_names_are_refused(kind, wrong):
    with pytest.raises(InputError, match=f"unknown {next(iter(wrong))}"):
        kind(**wrong)


def test_numbers_are_checked():
    with pytest.raises(InputError, match="at least 1"):
        Architecture(width=0)
    with pytest.raises(InputError, match="negative"):
        Objective(gamma=-1)
    with pytest.raises(InputError, match="rows and chunk"):
        Objective(chunk=0)
