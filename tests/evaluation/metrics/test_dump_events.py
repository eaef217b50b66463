"""DumpEvents writes what another evaluator can read."""

import json

import numpy as np
import pytest
import torch
from mmengine.evaluator import Evaluator
from mmengine.structures import InstanceData

from mmdel.evaluation.metrics import DumpEvents
from mmdel.evaluation.result_file import parse_predictions, read_results
from mmdel.structures import EventDataSample


def make_samples():
    generator = torch.Generator().manual_seed(0)
    samples = []
    for k in range(3):
        start = torch.rand(5 * k, generator=generator) * 30
        sample = EventDataSample(metainfo=dict(video_id=f'video_{k}', duration_sec=60.0))
        sample.pred_instances = InstanceData(
            segments_sec=torch.stack([start, start + torch.rand(5 * k, generator=generator) * 9], 1),
            scores=torch.rand(5 * k, generator=generator),
            labels=torch.randint(2, (5 * k,), generator=generator),
        )
        samples.append(sample)
    return samples


def test_what_is_written_reads_back_the_same(tmp_path):
    out_file = tmp_path / 'new' / 'folder' / 'events.json'
    evaluator = Evaluator(dict(type='mmdel.DumpEvents', out_file=str(out_file)))
    evaluator.dataset_meta = dict(classes=('knock', 'speech'))
    samples = make_samples()
    evaluator.process(samples)
    assert evaluator.evaluate(3) == {}

    assert list(out_file.parent.iterdir()) == [out_file]
    content = json.loads(out_file.read_text())
    assert set(content) == {'version', 'results', 'external_data'}
    assert content['results']['video_0'] == []
    assert set(content['results']['video_1'][0]) == {'segment', 'label', 'score'}
    predictions, problems = parse_predictions(
        read_results(out_file), ['video_0', 'video_1', 'video_2'], ['knock', 'speech']
    )
    assert problems.lines() == ['1 videos of the ground truth have no prediction']
    instances = [sample.pred_instances for sample in samples]
    np.testing.assert_allclose(predictions.segments, torch.cat([i.segments_sec for i in instances]), atol=1e-6)
    np.testing.assert_allclose(predictions.scores, torch.cat([i.scores for i in instances]), atol=1e-7)
    assert predictions.labels.tolist() == torch.cat([i.labels for i in instances]).tolist()


def test_a_suffix_of_no_format_is_refused_before_the_test_runs():
    with pytest.raises(ValueError, match=r'events\.pkl names no format by its suffix'):
        DumpEvents(out_file='events.pkl')
