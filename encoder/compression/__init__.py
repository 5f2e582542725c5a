"""Make encoders smaller and faster: fewer layers, narrower layers, 8-bit numbers."""

from ..installed import require_models

require_models("Compressing an encoder")
