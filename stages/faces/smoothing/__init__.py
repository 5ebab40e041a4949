"""The mathematics of steady scores; knows no frames."""
