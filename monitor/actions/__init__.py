"""Who is told, and what is started: one file a kind of action, none aware of others."""
