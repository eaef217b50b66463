"""``python -m mmdel`` is the command ``mmdel``."""

from mmdel_cli import main

main()
