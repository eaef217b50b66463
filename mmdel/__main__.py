"""``python -m mmdel`` is the command ``mmdel``."""

from mmdel.commands import main

main()
