"""Clips like the videos of the demo data, as media files with sound."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np

from mmdel.datasets.synthetic import CLASS_NAMES, Scene, plan_scene
from mmdel.datasets.synthetic_render import FPS, HEIGHT, SAMPLE_RATE, WIDTH, render_frames, render_sound
from mmdel.events import Events, Video
from mmdel.media import VideoWriter

ENLARGEMENT = 8  # of the pictures, to be looked at; less would smooth their noise away on its way through the codec
CRF = 4  # of x264: at its usual 18 the codec smooths noise, too, and takes 3 points of mAP


def render_clip(path: str | os.PathLike, seed: int) -> Events:
    """Write a clip of half a minute to a minute, a scene that is in none of the demo's videos.

    Args:
        path: The .mp4 file; its stem is the video's id.
        seed: Of the scene and its noise.

    Returns:
        The true events of the scene, by their start.

    Raises:
        UserInputError: If the file cannot be written, or there is no PyAV.
    """
    scene, frames, waveform = render_scene(seed)
    with VideoWriter(path, FPS, ENLARGEMENT * HEIGHT, ENLARGEMENT * WIDTH, SAMPLE_RATE, CRF) as writer:
        for frame in frames:
            writer.write(frame.repeat(ENLARGEMENT, axis=0).repeat(ENLARGEMENT, axis=1)[None])
        writer.write_sound(waveform)
    video = Video(Path(path).stem, round(len(waveform) / SAMPLE_RATE, 3), FPS)
    events = sorted((track.start_sec, track.end_sec, label) for label, track in scene.events)
    rows = [(video.video_id, round(start, 3), round(end, 3), CLASS_NAMES[label]) for start, end, label in events]
    return Events.from_rows(rows, [video])


def render_scene(seed: int) -> tuple[Scene, np.ndarray, np.ndarray]:
    """The scene of a clip, its frames ``(F, HEIGHT, WIDTH, 3)`` uint8 and its sound ``(S,)`` in [-1, 1]."""
    rng = np.random.default_rng([*b'clip', seed])
    scene = plan_scene(rng)
    frames = render_frames(scene.duration_sec, scene.pictures, rng)
    return scene, frames, render_sound(scene.duration_sec, scene.sounds, rng)
