"""The command `fervid`. Each part of it loads when it is called, so that `fervid --help` is quick."""

from __future__ import annotations

import os
import sys
import traceback
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import click
from click.exceptions import Exit

from fervid.pipeline.errors import ConfigError, FervidError, StageError, plain, sentence

EPILOG = """
Exit codes: 0 done, 1 an unknown fault, 2 the command or the YAML, 3 some inputs of a batch, 4 the input,
5 an output, 6 the weights, 7 a stage; 128 + the signal when one ended it.

\b
Completion for your shell:
  eval "$(_FERVID_COMPLETE=bash_source fervid)"
"""

CHECKPOINT = "Each so many seconds of video, keep beside the first output all that --resume needs to go on there."


class App(click.Group):
    """Commands in the order of their use; errors as one line."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """As written in this file."""
        return list(self.commands)

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command; explain what it raises."""
        try:
            return super().invoke(ctx)
        except (click.ClickException, Exit, click.Abort, BrokenPipeError):
            raise
        except KeyboardInterrupt:
            click.echo("fervid: stopped", err=True)
            ctx.exit(130)
        except SystemExit as error:
            ctx.exit(explain(StageError(f"a stage raised SystemExit: {error}")))
        except Exception as error:
            ctx.exit(explain(error))


def explain(error: Exception) -> int:
    """Say on stderr what went wrong, in one line where fervid knows; return the exit code."""
    debug = bool(os.environ.get("FERVID_DEBUG"))
    if debug:
        traceback.print_exception(error)
    raised = error.__cause__ if isinstance(error, StageError) else error
    unexplained = not isinstance(raised, FervidError | ImportError | MemoryError)
    hint = " (FERVID_DEBUG=1 shows where)" if unexplained and not debug else ""
    with suppress(OSError):
        click.echo(f"fervid: {plain(sentence(error))}{hint}", err=True)
    return error.exit_code if isinstance(error, FervidError) else 1


def _settings(command: Callable[..., Any]) -> Callable[..., Any]:
    return click.option(
        "--set", "-s", "settings", multiple=True, metavar="STAGE.OPTION=VALUE", help="Put a value over the YAML's."
    )(command)


def _overwrite(command: Callable[..., Any]) -> Callable[..., Any]:
    how = "Replace outputs that fervid did not make, or made from another input, too."
    return click.option("--overwrite", is_flag=True, help=how)(command)


def _overrides(settings: tuple[str, ...]) -> dict[str, Any]:
    from fervid.pipeline.configuration.overrides import setting

    return dict(setting(text) for text in settings)


def _plugins(command: Callable[..., Any]) -> Callable[..., Any]:
    return click.option(
        "--plugin", "plugins", multiple=True, metavar="MODULE|FILE.py", help="Include stages of your own."
    )(command)


def _tell(line: str) -> None:
    click.secho(f"fervid: {line}", fg="yellow", err=True)


def _load(plugins: tuple[str, ...]) -> None:
    from fervid.pipeline.configuration.plugins import load_plugin

    for plugin in plugins:
        load_plugin(plugin, Path())


@click.group(cls=App, epilog=EPILOG, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(package_name="fervid", message="%(prog)s %(version)s")
def app() -> None:
    """Read emotions from faces in video, through pipelines written in YAML.

    Start with `fervid run demo`, then `fervid run file talk.mp4`.
    """


@app.command()
@click.argument("config")
@click.argument("inputs", nargs=-1, metavar="[INPUT]")
@_settings
@click.option("--checkpoint", type=click.FloatRange(0, min_open=True), metavar="SECONDS", help=CHECKPOINT)
@click.option("--resume", is_flag=True, help="Go on where the same run was last kept; begin where nothing was.")
@click.option("--restart", is_flag=True, help="Like --resume, but begin anew where what was kept is of another run.")
@_overwrite
@click.option("--profile", is_flag=True, help="Print what each stage cost.")
@click.option("--quiet", "-q", is_flag=True, help="Print only what went wrong.")
def run(
    config: str,
    inputs: tuple[str, ...],
    settings: tuple[str, ...],
    checkpoint: float | None,
    resume: bool,
    restart: bool,
    overwrite: bool,
    profile: bool,
    quiet: bool,
) -> None:
    """Run a pipeline from its source to its last sink.

    CONFIG is a YAML file such as talks.yaml or ./talks, or the name of one that fervid ships, such as demo, file or
    webcam. INPUT is what its source shall read: a file, a folder, a device or a URL.

    Ctrl-C ends it in order: a camera's outputs are complete then; of a file, what was made so far is kept under names
    with `.partial`, or with --checkpoint as --resume needs it. A second Ctrl-C ends it at once.

    The outputs of an earlier run over the same input are replaced; what fervid did not make, or made from another
    input, only with --overwrite.

    With --checkpoint 60 --resume, a run that was ended in any way goes on from its last whole minute of video when the
    same command is given again, and its outputs are those of a run that was never ended.
    """
    from fervid.pipeline.checkpoint import Wish
    from fervid.pipeline.configuration.config import load, locate
    from fervid.pipeline.configuration.inputs import feed
    from fervid.pipeline.run import Pipeline
    from fervid.pipeline.terminal import session

    if len(inputs) > 1:
        raise ConfigError(f"run takes one input, not {len(inputs)}; `fervid batch` takes many")
    written = load(locate(config), _overrides(settings))
    for given in inputs:
        feed(written, given)
    wish = Wish(checkpoint, resume or restart, restart)
    pipeline = Pipeline(
        written.build(wish.asked), threads=written.threads, profile=profile, keep=wish, overwrite=overwrite
    )
    raise Exit(session.run(pipeline, quiet=quiet))


@app.command()
@click.argument("config")
@click.argument("inputs", nargs=-1, required=True)
@click.option("--out", required=True, type=click.Path(file_okay=False, path_type=Path), help="Where all outputs go.")
@click.option("--jobs", "-j", type=click.IntRange(1), help="Inputs at a time; half of the cores if not given.")
@click.option("--skip-done", is_flag=True, help="Leave out inputs whose outputs are all there.")
@_overwrite
@_settings
@click.option("--quiet", "-q", is_flag=True, help="Print only what went wrong.")
def batch(
    config: str,
    inputs: tuple[str, ...],
    out: Path,
    jobs: int | None,
    skip_done: bool,
    overwrite: bool,
    settings: tuple[str, ...],
    quiet: bool,
) -> None:
    """Run a pipeline over many inputs.

    INPUTS are files, folders (the videos in them, at any depth) and patterns such as "talks/*.mp4". One that fails does
    not stop the others; the exit code is 3 then.

    Outputs have the names of their inputs, through {name} in the YAML. Inside of --out the folders are those below
    the deepest folder that holds all INPUTS. They replace what was made of the same input before; anything else that
    lies there stays, unless --overwrite is given. Inputs of one name keep their endings, or get a
    hash behind it.
    """
    from fervid.pipeline.configuration.config import locate
    from fervid.pipeline.terminal import session

    planned = session.plan(locate(config), _overrides(settings), inputs, out, overwrite=overwrite, quiet=quiet)
    if skip_done:
        left = [job for job in planned if not job.done]
        if not quiet:
            are = "input is" if len(planned) == 1 else "inputs are"
            click.echo(f"fervid: {len(planned) - len(left)} of {len(planned)} {are} done already", err=True)
        planned = left
    if not planned:
        return
    raise Exit(session.batch(planned, jobs or max(1, (os.cpu_count() or 1) // 2), out, quiet=quiet))


@app.command()
@click.argument("config")
@_settings
@click.option("--checkpoint", type=click.FloatRange(0, min_open=True), metavar="SECONDS", help="Can it be kept?")
@click.option(
    "--json", "as_json", is_flag=True, help="Print the mistakes as a list with their places; [] if there are none."
)
def validate(config: str, settings: tuple[str, ...], checkpoint: float | None, as_json: bool) -> None:
    """Check a pipeline without opening a camera, a file or a model, and say all that is wrong."""
    import json

    from fervid.pipeline.configuration.config import load, locate
    from fervid.pipeline.stage import in_vain

    try:
        path = locate(config)
        stages = load(path, _overrides(settings)).build(asked="--checkpoint" if checkpoint else "")
    except ConfigError as error:
        if not as_json:
            raise
        click.echo(json.dumps([mistake.plain() for mistake in error.mistakes], indent=2))
        raise Exit(error.exit_code) from None
    if as_json:
        click.echo("[]")
        return
    count = f"{len(stages)} stage{'s' if len(stages) > 1 else ''}"
    click.echo(f"{path}: ok, {count}: {' -> '.join(stage.name for stage in stages)}")
    if warning := in_vain(stages):
        click.echo(f"fervid: {warning}", err=True)


@app.group()
def config() -> None:
    """See what a pipeline comes to."""


@config.command("show")
@click.argument("config")
@_settings
def show_config(config: str, settings: tuple[str, ...]) -> None:
    """Print a pipeline with all its options, defaults included and secrets left out."""
    from fervid.pipeline.configuration.config import load, locate, text

    click.echo(text(load(locate(config), _overrides(settings))), nl=False)


@app.group()
def stages() -> None:
    """Learn which stages there are."""


@stages.command("list")
@_plugins
def list_stages(plugins: tuple[str, ...]) -> None:
    """Name each stage with one line on what it is for."""
    from fervid.pipeline.stage import gain
    from fervid.pipeline.terminal.catalogue import rooms

    _load(plugins)
    for room, classes in rooms(_tell).items():
        if classes:
            click.secho(room, bold=True)
        for cls in classes:
            click.echo(f"  {cls.name:<14} {gain(cls)}")


@stages.command("show")
@click.argument("name")
@_plugins
def show_stage(name: str, plugins: tuple[str, ...]) -> None:
    """Tell all about a stage: its options, what it needs and gives, an example."""
    from fervid.pipeline.terminal.catalogue import page

    _load(plugins)
    click.echo(page(name))


@app.command("new-stage")
@click.argument("name")
@click.option("--dir", "folder", default=".", type=click.Path(file_okay=False, path_type=Path), help="Where to write.")
@click.option(
    "--column", metavar="NAME", help="Let it give each face a value, which is a column of this name in the CSV."
)
def new_stage(name: str, folder: Path, column: str | None) -> None:
    """Begin a stage of your own: NAME.py and its test, which passes at once."""
    from fervid.pipeline.terminal.scaffold import write

    stage, test = write(name, folder, column)
    click.echo(
        f"{stage} and {test} are written. Try them (pytest comes by `pip install pytest`):\n\n"
        f"  pytest {test}\n\nand use the stage in a YAML beside it:\n"
    )
    click.echo(
        f"plugins: [{stage.name}]\nstages:\n  - demo\n  - detect\n  - {name}\n"
        + (f"  - draw: {{show: [{column}]}}\n  - csv: {{path: {name}.csv}}\n" if column else "  - draw\n")
        + f"  - video: {{path: {name}.mp4}}"
    )


@app.command()
@click.option("--out", type=click.Path(dir_okay=False, path_type=Path), help="Write to this file, not to the terminal.")
@_plugins
def schema(out: Path | None, plugins: tuple[str, ...]) -> None:
    """Print the JSON Schema of a pipeline, with which editors complete and check the YAML.

    Save it and write as the first line of a YAML:

    # yaml-language-server: $schema=fervid.schema.json
    """
    import json

    from fervid.pipeline.configuration.schema import save
    from fervid.pipeline.configuration.schema import schema as describe
    from fervid.pipeline.terminal.catalogue import rooms

    _load(plugins)
    known = (cls for classes in rooms(_tell).values() for cls in classes)
    text = json.dumps(describe(known, _tell), indent=2) + "\n"
    if out is None:
        click.echo(text, nl=False)
        return
    save(text, out)


@app.group()
def models() -> None:
    """See networks and their weights, and export them."""


@models.command("list")
def list_models() -> None:
    """Name the networks that can be trained, and the weights that ship."""
    from fervid.models import zoo

    click.secho("networks", bold=True)
    for name in zoo.networks.names():
        click.echo(f"  {name:<14} {zoo.gain(name)}")
    click.secho("weights", bold=True)
    for name, path in zoo.shipped().items():
        click.echo(f"  {name:<14} {path}")


@models.command("show")
@click.argument("name")
@click.option("--json", "whole", is_flag=True, help="Print all that the card holds, hashes and recipe included.")
def show_model(name: str, whole: bool) -> None:
    """Tell of weights how well they do, what they learned from, what not to use them for.

    NAME is one of `fervid models list`, or the path of a .safetensors, .onnx or .pth file.
    """
    import json
    from dataclasses import asdict

    from fervid.models.card import load_card
    from fervid.models.foreign import conversion
    from fervid.models.summary import summary

    path = conversion.weights(name)
    card = load_card(path)
    if whole:
        click.echo(json.dumps(asdict(card), indent=2, ensure_ascii=False))
        return
    click.echo(f"{summary(path, card)}\n\n  The whole card: fervid models show {name} --json")


@models.command("fetch")
@click.argument("_what", metavar="detector", type=click.Choice(["detector"]))
@click.option(
    "--wheel",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Take them out of this wheel of mediapipe 0.10.21, and use no network.",
)
def fetch_model(_what: str, wheel: Path | None) -> None:
    """Fetch the networks that find faces, where no mediapipe brings them: from Python 3.13 on.

    pip gets the wheel of mediapipe 0.10.21 (35 MB) from your package index, as it is set up on your machine. The
    networks (1 MB) are taken out of it, checked by their SHA-256, and kept in the folder fervid/detector of
    XDG_DATA_HOME, which is ~/.local/share. Nothing is fetched where they are there.
    """
    from fervid.stages.faces.detection import fetch, files

    there = None if wheel else files.there()
    click.echo(f"The face detectors are in {there or (files.keep(wheel) if wheel else fetch.fetch())}.")


@models.command("export")
@click.argument("name")
@click.option("--format", "_format", type=click.Choice(["onnx"]), default="onnx", show_default=True)
@click.option("--int8", is_flag=True, help="8-bit integers: faster and smaller, a little less accurate. Needs --faces.")
@click.option("--faces", metavar="CONFIG", help="A pipeline that gives labelled faces, such as one with fer2013.")
@click.option("--out", type=click.Path(dir_okay=False, path_type=Path), help="NAME.onnx or NAME.int8.onnx here else.")
@_settings
@_plugins
def export_model(
    name: str,
    _format: str,
    int8: bool,
    faces: str | None,
    out: Path | None,
    settings: tuple[str, ...],
    plugins: tuple[str, ...],
) -> None:
    """Write weights as ONNX, and check that they still say the same."""
    from fervid.models.export.onnx import export_onnx
    from fervid.pipeline.configuration.config import locate
    from fervid.pipeline.run import Pipeline

    _load(plugins)
    path = out or Path(f"{Path(name).stem.removesuffix('.int8')}{'.int8' if int8 else ''}.onnx")
    frames = Pipeline.load(locate(faces), _overrides(settings)) if faces else ()
    made = export_onnx(name, path, int8, frames)
    default = next(iter(made.answers.values()))
    click.echo(f"{made.path}: the same label on {default.agreement:.2%} of {made.faces} faces")
    click.echo(f"largest difference of a probability: {made.difference:.2g}")
    if accuracy := default.accuracy_before_and_after:
        click.echo(f"accuracy: {accuracy[0]:.2%} before, {accuracy[1]:.2%} now")
    if int8:
        click.echo(f"emotions {'takes' if made.lost_nothing else 'does not take'} it by itself")


@app.command()
def doctor() -> None:
    """Say what is installed, what is missing and what to do about it."""
    from fervid.pipeline.terminal.doctor import examine

    well = True
    for finding in examine():
        colour, mark = {True: ("green", "ok"), False: ("red", "NO"), None: ("yellow", "--")}[finding.fine]
        click.secho(f"{mark}  ", fg=colour, nl=False)
        click.echo(f"{finding.what:<18} {finding.found}")
        if finding.advice:
            click.echo(f"    {'':<18} {finding.advice}")
        well = well and finding.fine is not False
    click.echo("fervid can run." if well else "fervid cannot run as it should: see the lines that begin with NO.")
    raise Exit(0 if well else 1)


def main() -> None:
    """Start here."""
    from fervid.pipeline.terminal.streams import open_streams, told_elsewhere

    open_streams()
    sys.excepthook = told_elsewhere
    app(prog_name="fervid")
