"""Teach one encoder on many processes: shards, shared negatives, checkpoints by time."""

from ...installed import require_models

require_models("Training an encoder")
