"""Projects: folders of somebody's own releases, specs and fragments, which take all else from the stock."""
