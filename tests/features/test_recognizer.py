"""Recognizers of MMAction2: their own parts, called by hand, are the oracle."""

import numpy as np
import pytest
import torch
from mmengine.registry import DefaultScope

from mmdel.features import FeatureStream, RecognizerExtractor, extract_frames
from mmdel.features.recognizer import pool
from mmdel.utils.errors import UserInputError

MEAN, STD = [123.675, 116.28, 103.53], [58.395, 57.12, 57.375]
BACKBONES = {
    'Recognizer2D': "dict(type='ResNet', depth=18, pretrained='nowhere')",
    'Recognizer3D': "dict(type='ResNet3dSlowOnly', depth=18, base_channels=8, lateral=False, pretrained='nowhere')",
}
CONFIG = """
model = dict(
    type='{kind}',
    backbone={backbone},
    cls_head=dict(type='{head}', num_classes=3, in_channels={width}),
    data_preprocessor=dict(type='ActionDataPreprocessor', mean={mean}, std={std}, format_shape='{shape}', to_rgb={bgr}),
)
"""


def write_config(path, kind, bgr=False):
    head, shape = ('TSNHead', 'NCHW') if kind == 'Recognizer2D' else ('I3DHead', 'NCTHW')
    width = 512 if kind == 'Recognizer2D' else 64
    text = CONFIG.format(
        width=width, kind=kind, backbone=BACKBONES[kind], head=head, shape=shape, mean=MEAN, std=STD, bgr=bgr
    )
    path.write_text(text)
    return str(path)


def build(path):
    import mmaction.models  # noqa: F401
    from mmaction.registry import MODELS

    from mmdel.utils.read_config import read_config

    cfg = read_config(path).model
    cfg.backbone.pretrained = None
    with DefaultScope.overwrite_default_scope('mmaction'):
        return MODELS.build(cfg).eval()


@pytest.fixture(scope='module')
def frames():
    return np.random.default_rng(0).integers(256, size=(20, 32, 40, 3), dtype=np.uint8)


@pytest.fixture(scope='module', params=['Recognizer2D', 'Recognizer3D'])
def recognizer(request, tmp_path_factory):
    """The files of a small recognizer, and its backbone."""
    folder = tmp_path_factory.mktemp('recognizer')
    config = write_config(folder / 'config.py', request.param)
    torch.manual_seed(0)
    model = build(config)
    torch.save(dict(state_dict=model.state_dict()), folder / 'weights.pth')
    return folder, request.param, model.backbone


def test_a_step_is_the_mean_of_the_backbone_over_its_clip(recognizer, frames):
    folder, kind, backbone = recognizer
    options = dict(fps=5.0, height=32, width=40, clip_frames=4, frame_interval=2, stride=3)
    extractor = RecognizerExtractor('config.py', 'weights.pth', **options, root=str(folder))
    features = extract_frames(extractor, frames)
    assert extractor.runs_code and extractor.window == 8
    assert features.shape == (5, 512 if kind == 'Recognizer2D' else 64) == (5, extractor.channels)
    scaled = torch.from_numpy((frames - np.array(MEAN)) / np.array(STD)).float()
    for step in range(5):
        clip = scaled[3 * step : 3 * step + 8 : 2]  # (F, H, W, C)
        with torch.inference_mode():
            if kind == 'Recognizer2D':
                expected = backbone(clip.permute(0, 3, 1, 2)).mean(dim=(0, 2, 3))
            else:
                expected = backbone(clip.permute(3, 0, 1, 2)[None]).mean(dim=(0, 2, 3, 4))
        np.testing.assert_allclose(features[step], expected, rtol=1e-3, atol=1e-4)


def test_how_pictures_are_cut_changes_nothing(recognizer, frames):
    folder, _, _ = recognizer
    options = dict(fps=5.0, height=32, width=40, clip_frames=4, stride=2)
    extractor = RecognizerExtractor('config.py', 'weights.pth', **options, root=str(folder))
    whole, stream = extract_frames(extractor, frames), FeatureStream([extractor])
    parts = [stream.push({extractor.rate: piece}) for piece in np.split(frames, [1, 6, 13])]
    np.testing.assert_allclose(np.concatenate([*parts, stream.finish()]), whole, rtol=1e-3, atol=1e-4)


def test_a_model_of_blue_first_is_given_blue_first(recognizer, frames):
    folder, kind, _ = recognizer
    bgr = write_config(folder / 'bgr.py', kind, bgr=True)
    options = dict(fps=5.0, height=32, width=40, clip_frames=2, stride=9)
    plain, turned = (
        RecognizerExtractor(config, str(folder / 'weights.pth'), **options)
        for config in (str(folder / 'config.py'), bgr)
    )
    np.testing.assert_allclose(extract_frames(plain, frames), extract_frames(turned, frames), rtol=1e-4, atol=1e-5)


def test_outputs_of_any_shape_are_means_over_all_but_channels():
    x = torch.arange(2 * 3 * 4 * 5.0).reshape(2, 3, 4, 5)
    torch.testing.assert_close(pool(x, 2), x.mean(dim=(2, 3)))
    torch.testing.assert_close(pool(x, 1), x.mean(dim=(2, 3)).mean(dim=0, keepdim=True))  # two pictures of one clip
    tokens = torch.arange(2 * 7 * 3.0).reshape(2, 7, 3)
    torch.testing.assert_close(pool(tokens, 2), tokens.mean(dim=1))
    torch.testing.assert_close(pool(tokens[:, 0], 2), tokens[:, 0])


def test_weights_of_another_model_are_refused(recognizer, tmp_path):
    folder, kind, _ = recognizer
    other = write_config(tmp_path / 'other.py', 'Recognizer3D' if kind == 'Recognizer2D' else 'Recognizer2D')
    with pytest.raises(
        UserInputError, match=r'weights\.pth holds weights of another model than \S+other\.py: backbone'
    ):
        RecognizerExtractor(other, str(folder / 'weights.pth'))


def test_another_model_is_refused(tmp_path):
    (tmp_path / 'config.py').write_text("model = dict(type='BMN')\n")
    with pytest.raises(UserInputError, match="should be a Recognizer2D or Recognizer3D, not 'BMN'"):
        RecognizerExtractor(str(tmp_path / 'config.py'), 'weights.pth')
