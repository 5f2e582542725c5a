"""Many texts encoded once and kept."""
