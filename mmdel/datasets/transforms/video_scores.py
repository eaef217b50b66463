"""Class scores of whole videos, from a classifier outside."""

from __future__ import annotations

import os
from collections.abc import Sequence

import numpy as np

from mmdel.registry import TRANSFORMS
from mmdel.utils.errors import UserInputError
from mmdel.utils.files import read_json
from mmdel.utils.names import to_label, to_name


@TRANSFORMS.register_module()
class LoadVideoScores:
    """Looks up the class scores of a video: sets ``video_scores`` (C,) float32, in the order of ``classes``.

    The file is JSON: ``{"classes": [names], "scores": {video_id: [one number >= 0 for each class]}}``. It is read
    with the first video. The data set says with each record what its ``classes`` are.

    Args:
        score_file: That file.

    Raises:
        UserInputError: If the file cannot be read or is not of that form, or has no scores for a class or a video.
    """

    def __init__(self, score_file: str) -> None:
        if not os.path.isfile(score_file):  # said now, and not after an epoch of training
            raise UserInputError(f'Cannot read the video scores {score_file}: there is no such file')
        self.score_file = score_file
        self._scores: dict[str, list[float]] | None = None

    def __call__(self, results: dict) -> dict:
        if self._scores is None:
            self._scores = self._load(results['classes'])
        if results['video_id'] not in self._scores:
            raise UserInputError(f'{self.score_file} has no scores of the video {results["video_id"]}')
        scores = np.asarray(self._scores[results['video_id']], dtype=np.float32)
        if scores.shape != (self._num_classes,) or not ((scores >= 0) & np.isfinite(scores)).all():
            raise UserInputError(
                f'{self.score_file}, video {results["video_id"]}: expected {self._num_classes} scores >= 0'
            )
        results['video_scores'] = scores[self._order]
        return results

    def _load(self, classes: Sequence[str]) -> dict[str, list[float]]:
        content = read_json(self.score_file, 'video scores')
        try:
            names = [to_label(name) for name in content['classes']]
            scores = {to_name(video_id): values for video_id, values in dict(content['scores']).items()}
        except (KeyError, TypeError, ValueError) as error:
            raise UserInputError(
                f"{self.score_file} must be JSON with the keys 'classes' and 'scores': {error!r}"
            ) from error
        lacking = [name for name in classes if name not in names]
        if lacking:
            raise UserInputError(f'{self.score_file} has no scores for {len(lacking)} classes, e.g. {lacking[0]!r}')
        self._order = [names.index(name) for name in classes]
        self._num_classes = len(names)
        return scores
