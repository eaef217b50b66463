"""From the pipeline's dict to what the model takes."""

from __future__ import annotations

import numpy as np
import torch
from mmengine.structures import InstanceData

from mmdel.datasets.feature_store import as_float32
from mmdel.registry import TRANSFORMS
from mmdel.structures import EventDataSample


@TRANSFORMS.register_module()
class PackEvents:
    """Packs features and truth: ``inputs[stream]`` (T, C) float32 tensors and ``data_samples``.

    The data sample's ``gt_instances`` are the events of the (cropped) features in grid steps, its ``ignored_instances``
    where nothing is learned, its ``eval_instances`` the events of the whole video in seconds; see
    :class:`mmdel.structures.EventDataSample`.
    """

    def __call__(self, results: dict) -> dict:
        inputs = {
            name: torch.from_numpy(np.ascontiguousarray(as_float32(feature)))
            for name, feature in results['features'].items()
        }
        sample = EventDataSample(
            metainfo=dict(
                video_id=results['video_id'],
                duration_sec=results['duration_sec'],
                num_steps=len(next(iter(inputs.values()))),
                grid=results['grid'],
            )
        )
        sample.gt_instances = InstanceData(
            segments=torch.from_numpy(np.asarray(results['segments'], dtype=np.float32)),
            labels=torch.from_numpy(np.asarray(results['labels'], dtype=np.int64)),
        )
        sample.ignored_instances = InstanceData(segments=torch.from_numpy(results['ignored_segments']))
        sample.eval_instances = InstanceData(
            segments_sec=results['segments_sec'],
            labels=results['eval_labels'],
            ignored=results['ignored'],
        )
        if 'video_scores' in results:
            sample.video_scores = torch.from_numpy(results['video_scores'])
        if 'proposals_sec' in results:
            sample.proposals = InstanceData(
                segments_sec=torch.from_numpy(results['proposals_sec']),
                scores=torch.from_numpy(results['proposal_scores']),
            )
        return dict(inputs=inputs, data_samples=sample)
