"""The command `fervid`. Each part of it loads when it is called, so that `fervid --help` is quick."""

from __future__ import annotations

import os
import sys
import traceback
from collections.abc import Callable
from typing import Any

import click

from fervid.pipeline.errors import FervidError, StageError

EPILOG = """
Exit codes: 0 done, 1 an unknown fault, 2 the command or the YAML, 3 some inputs of a batch, 4 the input,
5 an output, 6 the weights, 7 a stage; 128 + the signal when one ended it.

\b
Completion for your shell:
  eval "$(_FERVID_COMPLETE=bash_source fervid)"
"""


class App(click.Group):
    """Commands in the order of their use; errors as one line."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """As written in this file."""
        return list(self.commands)

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command; explain what it raises."""
        try:
            return super().invoke(ctx)
        except (click.ClickException, click.exceptions.Exit, click.Abort, BrokenPipeError):
            raise
        except KeyboardInterrupt:
            click.echo("fervid: stopped", err=True)
            ctx.exit(130)
        except Exception as error:
            ctx.exit(explain(error))


def explain(error: Exception) -> int:
    """Say on stderr what went wrong, in one line where fervid knows; return the exit code."""
    debug = bool(os.environ.get("FERVID_DEBUG"))
    if debug:
        traceback.print_exception(error)
    message = str(error) if isinstance(error, FervidError) else _unknown(error)
    raised = error.__cause__ if isinstance(error, StageError) else error
    unexplained = not isinstance(raised, FervidError | ImportError | MemoryError)
    hint = " (FERVID_DEBUG=1 shows where)" if unexplained and not debug else ""
    click.echo(f"fervid: {message}{hint}", err=True)
    return error.exit_code if isinstance(error, FervidError) else 1


def _unknown(error: Exception) -> str:
    from fervid.pipeline.errors import redact
    from fervid.pipeline.libraries import missing_library

    if isinstance(error, MemoryError):
        return "out of memory"
    missing = missing_library(error) if isinstance(error, ImportError) else None
    return missing or redact(f"{type(error).__name__}: {error}")


def _settings(command: Callable[..., Any]) -> Callable[..., Any]:
    return click.option(
        "--set", "-s", "settings", multiple=True, metavar="STAGE.OPTION=VALUE", help="Put a value over the YAML's."
    )(command)


def _overrides(settings: tuple[str, ...]) -> dict[str, Any]:
    from fervid.pipeline.config import setting

    return dict(setting(text) for text in settings)


@click.group(cls=App, epilog=EPILOG, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(package_name="fervid", message="%(prog)s %(version)s")
def app() -> None:
    """Read emotions from faces in video, through pipelines written in YAML.

    Start with `fervid run demo`, then `fervid run file --set file.path=talk.mp4`.
    """


@app.command()
@click.argument("config")
@_settings
@click.option("--profile", is_flag=True, help="Print what each stage cost.")
@click.option("--quiet", "-q", is_flag=True, help="Print only what went wrong.")
def run(config: str, settings: tuple[str, ...], profile: bool, quiet: bool) -> None:
    """Run a pipeline from its source to its last sink.

    CONFIG is a YAML file, or the name of one that fervid ships, such as demo, file or webcam.

    Ctrl-C ends it in order: a camera's outputs are complete then; of a file, what was made so far is kept under names
    with `.partial`. A second Ctrl-C ends it at once.
    """
    from fervid.pipeline import session
    from fervid.pipeline.config import locate
    from fervid.pipeline.run import Pipeline

    pipeline = Pipeline.load(locate(config), _overrides(settings), profile=profile)
    sys.exit(session.run(pipeline, quiet=quiet))


@app.command()
@click.argument("config")
@_settings
def validate(config: str, settings: tuple[str, ...]) -> None:
    """Check a pipeline without opening a camera, a file or a model."""
    from fervid.pipeline.config import load, locate

    path = locate(config)
    stages = load(path, _overrides(settings)).build()
    count = f"{len(stages)} stage{'s' if len(stages) > 1 else ''}"
    click.echo(f"{path}: ok, {count}: {' -> '.join(stage.name for stage in stages)}")


def main() -> None:
    """Start here."""
    app(prog_name="fervid")
