"""Teach encoders: examples in, a better model folder out."""
