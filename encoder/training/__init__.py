"""Train encoders: examples in, a better model folder out, on one process or many."""
