"""Filters: parsed once from SQL, evaluated on columns, never turned into SQL text."""
