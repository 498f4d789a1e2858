"""The docs, and what writes their generated parts."""
