"""What every room may use: ids, clock, errors, settings. No I/O."""
