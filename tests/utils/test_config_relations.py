from __future__ import annotations

import logging

import pytest

from mmdel.evaluation.metrics import EventMAP, SoundEventScores
from mmdel.utils.config_relations import check_monitored, check_relations, measures_of, require_groups
from mmdel.utils.errors import UserInputError


class Foreign(EventMAP):
    """A metric of other samples."""

    def process(self, data_batch, data_samples) -> None:
        raise KeyError('pred_score')


def test_the_measures_of_metrics_are_those_that_they_give() -> None:
    assert measures_of([EventMAP(tious=[0.5, 0.75])]) == {'event/mAP', 'event/mAP@0.5', 'event/mAP@0.75'}
    both = measures_of([EventMAP(tious=[0.5], recall=True, prefix='mine'), SoundEventScores()])
    assert {'mine/mAP', 'mine/AR@100', 'sound/event_F1', 'sound/PSDS1'} < both
    assert measures_of([EventMAP(), Foreign()]) == set()
    assert logging.root.manager.disable == logging.NOTSET


def test_what_is_waited_for_must_come() -> None:
    hooks = dict(checkpoint=dict(save_best=['event/mAP', 'auto']), timer=None)
    check_monitored(dict(default_hooks=hooks), [EventMAP()])
    hooks['stop'] = dict(monitor='event/mAp')
    with pytest.raises(
        UserInputError, match=r"default_hooks\.stop\.monitor is 'event/mAp', .* did you mean event/mAP\?"
    ):
        check_monitored(dict(default_hooks=hooks), [EventMAP()])
    check_monitored(dict(default_hooks=hooks), [Foreign()])  # nobody knows
    check_monitored(dict(default_hooks=hooks), [])


STREAMS = dict(visual=dict(channels=6), audio=dict(channels=4))


@pytest.mark.parametrize(
    ('model', 'dataset', 'said'),
    [
        (dict(backbone=dict(in_channels=dict(visual=6))), dict(streams=STREAMS), None),
        (dict(backbone=dict(in_channels=dict(visual=7, depth=1), streams=['audio'])), dict(streams=STREAMS), None),
        (dict(backbone=dict(in_channels=dict(visual=7))), dict(streams=STREAMS), r'visual is 7, and .*channels is 6'),
        (dict(backbone=dict(in_channels=dict(vis=6))), dict(streams=STREAMS), r"names 'vis', .* did you mean visual\?"),
        (dict(localizer=dict(feat_dim=10)), dict(streams=STREAMS), None),
        (
            dict(localizer=dict(feat_dim=10), streams=['audio']),
            dict(streams=STREAMS),
            r'feat_dim is 10, .*\(audio\) are 4',
        ),
        (dict(localizer=dict(feat_dim=3), backbone=dict(type='x')), dict(streams=STREAMS), None),
        (dict(head=dict(num_classes=1)), dict(num_classes=5), None),  # proposals
        (dict(head=dict(num_classes=4)), dict(num_classes=5), r'num_classes is 4, and .*num_classes is 5'),
        (dict(head=dict(num_classes=2)), dict(classes=['a', 'b']), None),
        (dict(head=dict(num_classes=2)), dict(classes=['a']), r'num_classes is 2, and .*classes names 1'),
        (dict(type='foreign.Model'), dict(type='foreign.Data'), None),
    ],
)
def test_model_and_data_agree(model: dict, dataset: dict, said: str | None) -> None:
    wrapped = dict(type='RepeatDataset', dataset=dict(type='ConcatDataset', datasets=[dataset]))
    cfg = dict(model=model, val_dataloader=dict(dataset=wrapped))
    if said is None:
        check_relations(cfg)
    else:
        with pytest.raises(UserInputError, match=rf'{said}') as error:
            check_relations(cfg)
        assert 'val_dataloader.dataset.dataset.datasets.0.' in str(error.value)


def test_each_level_has_its_range() -> None:
    head = dict(point_generator=dict(regress_ranges=[(0, 4), (4, 9)]))
    check_relations(dict(model=dict(backbone=dict(num_levels=2), head=head)))
    with pytest.raises(UserInputError, match=r'num_levels is 3, and .*regress_ranges has 2'):
        check_relations(dict(model=dict(backbone=dict(num_levels=3), head=head)))


def test_a_loop_has_its_loader_and_the_rest() -> None:
    loader = dict(dataset=dict(type='x'), sampler=dict(type='y'))
    test = dict(test_dataloader=loader, test_cfg={}, test_evaluator=dict(type='z'))
    require_groups(dict(model=dict(type='x'), **test, val_cfg=None))
    for change, said in (
        (dict(model=None), 'model is None'),
        (dict(test_cfg=None), 'test_cfg is missing, but there is test_dataloader, test_evaluator'),
        (dict(test_dataloader=dict(dataset=dict(type='x'))), r'test_dataloader\.sampler is missing'),
        (dict(test_dataloader=dict(sampler=None)), r'test_dataloader\.dataset is missing'),
        (dict(val_dataloader=loader), 'val_cfg, val_evaluator is missing'),
    ):
        with pytest.raises(UserInputError, match=said):
            require_groups({**dict(model=dict(type='x')), **test, **change})


@pytest.mark.parametrize(
    ('key', 'kind'),
    [('model_wrapper_cfg', 'mmengine.MMFullyShardedDataParallel'), ('strategy', 'FSDPStrategy')],
)
def test_sharded_weights_are_refused_before_anything_is_built(key: str, kind: str) -> None:
    with pytest.raises(UserInputError, match=rf'^{key}\.type is {kind}, and models are not sharded here: [^\n]*$'):
        check_relations({key: dict(type=kind)})
    check_relations(dict(model_wrapper_cfg=dict(type='mmengine.MMDistributedDataParallel')))
