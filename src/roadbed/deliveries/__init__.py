"""The way out: an outbox written with the decision, and the relay that alone sends."""
