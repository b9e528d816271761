"""Other systems' own rules, one system a file: loud, and only on request."""
