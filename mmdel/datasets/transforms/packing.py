"""From the pipeline's dict to what the model takes."""

from __future__ import annotations

import numpy as np
import torch
from mmengine.structures import InstanceData

from mmdel.registry import TRANSFORMS
from mmdel.structures import EventDataSample


@TRANSFORMS.register_module()
class PackEvents:
    """Packs features and truth: ``inputs[stream]`` (T, C) tensors and ``data_samples``.

    Features stay float16 if they are stored so, half of what would have to come to the model. Arrays of the data sample
    stay numpy's, which travel from a data loading worker as they are, while each of torch's takes a connection of its
    own; :class:`~mmdel.models.EventDataPreprocessor` makes tensors of them.

    The data sample's ``gt_instances`` are the events of the (cropped) features in grid steps, its ``ignored_instances``
    where nothing is learned, its ``eval_instances`` the events of the whole video in seconds; see
    :class:`mmdel.structures.EventDataSample`.
    """

    def __call__(self, results: dict) -> dict:
        inputs = {name: torch.from_numpy(feature) for name, feature in results['features'].items()}
        sample = EventDataSample(
            metainfo=dict(
                video_id=results['video_id'],
                duration_sec=results['duration_sec'],
                num_steps=len(next(iter(inputs.values()))),
                grid=results['grid'],
            )
        )
        sample.gt_instances = InstanceData(
            segments=np.asarray(results['segments'], dtype=np.float32),
            labels=np.asarray(results['labels'], dtype=np.int64),
        )
        sample.ignored_instances = InstanceData(segments=results['ignored_segments'])
        sample.eval_instances = InstanceData(
            segments_sec=results['segments_sec'],
            labels=results['eval_labels'],
            ignored=results['ignored'],
        )
        if 'video_scores' in results:
            sample.video_scores = results['video_scores']
        if 'proposals_sec' in results:
            sample.proposals = InstanceData(
                segments_sec=results['proposals_sec'],
                scores=results['proposal_scores'],
            )
        return dict(inputs=inputs, data_samples=sample)
