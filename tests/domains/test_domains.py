import numpy as np
import pytest

from spatialrag.domains.domains import Domains
from spatialrag.errors import InputError


def test_sizes_the_largest_first():
    domains = Domains(np.array(["2", "1", "1"]), np.zeros((3, 2)))
    assert domains.sizes == {"1": 2, "2": 1}
    with pytest.raises(InputError, match="do not match"):
        Domains(np.array(["1"]), np.zeros((3, 2)))
