"""What is right: the content that is proposed, and the scorers that hold it against the truth."""
