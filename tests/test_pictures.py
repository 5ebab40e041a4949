"""The pictures sink: each picture under a name of its own, whole or absent, and nobody's picture replaced."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import cv2
import footage
import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image

from fervid.pipeline import Frame, Frames, Pipeline, Source
from fervid.pipeline.checkpoint import Wish
from fervid.pipeline.errors import ConfigError, OutputError
from fervid.pipeline.terminal.cli import app
from fervid.stages.sinks.pictures import Pictures

CHAIN = "stages: [images, pictures]"


def paint(folder: Path, *names: str, size: tuple[int, int] = (20, 30)) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for number, name in enumerate(names):
        cv2.imwrite(str(folder / name), np.full((*size, 3), (40 * number + 20) % 256, np.uint8))
    return folder


def run(inputs: Path, out: str, chain: str = CHAIN, **options: object) -> Pipeline:
    source = "file.path" if "file" in chain else "images.path"
    settings = {source: str(inputs), "pictures.path": out}
    pipeline = Pipeline.parse(chain, {**settings, **{f"pictures.{key}": value for key, value in options.items()}})
    for _ in pipeline:
        pass
    return pipeline


def names(folder: Path, pattern: str = "*") -> list[str]:
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob(pattern) if path.is_file())


@pytest.mark.parametrize("suffix", ["jpg", "jpeg", "JPG", "png", "webp"])
def test_a_folder_in_a_folder_out(tmp_path: Path, suffix: str) -> None:
    photos = paint(tmp_path / "photos", "कि.jpg", "b 2.PNG", "c.bmp")
    before = [(photos / name).read_bytes() for name in names(photos)]
    pipeline = run(photos, f"{tmp_path}/out/{{name}}.{suffix}")
    made = [f"b 2.{suffix}", f"c.{suffix}", f"कि.{suffix}"]
    assert names(tmp_path / "out") == [*made[:2], f"photos.{suffix}.json", made[2]]
    assert sorted(path.name for path in pipeline.run.outputs) == names(tmp_path / "out")
    pixels = [cv2.imdecode(np.fromfile(tmp_path / "out" / name, np.uint8), cv2.IMREAD_COLOR) for name in made]
    assert [image.shape for image in pixels] == [(20, 30, 3)] * 3
    assert [int(image[9, 9, 0]) for image in pixels] == pytest.approx([60, 100, 20], abs=2)
    assert [(photos / name).read_bytes() for name in names(photos)] == before


def test_pictures_that_differ_in_their_ending_keep_it_and_others_get_a_number(tmp_path: Path) -> None:
    paint(tmp_path / "p" / "1", "a.jpg", "a.png")
    paint(tmp_path / "p" / "2", "A.jpg")
    run(tmp_path / "p" / "*" / "*", f"{tmp_path}/out/{{name}}.png")
    assert names(tmp_path / "out", "*.png") == ["A_000002.png", "a.png", "a.png.png"]


def test_frames_of_a_video_are_numbered(tmp_path: Path) -> None:
    clip = footage.make(tmp_path / "talk.mp4", seconds=0.12, size="64x48")
    run(clip, f"{tmp_path}/out/{{name}}.jpg", "stages: [file, pictures]")
    assert names(tmp_path / "out", "*.jpg") == ["talk_000000.jpg", "talk_000001.jpg", "talk_000002.jpg"]
    run(clip, f"{tmp_path}/out/still.jpg", "stages: [file, pictures]")
    assert names(tmp_path / "out" / "still") == ["000000.jpg", "000001.jpg", "000002.jpg"]


def test_one_picture_has_the_very_name(tmp_path: Path) -> None:
    photo = paint(tmp_path / "photos", "group.v2.jpg") / "group.v2.jpg"
    run(photo, f"{tmp_path}/out/{{name}}.png")
    run(photo, f"{tmp_path}/out/x.png")
    assert names(tmp_path / "out") == ["group.v2.png", "x.png"]


def test_faces_are_drawn(tmp_path: Path) -> None:
    chain = "stages: [demo: {frames: 1}, detect, draw, pictures: {path: '%s'}]"
    for _ in Pipeline.parse(chain % f"{tmp_path}/{{name}}.png"):
        pass
    clean = next(iter(Pipeline.parse("stages: [demo: {frames: 1}]"))).image
    assert (cv2.imread(str(tmp_path / "demo.png")) != clean).any()


def test_in_a_batch_each_folder_and_each_picture_has_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    paint(Path("in/p1"), "a.jpg", "b.jpg")
    paint(Path("in/p2"), "a.jpg", "b.jpg")
    paint(Path("in"), "alone.jpg")
    Path("a.yaml").write_text(
        "stages: [images: {path: x}, draw, pictures: {path: 'x/{name}.jpg'}]".replace("draw, ", "")
    )
    command = ["batch", "a.yaml", "in/p1", "in/p2", "in/alone.jpg", "--out", "out"]
    assert CliRunner().invoke(app, command).exit_code == 0
    assert names(Path("out"), "*.jpg") == ["alone.jpg", "p1/a.jpg", "p1/b.jpg", "p2/a.jpg", "p2/b.jpg"]
    assert CliRunner().invoke(app, [*command, "--skip-done"]).stderr == "fervid: 3 of 3 inputs are done already\n"
    Path("out/p1.jpg.json").unlink()
    again = CliRunner().invoke(app, [*command, "--skip-done"])
    assert again.stderr.startswith("fervid: 2 of 3 inputs are done already\n")
    assert again.exit_code == 0


def test_the_page_says_what_made_them_and_whether_all_are_there(tmp_path: Path) -> None:
    photos, page = paint(tmp_path / "photos", "a.jpg", "b.jpg", "c.jpg"), tmp_path / "out" / "photos.jpg.json"
    run(photos, f"{tmp_path}/out/{{name}}.jpg")
    told = json.loads(page.read_text())
    assert (told["complete"], told["pictures"], told["input"]["name"]) == (True, 3, "photos")
    settings = {"images.path": str(photos), "pictures.path": f"{tmp_path}/out/{{name}}.jpg"}
    pipeline = Pipeline.parse(f"{CHAIN}\nthreads: false", settings)
    for _ in pipeline:
        assert not page.exists()
        pipeline.stop()
    told = json.loads(page.with_name("photos.jpg.partial.json").read_text())
    assert (told["complete"], told["pictures"], page.exists()) == (False, 1, False)


@pytest.mark.parametrize("name", ["{name}.jpg", "{name}_seen.jpg"])
def test_nothing_is_written_among_the_pictures_that_are_read(tmp_path: Path, name: str) -> None:
    photos = paint(tmp_path / "photos", "a.jpg", "b.jpg")
    with pytest.raises(OutputError, match="would lie among the pictures that are read; write to another folder"):
        run(photos, f"{photos}/{name}")
    assert names(photos) == ["a.jpg", "b.jpg"]


def test_no_picture_of_the_input_is_replaced(tmp_path: Path) -> None:
    photos = paint(tmp_path / "photos", "a.jpg", "b.jpg")
    before = (photos / "a.jpg").read_bytes()
    with pytest.raises(OutputError, match=r"a\.jpg: is there, and fervid did not make it; write to another name"):
        run(photos / "a.jpg", f"{photos}/{{name}}.jpg")
    assert ((photos / "a.jpg").read_bytes(), names(photos)) == (before, ["a.jpg", "b.jpg"])
    run(photos / "a.jpg", f"{photos}/{{name}}_seen.jpg")
    assert names(photos) == ["a.jpg", "a_seen.jpg", "b.jpg"]


@pytest.mark.parametrize("suffix", ["jpg", "png", "webp"])
def test_only_what_was_made_of_the_same_picture_is_replaced(tmp_path: Path, suffix: str) -> None:
    out = f"{tmp_path}/out/{{name}}.{suffix}"
    first, second = paint(tmp_path / "1" / "photos", "a.jpg"), paint(tmp_path / "2" / "photos", "a.jpg", "b.jpg")
    run(first, out)
    run(first, out)
    made = tmp_path / "out" / f"a.{suffix}"
    theirs = made.read_bytes(), "was made from another input, photos;"
    (tmp_path / "out" / f"photos.{suffix}.json").unlink()
    for there, words in ((b"text", "is there, and fervid did not make it"), theirs):
        made.unlink()
        made.write_bytes(there)
        with pytest.raises(OutputError, match=words):
            run(second, out)
        assert made.read_bytes() == there


def test_what_a_camera_showed_is_never_replaced(tmp_path: Path) -> None:
    def frames() -> Iterator[Frame]:
        source = Source("camera", 8, 8, live=True)
        yield from (Frame(index, 0.0, np.zeros((8, 8, 3), np.uint8), source) for index in range(2))

    assert len(list(Pictures(f"{tmp_path}/{{name}}.png").run(Frames(frames())))) == 2
    for there in ("camera.png.json", "camera_000000.png"):
        with pytest.raises(OutputError, match=rf"{there}: is there, and no camera shows it again; move it, or put"):
            list(Pictures(f"{tmp_path}/{{name}}.png").run(Frames(frames())))
        (tmp_path / there).unlink()


def test_a_place_that_cannot_be_written_to_is_a_sentence(tmp_path: Path) -> None:
    photos = paint(tmp_path / "photos", "a.jpg")
    (tmp_path / "out").write_text("a file")
    with pytest.raises(OutputError, match=r"out is a file, not a folder"):
        run(photos, f"{tmp_path}/out/{{name}}.jpg")
    (tmp_path / "x_a.jpg").mkdir()
    with pytest.raises(OutputError, match=r"x_a\.jpg: is a folder; name a file in it"):
        run(photos, f"{tmp_path}/x_{{name}}.jpg")


def test_pictures_larger_than_a_format_holds_are_a_sentence(tmp_path: Path) -> None:
    photos = paint(tmp_path / "photos", "wide.png", size=(16, 17_000))
    with pytest.raises(OutputError, match=r"wide\.webp: holds no picture of 17000 x 16 pixels; write \.png"):
        run(photos / "wide.png", f"{tmp_path}/{{name}}.webp")
    assert names(tmp_path) == ["photos/wide.png"]


def test_another_ending_is_refused_before_anything_runs() -> None:
    with pytest.raises(ConfigError, match=r"pictures: .*are written as \.jpg, \.png or \.webp"):
        Pipeline.parse("stages: [demo, pictures: {path: 'out/{name}.tiff'}]")


def test_quality_is_what_was_asked_for(tmp_path: Path) -> None:
    noise = np.random.default_rng(1).integers(0, 255, (64, 64, 3), np.uint8)
    (tmp_path / "in").mkdir()
    cv2.imwrite(str(tmp_path / "in" / "a.png"), noise)
    for quality in (20, 95):
        run(tmp_path / "in" / "a.png", f"{tmp_path}/{quality}.jpg", quality=quality)
    assert (tmp_path / "95.jpg").stat().st_size > 2 * (tmp_path / "20.jpg").stat().st_size


def test_where_and_when_a_picture_was_taken_does_not_go_with_it(tmp_path: Path) -> None:
    picture = Image.new("RGB", (40, 20))
    exif = picture.getexif()
    exif[0x0112], exif[0x010F], exif[0x8825] = 6, "Camera", {1: "N", 2: (47.0, 22.0, 0.0)}
    (tmp_path / "in").mkdir()
    picture.save(tmp_path / "in" / "a.jpg", exif=exif)
    run(tmp_path / "in" / "a.jpg", f"{tmp_path}/a.jpg")
    with Image.open(tmp_path / "a.jpg") as made:
        assert (made.size, sorted(made.getexif())) == ((20, 40), [0x010E, 0x0131])


def test_a_run_that_goes_on_names_them_as_one_that_never_ended(tmp_path: Path) -> None:
    paint(tmp_path / "p" / "1", *(f"{number}.png" for number in range(6)))
    paint(tmp_path / "p" / "2", *(f"{number}.png" for number in range(6)))
    settings = {"images.path": f"{tmp_path}/p/*/*", "pictures.path": f"{tmp_path}/out/{{name}}.png"}
    wish = Wish(2.0, resume=True)
    pipeline = Pipeline.parse(CHAIN, settings, keep=wish)
    for frame in pipeline:
        if frame.index == 8:
            break
    pipeline = Pipeline.parse(CHAIN, settings, keep=wish)
    assert next(iter(frame.index for frame in pipeline)) > 0
    assert [frame.index for frame in Pipeline.parse(CHAIN, settings, keep=wish)][-1] == 11
    assert len(names(tmp_path / "out", "*.png")) == 12
    assert json.loads((tmp_path / "out" / "1.png.json").read_text())["pictures"] == 12


def test_many_are_one_line_of_the_summary(tmp_path: Path) -> None:
    photos = paint(tmp_path / "photos", *(f"{number}.jpg" for number in range(9)))
    (tmp_path / "a.yaml").write_text("stages: [images: {path: photos}, pictures: {path: 'out/{name}.jpg'}]")
    settings = ["-s", f"images.path={photos}", "-s", f"pictures.path={tmp_path}/out/{{name}}.jpg"]
    said = CliRunner().invoke(app, ["run", str(tmp_path / "a.yaml"), *settings]).stderr
    assert [line.split() for line in said.splitlines() if "written" in line] == [
        ["written", f"{tmp_path}/out/*.jpg", "(9", "files)"],
        ["written", f"{tmp_path}/out/photos.jpg.json"],
    ]


def test_each_picture_of_an_animation_is_written(tmp_path: Path) -> None:
    greys = [Image.new("RGB", (64, 48), (grey, grey, grey)) for grey in (40, 200)]
    greys[0].save(tmp_path / "two.webp", save_all=True, append_images=greys[1:])
    settings = {"images.path": str(tmp_path / "two.webp"), "pictures.path": str(tmp_path / "out" / "{name}.png")}
    pipeline = Pipeline.parse("stages:\n- images\n- pictures", settings)
    list(pipeline)
    assert len({path for path in pipeline.run.outputs if path.suffix == ".png"}) == 2
