"""One small cross-encoder that reads two texts together: a claim with its evidence, or a question with a passage.

`inputs` turns texts into tokens, `runtime` runs the shipped weights, `training` makes them.
"""
