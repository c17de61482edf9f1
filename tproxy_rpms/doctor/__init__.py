"""What a release needs of the host, looked at before anything is built: each finding with its cure."""
