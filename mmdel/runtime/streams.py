"""What the description of a bundle says of the features that its model reads."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mmdel.structures.feature_grid import FeatureGrid


class BundleStreams:
    """Streams, their extractors, and how they come onto one grid.

    Attributes:
        streams: Name → ``extractors`` (configs, none for features that come ready), ``stride``, ``window``, ``fps`` and
            ``channels`` of its features.
        grid: Configs of ``AlignStreams`` and, where there is one, ``ResizeStreams``.
        files: Name in the bundle → file of an extractor.
    """

    streams: Mapping[str, Mapping[str, Any]]
    grid: tuple[Mapping[str, Any], ...]
    files: Mapping[str, Path]

    @property
    def grids(self) -> dict[str, FeatureGrid]:
        """The grid of each stream's features."""
        return {
            name: FeatureGrid(stream['stride'], stream['window'], stream['fps'])
            for name, stream in self.streams.items()
        }

    @property
    def reference(self) -> str:
        """The stream that gives the common grid."""
        return self.grid[0]['reference']

    @property
    def mode(self) -> str:
        """How the others come onto it: ``'linear'`` or ``'nearest'``."""
        return self.grid[0]['mode']

    @property
    def resized_length(self) -> int | None:
        """The steps that every video is resized to; None leaves them as they are."""
        return self.grid[1]['length'] if len(self.grid) > 1 else None

    @property
    def extractors(self) -> dict[str, list[dict[str, Any]]]:
        """The configs of each stream's extractors, with the paths of their files; empty without any."""
        configs = {name: _with_paths(stream['extractors'], self.files) for name, stream in self.streams.items()}
        return configs if all(configs.values()) else {}


def _with_paths(options: Any, files: Mapping[str, Path]) -> Any:
    """A config in which the names of files in the bundle are their paths."""
    if isinstance(options, Mapping):
        return {key: value if key == 'type' else _with_paths(value, files) for key, value in options.items()}
    if isinstance(options, list | tuple):
        return [_with_paths(item, files) for item in options]
    return str(files[options]) if isinstance(options, str) and options in files else options
