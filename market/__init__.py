"""What is traded and how deals are struck."""
