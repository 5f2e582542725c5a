"""Attention over long texts: full, exact in segments, and dynamic in segments.

Every function takes q, k, v of (batch, heads, length, head_dim) and a key mask of
(batch, length), True where there is a token, and returns the shape of q. What it returns for
places of padding means nothing.
"""

from .dynamic import dynamic_segments
from .exact import exact_segments
from .full import full_attention

__all__ = ["dynamic_segments", "exact_segments", "full_attention"]
