"""The subcommands of `rag`, one module for each family: its options and what it does."""
