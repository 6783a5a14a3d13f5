"""Question answering over a store: retrieve, generate, check every claim against the text it cites."""
