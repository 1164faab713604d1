"""Tasks come in: checked against the use case's input, tossed for the sample, made durable."""
