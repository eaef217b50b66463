import pytest
from mmengine.registry import Registry

from mmdel.utils.derived import build_derived

PARTS = Registry('part', locations=['mmdel'])


@PARTS.register_module()
class Plain:
    def __init__(self, width, depth=1):
        self.got = dict(width=width, depth=depth)


@PARTS.register_module()
class Wider(Plain):
    def __init__(self, factor=2, **kwargs):
        super().__init__(**kwargs)
        self.factor = factor


@PARTS.register_module()
class Closed(Plain):
    def __init__(self):
        super().__init__(width=7)


@pytest.mark.parametrize('kind', ['Plain', Plain, 'Wider'])
def test_what_the_constructor_takes_is_filled_in(kind):
    cfg = dict(type=kind, depth=3)
    part = build_derived(PARTS, 'neck', cfg, width=5, depth=None, colour='red')
    assert part.got == dict(width=5, depth=3) and cfg == dict(type=kind, depth=3)


def test_a_constructor_that_takes_nothing_gets_nothing():
    assert build_derived(PARTS, 'neck', dict(type='Closed'), width=5).got == dict(width=7, depth=1)


def test_what_the_config_says_must_agree():
    assert build_derived(PARTS, 'neck', dict(type='Plain', width=5), width=5).got['width'] == 5
    with pytest.raises(ValueError, match=r'neck\.width is 4 in the config, but 5 follows'):
        build_derived(PARTS, 'neck', dict(type='Plain', width=4), width=5)


def test_an_unknown_part_is_the_registrys_error():
    with pytest.raises(KeyError, match='Nothing is not in'):
        build_derived(PARTS, 'neck', dict(type='Nothing'), width=5)
