"""The packaged all-MiniLM-L6-v2 without torch: its weights from their package, its graphs from here."""
