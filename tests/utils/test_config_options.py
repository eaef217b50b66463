"""Options take effect or stop with the reason."""

from __future__ import annotations

import argparse
import inspect
import re
from functools import reduce
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from mmengine.config import Config, DictAction
from mmengine.runner import Runner

from mmdel.utils.check_config import check_config
from mmdel.utils.config_options import ConfigOptions, merge_options, parse_value, read_keys
from mmdel.utils.errors import UserInputError

CONFIGS = Path(__file__).resolve().parents[2] / 'configs'
LOADERS = [f'{split}_dataloader.dataset' for split in ('test', 'train', 'val')]
WINDOWS = ['model.backbone.align.window_intra', 'model.backbone.attn_window', 'model.neck.attn_window']


def get(cfg: Config, place: str) -> object:
    return reduce(lambda node, key: node[int(key) if key.isdigit() else key], place.split('.'), cfg)


def refusal(name: str, **options: object) -> str:
    cfg = Config.fromfile(CONFIGS / f'{name}.py')
    with pytest.raises(UserInputError) as error:
        merge_options(cfg, dict(options))
        check_config(cfg)
    return str(error.value)


@pytest.mark.parametrize(
    ('name', 'variable', 'places'),
    [
        ('del_unav100', 'num_classes', ['model.head.num_classes', *(f'{loader}.num_classes' for loader in LOADERS)]),
        ('del_anet13', 'num_classes', [f'{loader}.num_classes' for loader in LOADERS]),  # the head has one for all
        ('del_grid', 'window', WINDOWS),  # not the features' windows, which are 1
        ('del_custom', 'window', WINDOWS),
        ('del_custom', 'max_len', ['train_dataloader.dataset.pipeline.2.max_len']),
        (
            *('del_custom', 'data_root'),
            sorted(
                f'{loader}.{key}'
                for loader in LOADERS
                for key in ('ann_file', 'streams.audio.root', 'streams.visual.root')
            ),
        ),
        ('bmn_demo', 'length', [f'{loader}.pipeline.2.length' for loader in LOADERS]),
        ('del_grid', 'dataset.ann_file', [f'{loader}.ann_file' for loader in LOADERS]),
    ],
)
def test_a_variable_of_the_file_stops_with_the_keys_that_hold_it_and_these_take_effect(
    name: str, variable: str, places: list[str]
) -> None:
    message = refusal(name, **{variable: 7})
    assert message.startswith(f'--cfg-options {variable}: {variable.split(".")[0]} is a variable of ')
    assert message.split('; set ')[1].split(', ') == places
    cfg = Config.fromfile(CONFIGS / f'{name}.py')
    merge_options(cfg, dict.fromkeys(places, 7))
    assert {get(cfg, place) for place in places} == {7}


@pytest.mark.parametrize(
    ('name', 'variable', 'environment'),
    [
        ('del_unav100', 'data_root', 'MMDEL_UNAV100_ROOT'),
        ('del_epic100_noun_visual', 'data_root', 'MMDEL_EPIC100_ROOT'),  # three files below
        ('tcanet_demo', 'proposals.proposal_file', 'MMDEL_PROPOSALS'),
        ('mixing/mmaction_bmn_scl', 'data_root', 'ACTIVITYNET_ROOT'),
    ],
)
def test_a_root_stops_with_its_environment_variable(name: str, variable: str, environment: str) -> None:
    assert f'set the environment variable {environment}' in refusal(name, **{variable: 'elsewhere'})


@pytest.mark.parametrize(
    ('option', 'reason'),
    [
        ('modle.head.num_classes', 'no such key; did you mean model?'),
        ('train_cfg.max_epoch', "ResumableTrainLoop takes no 'max_epoch'; did you mean max_epochs?"),
        ('optim_wrapper.optimizer.leanring_rate', "AdamW takes no 'leanring_rate'"),
        ('model.head.nms.sigm', "SegmentNMS takes no 'sigm'; did you mean sigma?"),
        ('train_dataloader.dataset.mising', "EventDataset takes no 'mising'; did you mean missing?"),
        ('train_dataloader.dataset.pipeline.2.max_length', "RandomTemporalCrop takes no 'max_length'"),
        ('param_scheduler.0.ends', "LinearLR takes no 'ends'; did you mean end?"),
        ('auto_scale_lr.enabled', 'auto_scale_lr.enabled: nothing reads it; did you mean enable?'),
        ('param_scheduler.7.end', '--cfg-options does not fit'),
        ('load_from.path', '--cfg-options does not fit'),
    ],
)
def test_a_key_that_nothing_reads_stops_with_the_nearest(option: str, reason: str) -> None:
    message = refusal('del_unav100', **{option: 1})
    assert reason in message


@pytest.mark.parametrize(
    'option',
    [
        'model.head.pre_nms_num',  # an argument that the config leaves to its default
        'train_dataloader.dataset.lazy_init',  # one of a base class, behind **kwargs
        'model.test_cfg.window',  # in a dict that is not there yet
        'model.backbone.align.window_intra',  # in a dict of no part
        'default_hooks.ema.gamma',  # of a part that hands on whatever it gets
        'default_hooks.mine.type',
        'default_hooks.contrast.priority',  # what mmengine takes out before it builds a part
        'param_scheduler.0.convert_to_iter_based',
        'optim_wrapper.constructor',
        'sync_bn',
    ],
)
def test_what_is_read_may_be_new(option: str) -> None:
    cfg = Config.fromfile(CONFIGS / 'del_unav100.py')
    merge_options(cfg, {option: 1})
    assert get(cfg, option) == 1


def test_a_part_is_asked_for_its_new_type_s_arguments() -> None:
    options = {'optim_wrapper.type': 'AmpOptimWrapper', 'optim_wrapper.dtype': 'bfloat16'}
    merge_options(Config.fromfile(CONFIGS / 'del_unav100.py'), options)
    assert "OptimWrapper takes no 'dtype'" in refusal('del_unav100', **{'optim_wrapper.dtype': 'bfloat16'})


def test_all_that_the_runner_reads_is_known() -> None:
    read = set(re.findall(r"\bcfg\.get\(\s*'(\w+)'", inspect.getsource(Runner)))
    assert len(read) > 20 and read <= read_keys()


SCALARS = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text()
VALUES = st.recursive(
    SCALARS,
    lambda item: st.lists(item) | st.lists(item).map(tuple) | st.dictionaries(st.text() | st.integers(), item),
    max_leaves=8,
)


@given(VALUES)
def test_what_python_writes_is_read(value: object) -> None:
    assert parse_value(repr(value)) == value


@given(st.text(alphabet='ab /.-_:%$é', min_size=1).map(str.strip))
def test_a_text_stays_as_it_is_with_its_spaces(text: str) -> None:
    assert parse_value(text) == text


@pytest.mark.parametrize(
    'text',
    [
        *('1', '-2.5', '1e-3', '007', 'inf', 'true', 'False', 'None', 'mmdel.EMA', 'a=b', ''),
        *('1,2,3', 'a,b', 'a,', '[a,b,c]', '[(1,2,3),[a,b],c]', '(0.9,1.0)', '[]', '[true,a]', "['visual']", '(a,)'),
    ],
)
def test_values_are_those_of_mmengine(text: str) -> None:
    parsed, expected = parse_value(text), DictAction._parse_iterable(text)
    assert parsed == expected and type(parsed) is type(expected)


@pytest.mark.parametrize(
    ('text', 'value'),
    [
        ("{'type': 'mmdel.ConcatNeck', '_delete_': True}", dict(type='mmdel.ConcatNeck', _delete_=True)),
        ('[my data/a b, c d]', ['my data/a b', 'c d']),
        ('(1, 2), (3, 4)', [(1, 2), (3, 4)]),
        ("'1'", '1'),
        ("'a, b'", 'a, b'),
        ('{id}_v.npy', '{id}_v.npy'),
        ('{1, 2}', '{1, 2}'),
        ('1+2j', '1+2j'),
        ('a (1', 'a (1'),  # mmengine stops at unbalanced brackets in a list
        ('a (1,b', 'a (1,b'),
        ('1], [2', '1], [2'),
        ('5 # 6', '5 # 6'),
        ("[a, 'b, c']", ['a', 'b, c']),
        ("'a(', b", ['a(', 'b']),
        ("it's, b", ["it's", 'b']),
    ],
)
def test_values_that_mmengine_cannot_read(text: str, value: object) -> None:
    assert parse_value(text) == value


def test_pairs_become_a_dict_and_a_dict_a_part(capsys: pytest.CaptureFixture) -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument('--cfg-options', nargs='+', action=ConfigOptions)
    neck = "model.neck={'type': 'mmdel.ConcatNeck', '_delete_': True}"
    options = parser.parse_args(['--cfg-options', neck, 'a=1', '--cfg-options', 'a=x=y z']).cfg_options
    assert options['a'] == 'x=y z'
    cfg = Config.fromfile(CONFIGS / 'del_unav100.py')
    merge_options(cfg, {key: value for key, value in options.items() if key != 'a'})
    assert cfg.model.neck.to_dict() == dict(type='mmdel.ConcatNeck')
    with pytest.raises(SystemExit):
        parser.parse_args(['--cfg-options', 'a'])
    assert "expected key=value, got 'a'" in capsys.readouterr().err
