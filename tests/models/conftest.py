"""Fixtures shared by the tests of the model: the device, a recorder of tensor sizes, tiny detectors, samples."""

import os

import pytest
import torch
from mmengine.structures import InstanceData
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from mmdel.registry import MODELS
from mmdel.structures import EventDataSample, FeatureGrid


@pytest.fixture(scope='module', autouse=True)
def device():
    """Where every tensor and module of these tests is made: ``MMDEL_TEST_DEVICE``, 'cpu' if unset."""
    exact = torch.backends.cudnn.flags(enabled=True, deterministic=True, allow_tf32=False)
    with exact, torch.device(os.environ.get('MMDEL_TEST_DEVICE', 'cpu')) as device:
        yield device


class _SizeRecorder(TorchDispatchMode):
    """Remembers the largest storage that any operation brought into being."""

    largest = 0

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        out = func(*args, **(kwargs or {}))
        for item in tree_leaves(out):
            if isinstance(item, torch.Tensor):
                self.largest = max(self.largest, item.untyped_storage().nbytes() // item.element_size())
        return out


@pytest.fixture
def assert_linear_memory():
    """A function: checks that the largest tensor of a call, and of the backward pass of its result, grows linearly.

    The call takes the number of steps, which is doubled twice, up to ``num_steps``.
    """

    def check(call, num_steps):
        sizes = []
        for size in (num_steps // 4, num_steps // 2, num_steps):
            with _SizeRecorder() as recorder:
                call(size).sum().backward()
            sizes.append(recorder.largest)
        assert sizes[1] < 2.2 * sizes[0] and sizes[2] < 2.2 * sizes[1]
        assert sizes[2] < num_steps**2 / 4

    return check


@pytest.fixture
def make_sample():
    """A function: (start, end, label) events in grid steps → a data sample on a grid of one step per second."""

    def make(events=(), num_steps=16, grid=None, duration_sec=None):
        grid = grid or FeatureGrid(stride=1, window=1, fps=1)
        duration_sec = grid.to_sec(float(num_steps)) if duration_sec is None else duration_sec
        sample = EventDataSample(
            metainfo=dict(video_id='video', duration_sec=duration_sec, num_steps=num_steps, grid=grid)
        )
        sample.gt_instances = InstanceData(
            segments=torch.tensor([event[:2] for event in events], dtype=torch.float32).reshape(-1, 2),
            labels=torch.tensor([event[2] for event in events], dtype=torch.int64),
        )
        return sample

    return make


@pytest.fixture
def build_detector(device):
    """A function: a few choices → a small EventDetector with three levels."""

    def build(
        streams=('visual', 'audio'),
        align='learned',
        window=None,
        class_aware=True,
        neck='AudioVisualPAN',
        num_classes=3,
        dims=16,
        test_cfg=None,
        **head,
    ):
        align_cfg = align and dict(num_layers=2, mask=align, window_intra=window, window_cross=1, event_dims=4)
        pan = dict(attn_window=window, num_heads=2)
        model = MODELS.build(
            dict(
                type='mmdel.EventDetector',
                test_cfg=test_cfg,
                data_preprocessor=dict(type='mmdel.EventDataPreprocessor'),
                backbone=dict(
                    type='mmdel.EventAlignedBackbone',
                    in_channels=dict(audio=4, visual=6),
                    streams=streams,
                    embed_dims=dims,
                    num_levels=3,
                    align=align_cfg,
                    attn_window=window,
                    num_heads=2,
                    num_stem_blocks=1,
                    mlp_ratio=2.0,
                    drop_path=0.0,
                ),
                neck=dict(type=f'mmdel.{neck}', **(pan if neck == 'AudioVisualPAN' else {})),
                head=dict(
                    type='mmdel.AnchorFreeHead',
                    num_classes=num_classes,
                    feat_channels=dims,
                    class_aware=class_aware,
                    point_generator=dict(
                        type='mmdel.PointGenerator', regress_ranges=[(0, 4), (4, 8), (8, float('inf'))]
                    ),
                    assigner=dict(type='mmdel.PointAssigner'),
                    nms=dict(type='mmdel.SegmentNMS'),
                    **head,
                ),
            )
        )
        return model.to(device)  # the preprocessor, too

    return build
