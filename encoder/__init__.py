"""Text in, vectors out; knows no products."""
