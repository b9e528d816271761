"""Reading a database: the way to it, what its columns are, and its rows as Arrow."""
