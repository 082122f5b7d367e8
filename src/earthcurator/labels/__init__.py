"""What people said of chips, read: states, progress, agreement, and one answer for each chip. Pure functions."""
