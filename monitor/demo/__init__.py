"""The demo: a year of real flights, a model that ages, and stand-ins for the world."""
