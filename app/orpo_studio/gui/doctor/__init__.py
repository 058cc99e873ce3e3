"""The data doctor in the window: it examines the chosen pairs in the background and shows what it found."""
