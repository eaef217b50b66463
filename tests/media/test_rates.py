from __future__ import annotations

import math

import pytest

from mmdel.media.rates import PictureRate, SoundRate
from mmdel.utils.errors import UserInputError


@pytest.mark.parametrize(
    ('wrong', 'name'),
    [
        (dict(fps=0), 'fps'),
        (dict(fps=math.nan), 'fps'),
        (dict(fps=10**6), 'fps'),
        (dict(height=0), 'height'),
        (dict(width=60_000), 'width'),
        (dict(fit='squeeze'), 'fit'),
    ],
)
def test_what_no_picture_can_have_is_named(wrong, name):
    with pytest.raises(UserInputError, match=f'^{name} of pictures must be .*, got '):
        PictureRate(**(dict(fps=8, height=36, width=48) | wrong))


@pytest.mark.parametrize('hz', [0, -8000, 0.5, 10**7, 16000.5])
def test_what_no_sound_can_have_is_named(hz):
    with pytest.raises(UserInputError, match=r'^hz of sound must be a whole number .*, got '):
        SoundRate(hz)
