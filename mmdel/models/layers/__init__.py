"""Layers: masked convolution and norms, attention in windows and across streams, scalable-granularity perception."""

from mmdel.models.layers.attention import MaskedSelfAttention, TransformerBlock
from mmdel.models.layers.channel_norm import ChannelLayerNorm
from mmdel.models.layers.conv_attention import ConvAttention, ConvTransformerBlock
from mmdel.models.layers.conv_embedding import ConvEmbedding
from mmdel.models.layers.conv_tower import ConvTower
from mmdel.models.layers.depthwise_conv import DepthwiseConv1d
from mmdel.models.layers.event_aligned_attention import EventAlignedAttention, EventAlignedBlock
from mmdel.models.layers.group_norm import MaskedGroupNorm
from mmdel.models.layers.initialization import start_as_binomial, start_as_truncated_normal, zero_biases
from mmdel.models.layers.masked_conv import MaskedConv1d, downsample_mask, mask_steps
from mmdel.models.layers.max_pool import MaxPoolBlock, masked_max_pool
from mmdel.models.layers.position_encoding import LearnedPosition, add_position, sinusoidal_encoding
from mmdel.models.layers.sgp import SGPBlock, SGPLayer
from mmdel.models.layers.step_conv import StepConv
from mmdel.models.layers.time_blocks import TimeBlocks, reach_of, reaches_of, sum_reaches

__all__ = [
    'ChannelLayerNorm',
    'ConvAttention',
    'ConvEmbedding',
    'ConvTower',
    'ConvTransformerBlock',
    'DepthwiseConv1d',
    'EventAlignedAttention',
    'EventAlignedBlock',
    'LearnedPosition',
    'MaskedConv1d',
    'MaskedGroupNorm',
    'MaskedSelfAttention',
    'MaxPoolBlock',
    'SGPBlock',
    'SGPLayer',
    'StepConv',
    'TimeBlocks',
    'TransformerBlock',
    'add_position',
    'downsample_mask',
    'mask_steps',
    'masked_max_pool',
    'reach_of',
    'reaches_of',
    'sinusoidal_encoding',
    'start_as_binomial',
    'start_as_truncated_normal',
    'sum_reaches',
    'zero_biases',
]
