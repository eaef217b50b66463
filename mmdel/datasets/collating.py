"""From packed videos to a batch, in the process that loads them."""

from __future__ import annotations

from collections.abc import Sequence

from mmdel.registry import FUNCTIONS
from mmdel.structures import StreamBatch
from mmdel.utils.errors import UserInputError


@FUNCTIONS.register_module()
def collate_videos(videos: Sequence[dict]) -> dict:
    """Packed videos → ``dict(inputs=StreamBatch, data_samples=[…])``.

    Between processes each tensor costs a file and a connection: a batch has one for each stream and the mask.

    Raises:
        UserInputError: If the streams of a video differ in length.
    """
    features = {name: [video['inputs'][name] for video in videos] for name in videos[0]['inputs']}
    try:
        inputs = StreamBatch.pad(features)
    except ValueError as error:
        raise UserInputError(str(error)) from error
    return dict(inputs=inputs, data_samples=[video['data_samples'] for video in videos])
