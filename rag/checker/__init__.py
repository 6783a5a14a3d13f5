"""Check claims against the text they cite: deterministic gates and a support score, neither of which can save the other."""
