"""Errors as sentences for the person who wrote the YAML; each kind has its exit code."""


class FervidError(Exception):
    """Base of all errors that fervid explains in one line; `exit_code` tells a shell which kind it was."""

    exit_code = 1


class ConfigError(FervidError):
    """The YAML, an option or an override is wrong; nothing was loaded or written."""

    exit_code = 2


class InputError(FervidError):
    """A source cannot be read, or what it holds is not what it should be."""

    exit_code = 4


class OutputError(FervidError):
    """A sink cannot write where it was told to."""

    exit_code = 5


class ModelError(FervidError):
    """Weights are missing, damaged, hostile or of another network."""

    exit_code = 6


class StageError(FervidError):
    """A stage raised something that is no FervidError: a fault in the stage, most often in a plugin."""

    exit_code = 7
