"""A bundle of a small model with random weights, whose features are those of media of 16 by 12 pixels and 8 kHz."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch

from mmdel.features import build_streams
from mmdel.inference.bundle import Bundle
from mmdel.inference.weights import build

EXTRACTORS = dict(
    visual=[dict(type='mmdel.FrameGridExtractor', fps=8.0, height=12, width=16, rows=1, columns=2)],
    audio=[dict(type='mmdel.LogMelExtractor', hz=8000, num_bands=8, frames_per_step=16, step_hops=10, high_hz=4000.0)],
)
CLASSES = ('dog <b>bark</b>', 'bell', 'horn')
WINDOW = 64


def make_bundle(
    seed: int = 0, window: int | None = WINDOW, overlap: float | None = 0.5, extractors: dict = EXTRACTORS, **changes
) -> Bundle:
    """Scores are spread and offsets real, as after a training; a window sees half as far as its overlap."""
    streams = {
        name: dict(
            extractors=extractors.get(name, []),
            stride=stream.grid.stride,
            window=stream.grid.window,
            fps=stream.grid.fps,
            channels=stream.channels,
        )
        for name, stream in build_streams(EXTRACTORS).items()
    }
    channels = {name: stream['channels'] for name, stream in streams.items()}
    model = dict(
        type='mmdel.EventDetector',
        data_preprocessor=dict(type='mmdel.EventDataPreprocessor'),
        backbone=dict(
            type='mmdel.EventAlignedBackbone',
            in_channels=channels,
            streams=['visual', 'audio'],
            embed_dims=16,
            num_levels=3,
            num_heads=2,
            attn_window=5,
            align=dict(num_layers=1, num_heads=2, mask='learned', window_intra=5, window_cross=0),
        ),
        neck=dict(type='mmdel.AudioVisualPAN', num_heads=2, attn_window=5),
        head=dict(
            type='mmdel.AnchorFreeHead',
            num_classes=len(CLASSES),
            feat_channels=16,
            point_generator=dict(type='mmdel.PointGenerator', regress_ranges=[[0, 4], [4, 8], [8, 1000]]),
            assigner=dict(type='mmdel.PointAssigner'),
            nms=dict(type='mmdel.SegmentNMS', max_num=50),
        ),
        test_cfg=None if window is None else dict(window=window, overlap=overlap),
    )
    torch.manual_seed(seed)
    built = build(model)
    for conv in (built.head.cls_tower.last, built.head.regressor.tower.last):
        torch.nn.init.normal_(conv.weight, std=0.5)
    options = dict(
        model=model,
        classes=CLASSES,
        streams=streams,
        grid=(dict(type='mmdel.AlignStreams', reference='visual', mode='linear'),),
        weights=built.state_dict(),
        thresholds=dict(score=0.05),
        provenance=dict(metrics={}),
    )
    return Bundle(**{**options, **changes})


def random_features(num_sec: float, seed: int = 0) -> dict[str, np.ndarray]:
    """Features of so many seconds on the grids of the streams."""
    rng = np.random.default_rng(seed)
    features = {}
    for name, stream in build_streams(EXTRACTORS).items():
        num_steps = max(int((num_sec * stream.grid.fps - stream.grid.window) // stream.grid.stride) + 1, 1)
        features[name] = rng.normal(size=(num_steps, stream.channels)).astype(np.float32)
    return features


def write_media(folder: Path, seconds_of: dict[str, float]) -> list[Path]:
    """Videos of noise with sound by their names without suffix."""
    from mmdel.media import VideoWriter

    folder.mkdir(parents=True, exist_ok=True)
    paths = []
    for index, (name, seconds) in enumerate(seconds_of.items()):
        rng = np.random.default_rng(index)
        path = folder / f'{name}.mp4'
        with VideoWriter(path, 8, 12, 16, hz=8000) as writer:
            writer.write(rng.integers(0, 256, (round(seconds * 8), 12, 16, 3), dtype=np.uint8))
            writer.write_sound(rng.uniform(-0.5, 0.5, round(seconds * 8000)).astype(np.float32))
        paths.append(path)
    return paths
