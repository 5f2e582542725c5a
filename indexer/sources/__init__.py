"""Product files and tables, read as a stream of records."""
