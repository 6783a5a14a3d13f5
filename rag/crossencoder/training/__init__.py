"""How the weights of the cross-encoder are made: examples, network, training, export. Not needed to use them."""
