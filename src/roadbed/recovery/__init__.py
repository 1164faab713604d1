"""Back up, restore, and go on after a restore without undoing what must stay."""
