"""Figures about the product: how good the search, the answers and the check are on labelled data."""
