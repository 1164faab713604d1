"""What differs between two versions, in words and lines. Pure: all that is compared is given."""
