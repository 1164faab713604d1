"""What a use case is doing: rates, volumes, what waits, what is proven."""
