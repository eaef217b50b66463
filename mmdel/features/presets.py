"""Extractors by name, for ``mmdel extract --visual NAME --audio NAME`` and for configs."""

from __future__ import annotations

from typing import Any

PICTURE_PRESETS: dict[str, dict[str, Any]] = {
    # What the demo data are made with.
    'demo_frames': dict(
        type='mmdel.FrameGridExtractor',
        fps=8.0,
        height=36,
        width=48,
        rows=3,
        columns=4,
        window_frames=4,
        stride_frames=2,
    ),
    # A step every 0.25 s.
    'frames': dict(
        type='mmdel.FrameGridExtractor',
        fps=8.0,
        height=72,
        width=96,
        rows=6,
        columns=8,
        window_frames=4,
        stride_frames=2,
        log_motion=True,
    ),
    # A step every 0.04 s, for what is as short as a word.
    'fine_frames': dict(
        type='mmdel.FrameGridExtractor',
        fps=25.0,
        height=72,
        width=90,
        rows=8,
        columns=10,
        window_frames=3,
        stride_frames=1,
        grey=True,
        log_motion=True,
    ),
    # Learned; a step every 0.25 s.
    'efficientnet': dict(type='mmdel.EfficientNetExtractor', fps=4.0, height=128, width=128),
}
SOUND_PRESETS: dict[str, dict[str, Any]] = {
    # What the demo data are made with.
    'demo_log_mel': dict(
        type='mmdel.LogMelExtractor',
        hz=8000,
        num_bands=32,
        frame_sec=0.032,
        hop_sec=0.02,
        frames_per_step=16,
        step_hops=10,
        high_hz=4000.0,
    ),
    # A step every 0.25 s.
    'log_mel': dict(type='mmdel.LogMelExtractor', hz=16000, num_bands=64, frames_per_step=49, step_hops=25),
    # A step every 0.04 s, for what is as short as a word.
    'fine_log_mel': dict(
        type='mmdel.LogMelExtractor',
        hz=16000,
        num_bands=40,
        frames_per_step=8,
        step_hops=4,
        pool='stack',
    ),
    # As UnAV-100's VGGish: 0.96 s every 0.32 s.
    'vggish_mel': dict(type='mmdel.VGGishMelExtractor', hop_sec=0.32),
    # Learned; a step every 0.08 s.
    'speech': dict(type='mmdel.SpeechEmbeddingExtractor'),
}
PRESETS = {**PICTURE_PRESETS, **SOUND_PRESETS}
