"""Chat servers that are not there, in their dialects over real HTTP; documents that try to take a model over."""
