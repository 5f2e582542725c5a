"""Models run by torch, on a CPU or a GPU."""
