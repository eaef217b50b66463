"""Pictures and sound of the demo scenes: moving shapes on a noisy background, synthesised sounds in noise.

F frames of HEIGHT x WIDTH pixels, S samples, n frames or samples of one track.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

FPS = 8.0
SAMPLE_RATE = 8000
HEIGHT, WIDTH = 36, 48
SHAPES = ('disc', 'square', 'triangle', 'ring', 'cross')
SOUNDS = ('hum', 'siren', 'beeps', 'hiss', 'knocks')
COLOURS = np.array([(210, 70, 60), (70, 190, 80), (70, 100, 220), (210, 190, 60), (190, 70, 200)])
NOISE_LEVEL = 32  # brightness steps: the pixel noise is uniform in [0, NOISE_LEVEL)
HISS_LEVEL = 0.03


@dataclass(frozen=True)
class Track:
    """One shape that moves, or one sound that is heard; ``kind`` is the index into ``SHAPES`` or ``SOUNDS``."""

    kind: int
    start_sec: float
    end_sec: float

    def overlaps(self, other: Track, margin_sec: float) -> bool:
        """True if less than ``margin_sec`` lies between the two."""
        return self.start_sec < other.end_sec + margin_sec and other.start_sec < self.end_sec + margin_sec


def render_frames(duration_sec: float, tracks: Sequence[Track], rng: np.random.Generator) -> np.ndarray:
    """Frames ``(F, HEIGHT, WIDTH, 3)`` uint8: still shapes, the moving shapes of ``tracks``, drifting light, noise."""
    num_frames = int(duration_sec * FPS)
    times_sec = (np.arange(num_frames) + 0.5) / FPS
    vertical, horizontal = np.linspace(-1, 1, HEIGHT)[:, None], np.linspace(-1, 1, WIDTH)
    tilt = rng.uniform(-25, 25, (2, 3))
    scenery = rng.uniform(50, 110, 3) + vertical[..., None] * tilt[0] + horizontal[:, None] * tilt[1]
    for kind in rng.integers(len(SHAPES), size=rng.integers(2, 5)):
        mask = _shape_mask(kind, *_random_place(rng), np.array([rng.uniform(4, 6)]))[0]
        scenery[mask] = _random_colour(kind, rng)
    frames = np.repeat(scenery[None].astype(np.float32), num_frames, axis=0)
    for track in tracks:
        shown = slice(*np.searchsorted(times_sec, (track.start_sec, track.end_sec)))
        x, y, radius = _motion(track.kind, times_sec[shown] - track.start_sec, rng)
        mask = _shape_mask(track.kind, x, y, radius)
        frames[shown][mask] = _random_colour(track.kind, rng)
    light = 1 + 0.1 * np.sin(2 * np.pi * (times_sec / rng.uniform(10, 30) + rng.uniform()))
    frames *= light[:, None, None, None].astype(np.float32)
    frames += rng.integers(NOISE_LEVEL, size=frames.shape, dtype=np.uint8)
    return np.clip(frames, 0, 255).astype(np.uint8)


def render_sound(duration_sec: float, tracks: Sequence[Track], rng: np.random.Generator) -> np.ndarray:
    """Waveform ``(S,)`` float32 in [-1, 1] of a scene: the sounds of ``tracks`` in noise that swells and fades."""
    num_samples = int(duration_sec * SAMPLE_RATE)
    times_sec = np.arange(num_samples) / SAMPLE_RATE
    swell = 1 + 0.5 * np.sin(2 * np.pi * (times_sec / rng.uniform(5, 20) + rng.uniform()))
    waveform = HISS_LEVEL * swell * rng.standard_normal(num_samples)
    for track in tracks:
        heard = slice(*np.searchsorted(times_sec, (track.start_sec, track.end_sec)))
        since_sec = times_sec[heard] - track.start_sec
        until_sec = track.end_sec - times_sec[heard]
        ramp = np.clip(np.minimum(since_sec, until_sec) / 0.03, 0, 1)
        waveform[heard] += rng.uniform(0.04, 0.12) * ramp * _sound(track.kind, since_sec, rng)
    return np.clip(waveform, -1, 1).astype(np.float32)


def _random_place(rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """A centre (x, y) in pixels, each ``(1,)``, from where a moving shape stays in the picture."""
    return rng.uniform(8, WIDTH - 8, 1), rng.uniform(8, HEIGHT - 8, 1)


def _random_colour(kind: int, rng: np.random.Generator) -> np.ndarray:
    return COLOURS[kind] + rng.uniform(-30, 30, 3)


def _motion(kind: int, times_sec: np.ndarray, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The kind's own way to move: centre x, y and radius in pixels, each ``(n,)``."""
    place_x, place_y = _random_place(rng)
    x, y = np.repeat(place_x, len(times_sec)), np.repeat(place_y, len(times_sec))
    radius = np.full(len(times_sec), rng.uniform(4, 6))
    phase = 2 * np.pi * (rng.uniform(0.7, 1.3) * times_sec + rng.uniform())
    match SHAPES[kind]:
        case 'disc':  # bounces
            y = y + 4 - 8 * np.abs(np.sin(phase / 2))
        case 'square':  # slides from side to side
            x = x + 5 * np.sin(phase)
        case 'triangle':  # goes round
            x, y = x + 4 * np.cos(phase), y + 4 * np.sin(phase)
        case 'ring':  # swells and shrinks
            radius = radius * (1 + 0.4 * np.sin(phase))
        case 'cross':  # trembles
            x, y = x + 2 * np.sin(2.7 * phase), y + 2 * np.sin(2.3 * phase)
    return x, y, radius


def _shape_mask(kind: int, x: np.ndarray, y: np.ndarray, radius: np.ndarray) -> np.ndarray:
    """The pixels ``(n, HEIGHT, WIDTH)`` bool of a shape with centre ``x``, ``y`` and ``radius``, each ``(n,)``."""
    dx = (np.arange(WIDTH) + 0.5 - x[:, None, None]) / radius[:, None, None]
    dy = (np.arange(HEIGHT)[:, None] + 0.5 - y[:, None, None]) / radius[:, None, None]
    larger, smaller = np.maximum(abs(dx), abs(dy)), np.minimum(abs(dx), abs(dy))
    distance = dx**2 + dy**2
    match SHAPES[kind]:
        case 'disc':
            return distance < 1
        case 'square':
            return larger < 0.9
        case 'triangle':
            return (dy < 0.8) & (abs(dx) < 0.6 * (dy + 1))
        case 'ring':
            return (distance < 1) & (distance > 0.3)
        case _:
            return (larger < 1) & (smaller < 0.35)


def _sound(kind: int, times_sec: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """The kind's sound ``(n,)``, about within [-1, 1]."""
    pitch = 2 * np.pi * times_sec * rng.uniform(0.9, 1.1)
    rate = 2 * np.pi * times_sec * rng.uniform(0.8, 1.25)
    match SOUNDS[kind]:
        case 'hum':  # a low tone and its overtones
            return np.sum([np.sin(140 * harmonic * pitch) / harmonic for harmonic in range(1, 5)], axis=0) / 1.5
        case 'siren':  # a tone that glides up and down
            return np.sin(900 * pitch + 250 * np.sin(0.8 * rate))
        case 'beeps':  # a high tone, switched on and off
            return np.sin(1900 * pitch) * (np.sin(3 * rate) > 0)
        case 'hiss':  # noise of the high bands
            noise = rng.standard_normal(len(times_sec) + 1)
            return 0.5 * np.diff(noise)
        case _:  # knocks that die away
            since_knock_sec = np.mod(times_sec, rng.uniform(0.22, 0.34))
            return 1.5 * np.sin(420 * pitch) * np.exp(-since_knock_sec / 0.04)
