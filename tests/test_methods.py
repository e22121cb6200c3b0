import re

import pytest

from spatialrag import registry
from spatialrag.methods import KINDS, methods


@pytest.mark.parametrize("name", sorted(methods()))
def test_every_method_of_the_table_is_there(name):
    record = methods()[name]
    assert record.kind in KINDS
    assert record.purpose
    assert record.needs
    assert not record.doi or re.fullmatch(r"10\.\d{4,5}/\S+", record.doi)
    if record.extra:
        pytest.importorskip("torch")
    assert isinstance(record.load(), type)


def test_every_registered_backbone_and_solver_is_in_the_table():
    assert set(registry.backbones.builtin) | set(registry.solvers.builtin) <= set(methods())
    for point in (registry.backbones, registry.solvers):
        for name in point.builtin:
            if name != "from_file":
                assert methods()[name].load() is point.get(name)
