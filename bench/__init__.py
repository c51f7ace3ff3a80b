"""What the server costs, beside the least it could cost."""
