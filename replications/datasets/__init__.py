"""Data sets: TFDS builders, their export to plain arrays, and the procedural world."""
