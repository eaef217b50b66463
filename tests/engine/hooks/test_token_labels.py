import torch
from mmengine.structures import InstanceData

from mmdel.engine.hooks.token_labels import LABEL_READERS
from mmdel.structures import EventDataSample


def events(segments, labels):
    return EventDataSample(
        gt_instances=InstanceData(segments=torch.tensor(segments).reshape(-1, 2), labels=torch.tensor(labels).long())
    )


def test_segments_mark_the_steps_whose_cell_they_meet():
    samples = [
        events([[0.4, 2.6], [3.2, 3.4], [-3.0, -1.0], [6.4, 9.0]], [0, 1, 1, 2]),  # inside, short, before, beyond
        events([], []),
    ]
    mask = torch.arange(8) < torch.tensor([6, 8])[:, None]
    labels = LABEL_READERS['segments'](samples, mask, 3)
    assert labels.shape == (2, 8, 3) and not labels[1].any()
    assert [labels[0, :, c].nonzero().flatten().tolist() for c in range(3)] == [[0, 1, 2, 3], [0, 3], [5]]


def test_boxes_mark_their_part_of_the_video():
    sample = EventDataSample(gt_instances=InstanceData(gt_bbox=torch.tensor([[0.0, 0.26], [0.9, 1.0]])))
    labels = LABEL_READERS['gt_bbox']([sample], torch.ones(1, 10, dtype=torch.bool), 1)
    assert labels[0, :, 0].nonzero().flatten().tolist() == [0, 1, 2, 8, 9]


def test_video_labels_mark_all_of_the_video():
    one, many = EventDataSample(), EventDataSample()
    one.gt_label, many.gt_label = torch.tensor([2]), torch.tensor([1.0, 0.0, 1.0])
    mask = torch.arange(4) < torch.tensor([4, 2])[:, None]
    labels = LABEL_READERS['gt_label']([one, many], mask, 3)
    assert labels.long().sum(1).tolist() == [[0, 0, 4], [2, 0, 2]]
    assert not labels[1, 2:].any()
