"""The texts of the catalogue, by who says them: each key with its English and Russian text."""
