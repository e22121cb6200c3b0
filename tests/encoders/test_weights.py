from dataclasses import replace

import pytest

torch = pytest.importorskip("torch")
from spatialrag.encoders.weights import fill, find_weights, read_state  # noqa: E402
from spatialrag.encoders.zoo import zoo  # noqa: E402
from spatialrag.errors import InputError  # noqa: E402

ENTRY = replace(zoo()["resnet50"], ignored=("head.",))


def network():
    return torch.nn.Sequential(torch.nn.Linear(3, 2), torch.nn.Linear(2, 2))


def test_weights_too_many_too_few_or_of_another_shape_are_named(tmp_path):
    state = network().state_dict()
    path = tmp_path / "w.bin"
    torch.save({**state, "head.weight": torch.ones(2)}, path)
    fill(network(), path, ENTRY)
    torch.save({**state, "teacher.weight": torch.ones(2)}, path)
    with pytest.raises(InputError, match=r"1 unexpected: teacher\.weight"):
        fill(network(), path, ENTRY)
    torch.save({"0.weight": torch.ones(9, 9), "0.bias": state["0.bias"]}, path)
    with pytest.raises(InputError, match=r"2 missing: 1\.bias, 1\.weight; 1 of another shape"):
        fill(network(), path, ENTRY)


def test_files_that_are_more_than_weights_are_refused(tmp_path):
    path = tmp_path / "w.bin"
    torch.save(network(), path)
    with pytest.raises(InputError, match="refused"):
        read_state(path)
    torch.save({"epoch": 3, "model": network().state_dict()}, path)
    with pytest.raises(InputError, match="not a state dict"):
        read_state(path)
    with pytest.raises(InputError, match=r"holds no weights[\s\S]*w\.bin"):
        find_weights(tmp_path)


@pytest.mark.parametrize("name", ["w.safetensors", "w.bin"])
@pytest.mark.parametrize("content", [b"", b"text", b"\x80\x02.", b"\x08" + bytes(15)])
def test_incomplete_files_are_refused(tmp_path, name, content):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(InputError, match=f"(?s){name} is refused.*safetensors, or a state dict"):
        read_state(tmp_path / name)
