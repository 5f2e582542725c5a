"""Products in, a searchable generation out."""
