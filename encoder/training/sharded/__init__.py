"""Teach one encoder on many processes: shards, shared negatives, checkpoints by time."""
