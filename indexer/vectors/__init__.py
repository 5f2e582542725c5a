"""Nearest neighbours by FAISS."""
