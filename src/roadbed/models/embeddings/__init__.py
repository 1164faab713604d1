"""Embeddings: texts as vectors of unit length, from a local model or from an endpoint."""
