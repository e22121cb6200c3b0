import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from spatialrag.encoders.onnx import OnnxEncoder, from_spec
from spatialrag.errors import InputError

PATCHES = np.random.default_rng(0).integers(0, 255, (5, 16, 16, 3), dtype=np.uint8)


def model(path, *, name="image", layout="nchw", metadata=None):
    """A model that returns the mean of each channel."""
    shape = ["n", 3, 16, 16] if layout == "nchw" else ["n", 16, 16, 3]
    axes = [2, 3] if layout == "nchw" else [1, 2]
    node = helper.make_node("ReduceMean", [name], ["features"], axes=axes, keepdims=0)
    graph = helper.make_graph(
        [node],
        "mean",
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)],
        [helper.make_tensor_value_info("features", TensorProto.FLOAT, ["n", 3])],
    )
    built = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
    for key, value in (metadata or {}).items():
        entry = built.metadata_props.add()
        entry.key, entry.value = key, value
    onnx.save(built, path)
    return path


@pytest.mark.parametrize("layout", ["nchw", "nhwc"])
def test_layout_is_read_and_values_declared_by_name(tmp_path, layout):
    encoder = OnnxEncoder(model(tmp_path / "m.onnx", name="rgb_0_255", layout=layout))
    assert encoder.size_px == 16
    np.testing.assert_allclose(encoder.encode(PATCHES), PATCHES.mean(axis=(1, 2)), rtol=1e-5)


def test_value_ranges(tmp_path):
    by_metadata = OnnxEncoder(model(tmp_path / "a.onnx", metadata={"values": "0_1"}))
    np.testing.assert_allclose(by_metadata.encode(PATCHES), PATCHES.mean((1, 2)) / 255, rtol=1e-5)
    path = model(tmp_path / "b.onnx")
    (tmp_path / "b.onnx.json").write_text('{"values": "imagenet"}')
    mean, std = np.array([0.485, 0.456, 0.406]), np.array([0.229, 0.224, 0.225])
    expected = (PATCHES.mean((1, 2)) / 255 - mean) / std
    np.testing.assert_allclose(OnnxEncoder(path).encode(PATCHES), expected, rtol=1e-4, atol=1e-5)


def test_contract_must_be_known(tmp_path):
    with pytest.raises(InputError, match="value range of c.onnx's input 'image' is not declared"):
        OnnxEncoder(model(tmp_path / "c.onnx"))
    with pytest.raises(InputError, match="does not exist"):
        from_spec(str(tmp_path / "no.onnx"))
    with pytest.raises(InputError, match="needs a model"):
        from_spec("")


@pytest.mark.realdata
def test_real_mobilenet(data):
    encoder = OnnxEncoder(data / "encoders" / "mobilenet_v2_imagenet.onnx")
    assert (encoder.size_px, encoder.contract.values) == (224, "0_255")
    noise = np.random.default_rng(0).integers(0, 255, (2, 224, 224, 3), dtype=np.uint8)
    vectors = encoder.encode(noise)
    assert vectors.shape == (2, 1280)
    assert vectors.std() > 0


@pytest.mark.realdata
def test_vectors_are_those_of_onnxruntimes_own_threads(data):
    """To the last bit: one core a call or all of them."""
    onnxruntime = pytest.importorskip("onnxruntime")
    encoder = OnnxEncoder(data / "encoders" / "mobilenet_v2_imagenet.onnx")
    patches = np.random.default_rng(0).integers(0, 256, (4, 224, 224, 3), dtype=np.uint8)
    default = onnxruntime.InferenceSession(encoder.path, providers=["CPUExecutionProvider"])
    entry = {default.get_inputs()[0].name: encoder.contract.prepare(patches)}
    np.testing.assert_array_equal(
        encoder.encode(patches), default.run(None, entry)[0].reshape(len(patches), -1)
    )
