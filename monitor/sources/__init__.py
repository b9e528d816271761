"""Where rows come from: one file a kind of source, none aware of the others."""
