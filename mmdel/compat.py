"""What the published torch, mmengine and mmaction2 wheels need to work together."""


def apply() -> None:
    """Apply every repair that this installation needs; called once by ``import mmdel``."""
