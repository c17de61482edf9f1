"""Gates: checks of finished artifacts that stop a cut."""
