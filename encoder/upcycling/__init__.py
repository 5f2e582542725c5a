"""Make a V3 model of a dense one."""
