"""Quality of the data as it arrived: one question a file."""
