"""What all pages share: one look, marks for verdicts, and bars; no script, and nothing from elsewhere."""
