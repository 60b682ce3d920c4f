"""Questions to the person and things to read, each in a window of its own that never blocks the others' work."""
