"""Reading and writing judgments, runs and query texts in the layouts people have."""
