"""Encoders compiled for inference: no torch, int8 where asked for, weights mapped from disk."""
