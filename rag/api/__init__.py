"""The HTTP API: thin routes over `rag.pipeline`."""
