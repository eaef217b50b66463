"""Proposals of another model, for models that refine them."""

from __future__ import annotations

import os

import numpy as np

from mmdel.registry import TRANSFORMS
from mmdel.utils.errors import UserInputError
from mmdel.utils.files import read_json
from mmdel.utils.names import to_name


@TRANSFORMS.register_module()
class LoadProposals:
    """Looks up the proposals of a video: ``proposals_sec`` (K, 2) float32, ``proposal_scores`` (K,), best first.

    The file is a result file as ``mmdel.DumpEvents`` writes it, whatever the classes in it: a segment that is there
    several times counts once, with its best score. It is read with the first video. A video of which the file has an
    empty list gets one proposal of score 0, the whole video.

    Args:
        proposal_file: That file.
        max_num: The most proposals of a video.

    Raises:
        UserInputError: If the file cannot be read, is no result file, or does not know a video.
    """

    def __init__(self, proposal_file: str, max_num: int = 100) -> None:
        if max_num < 1:
            raise ValueError(f'max_num must be at least 1, got {max_num}')
        if not os.path.isfile(proposal_file):  # said now, and not when the first video is read
            raise UserInputError(f'Cannot read the proposals {proposal_file}: there is no such file')
        self.proposal_file = proposal_file
        self.max_num = max_num
        self._results: dict[str, list[dict]] | None = None

    def __call__(self, results: dict) -> dict:
        if self._results is None:
            self._results = self._load()
        video_id = results['video_id']
        if video_id not in self._results:
            raise UserInputError(
                f'{self.proposal_file} has no proposals of the video {video_id}; it must have those of all subsets'
            )
        try:
            rows = [(*map(float, entry['segment']), float(entry['score'])) for entry in self._results[video_id]]
            table = np.array(rows or [(0.0, results['duration_sec'], 0.0)], dtype=np.float64).reshape(-1, 3)
        except (KeyError, TypeError, ValueError) as error:
            raise UserInputError(
                f'{self.proposal_file}, video {video_id}: a proposal needs a segment and a score: {error!r}'
            ) from error
        table = table[np.argsort(-table[:, 2], kind='stable')]
        first = np.unique(table[:, :2], axis=0, return_index=True)[1]
        table = table[np.sort(first)[: self.max_num]].astype(np.float32)
        results['proposals_sec'], results['proposal_scores'] = table[:, :2], table[:, 2]
        return results

    def _load(self) -> dict[str, list[dict]]:
        content = read_json(self.proposal_file, 'proposals')
        if not isinstance(content, dict) or not isinstance(content.get('results'), dict):
            raise UserInputError(f"{self.proposal_file} must be JSON with a mapping 'results'")
        return {to_name(video_id): entries for video_id, entries in content['results'].items()}
