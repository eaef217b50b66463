"""mmdel: dense audio-visual event localization for MMAction2."""

from mmdel import compat as _compat

__version__ = '0.1.0'

_compat.apply()
