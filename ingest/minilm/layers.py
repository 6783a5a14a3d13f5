"""The shape of the packaged MiniLM, as far as the graphs and the weights have to agree on it."""

LAYERS = 6
HEADS = 12
# Matrices of a layer as the graphs have them, and what the weights file calls the parts of each.
MATRICES = {
    "attention.self.joint": ("attention.self.query", "attention.self.key", "attention.self.value"),
    "attention.output.dense": ("attention.output.dense",),
    "intermediate.dense": ("intermediate.dense",),
    "output.dense": ("output.dense",),
}
