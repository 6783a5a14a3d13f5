"""How the weights of the checker were made: one command for each set of weights. Nothing here runs when answers are checked."""
