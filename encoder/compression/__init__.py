"""Make encoders smaller and faster: fewer layers, narrower layers, 8-bit numbers."""
