"""A decider that asks a language model, and the pure parts it is made of."""
