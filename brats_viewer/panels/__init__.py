"""The parts of the window beside the images; each shows the session and asks it for changes."""
