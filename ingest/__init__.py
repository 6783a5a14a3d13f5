"""Ingestion: a folder of documents becomes a store of chunks with vectors and a full-text index."""
