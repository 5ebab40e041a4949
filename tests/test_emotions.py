"""Emotions of faces: calibrated, in order, none where nothing was seen, and the same on video as in an evaluation."""

import csv
import subprocess
import sys
from collections.abc import Callable, Generator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from tiny import saved

from fervid.models.card import Calibration
from fervid.models.crop import CROP_SCALE, Framing, crop
from fervid.models.runtime import open_classifier
from fervid.pipeline import CHANGED, EMOTIONS, FACES, Face, Frame, Frames, Pipeline, Stage, register
from fervid.pipeline.configuration.options import build
from fervid.pipeline.errors import ConfigError, ModelError
from fervid.pipeline.frame import Box
from fervid.pipeline.stage import stages
from fervid.stages.faces.emotions import EMOTION, PROBABILITIES, UNREADABLE, Emotions

Spoil = Callable[[NDArray[np.uint8]], Any]


@register("given_faces")
@dataclass(frozen=True)
class GivenFaces(Stage):
    """Three faces in each picture: two that were seen, one that was only predicted."""

    faces: int = 3

    gives = (FACES,)

    def run(self, frames: Frames) -> Generator[Frame]:
        boxes = (100.0, 60.0, 260.0, 220.0), (300.0, 100.0, 400.0, 200.0), (450.0, 100.0, 550.0, 200.0)
        for frame in frames:
            frame.faces = [Face(box, 0.9, eyes_of(box)) for box in boxes[: self.faces]]
            frame.faces[2:] = [replace(face, status="predicted") for face in frame.faces[2:]]
            yield frame


def eyes_of(box: Box) -> NDArray[np.float32]:
    """Keypoints of a face tilted by a third of a right angle."""
    x, y = box[0] + 20, box[1] + 20
    return np.array([(x, y), (x + 52, y + 30), *[(x + 20, y + 30)] * 4], np.float32)


def run(text: str, frames: int = 2, faces: int = 3) -> list[Frame]:
    return list(chain(text, frames, faces))


def chain(text: str, frames: int = 2, faces: int = 3) -> Pipeline:
    return Pipeline.parse(f"stages:\n- demo: {{frames: {frames}}}\n- given_faces: {{faces: {faces}}}\n{text}")


def weights(text: str) -> dict[str, Any]:
    """What the run notes of the network."""
    pipeline = chain(text, 1)
    list(pipeline)
    return dict(pipeline.run.notes["weights"])


def label(face: Face) -> str | None:
    read = face[EMOTION]
    return read.label if read else None


def emotions(path: Path, **options: object) -> str:
    return f"- emotions: {{model: {path}{''.join(f', {k}: {v}' for k, v in options.items())}}}"


def csv_of_faces(folder: Path, count: int) -> tuple[Path, NDArray[np.uint8]]:
    pictures = np.random.default_rng(0).integers(0, 256, (count, 48, 48), np.uint8)
    with (path := folder / "fer2013.csv").open("w", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(["emotion", "pixels", "Usage"])
        rows.writerows([n % 7, " ".join(map(str, face.ravel())), "PublicTest"] for n, face in enumerate(pictures))
    return path, pictures


def test_every_detected_face_gets_seven_probabilities_and_the_label_of_the_largest(tmp_path: Path) -> None:
    for frame in run(emotions(saved(tmp_path))):
        for face in frame.faces[:2]:
            scores, read = face[PROBABILITIES], face[EMOTION]
            assert scores is not None
            assert read is not None
            assert scores.shape == (7,)
            assert scores.sum() == pytest.approx(1, abs=1e-6)
            assert read.label == EMOTIONS[int(scores.argmax())]
            assert read.confidence == pytest.approx(float(scores.max()))


def test_scores_are_those_of_the_crop(tmp_path: Path) -> None:
    """At the framing that its card has, and turned by the eyes."""
    framing = Framing(scale=1.1, up=0.0)
    path = saved(tmp_path, crop=framing)
    frame = run(emotions(path), 1)[0]
    crops = [crop(frame.image, face.box, face.keypoints, 24, framing) for face in frame.faces[:2]]
    expected = open_classifier(path)(np.stack(crops))
    assert np.array_equal(np.stack([face[PROBABILITIES] for face in frame.faces[:2]]), expected)  # type: ignore[arg-type]
    assert not np.array_equal(expected[0], expected[1])


def test_a_predicted_face_gets_none_unless_asked_for(tmp_path: Path) -> None:
    path = saved(tmp_path)
    face = run(emotions(path), 1)[0].faces[2]
    assert (face[PROBABILITIES], face[EMOTION]) == (None, None)
    assert run(emotions(path, predicted="true"), 1)[0].faces[2][PROBABILITIES] is not None


def test_frames_without_a_face_pass(tmp_path: Path) -> None:
    frames = run(emotions(saved(tmp_path)), 3, faces=0)
    assert [(frame.index, frame.faces) for frame in frames] == [(0, []), (1, []), (2, [])]


def test_a_face_below_the_threshold_is_uncertain_and_keeps_its_scores(tmp_path: Path) -> None:
    face = run(emotions(saved(tmp_path), uncertain_below=1.0), 1)[0].faces[0]
    scores, read = face[PROBABILITIES], face[EMOTION]
    assert scores is not None
    assert read is not None
    assert read.label == "uncertain"
    assert read.confidence == pytest.approx(float(scores.max()))


@pytest.mark.parametrize(
    "spoil",
    [
        lambda face: face * 0,
        lambda face: face // 20,
        lambda face: cv2.GaussianBlur(face, (0, 0), 12),
        lambda face: cv2.resize(cv2.resize(face, (10, 10), interpolation=cv2.INTER_AREA), face.shape[1::-1]),
    ],
    ids=["black", "dark", "blurred", "tiny"],
)
def test_what_cannot_be_read_is_uncertain_and_keeps_its_scores(spoil: Spoil) -> None:
    """With the network that ships, and a threshold that lets everything through."""
    clean, spoiled = named(lambda face: face), named(spoil)
    assert label(clean) == "neutral"
    assert clean[UNREADABLE] is None
    assert label(spoiled) == "uncertain"
    assert spoiled[UNREADABLE] is True
    assert spoiled[PROBABILITIES] is not None


def test_a_poor_detection_is_uncertain() -> None:
    assert label(named(lambda face: face, score=0.55)) == "uncertain"
    assert label(named(lambda face: face, score=0.65)) == "neutral"


def test_what_cannot_be_read_can_be_kept() -> None:
    face = named(lambda face: face * 0)
    again = Face((0, 0, 0, 0), 0)
    again.__setstate__(face.__getstate__())
    assert again[UNREADABLE] is True


def test_a_face_in_the_dark_is_uncertain(cases: Path) -> None:
    (frame,) = Pipeline.parse(f"stages:\n- images: {{path: {cases / 'dark6.jpg'}}}\n- detect\n- emotions\n")
    assert [label(face) for face in frame.faces] == ["uncertain"]


def named(spoil: Spoil, score: float = 0.9) -> Face:
    """The demo's face, read after that was done to it."""
    frame = next(iter(Pipeline.parse("stages:\n- demo\n- detect\n")))
    (face,) = frame.faces
    frame.image, face.score = np.ascontiguousarray(spoil(frame.image)), score
    (read,) = build(Emotions, {"uncertain_below": 0}).run(Frames([frame]))
    return read.faces[0]


def test_the_other_head_reads_the_votes(tmp_path: Path) -> None:
    path = saved(tmp_path, heads={"labels": Calibration(), "votes": Calibration()})
    labels, votes = (run(emotions(path, head=head), 1)[0] for head in ("labels", "votes"))
    assert weights(emotions(path, head="votes"))["head"] == "votes"
    assert not np.allclose(labels.faces[0][PROBABILITIES], votes.faces[0][PROBABILITIES])  # type: ignore[arg-type]


@pytest.mark.parametrize("flip", [False, True])
def test_three_views_are_the_mean_of_three_zooms(tmp_path: Path, flip: bool) -> None:
    """And of their mirror images; the label is that of the mean, and what can be read is judged by the usual crop."""
    framing = Framing(scale=1.2, up=0.05)
    path = saved(tmp_path, crop=framing)
    frame = run(emotions(path, views=3, flip=str(flip).lower()), 1)[0]
    for face in frame.faces[:2]:
        zooms = [replace(framing, scale=1.2 * zoom) for zoom in (1.0, 0.9, 1.1)]
        crops = [crop(frame.image, face.box, face.keypoints, 24, zoom) for zoom in zooms]
        crops += [one[:, ::-1] for one in crops if flip]
        each = open_classifier(path)(np.stack(crops))
        assert face[PROBABILITIES] == pytest.approx(each.mean(0), abs=1e-6)
        assert abs(each[0] - each[1]).max() > 1e-4
        assert label(face) == EMOTIONS[int(each.mean(0).argmax())]
    assert weights(emotions(path, views=3))["views"] == 3


def test_three_views_of_a_labelled_face_begin_with_its_own_pixels(tmp_path: Path) -> None:
    source, pictures = csv_of_faces(tmp_path, 2)
    path = saved(tmp_path, size=48, crop=Framing(scale=1.4, up=0.0))
    frames = list(Pipeline.parse(f"stages:\n- fer2013: {{path: {source}}}\n{emotions(path, views=3)}"))
    for frame, picture in zip(frames, pictures, strict=True):
        wide = [crop(picture, frame.faces[0].box, None, 48, Framing(scale=CROP_SCALE * zoom)) for zoom in (0.9, 1.1)]
        expected = open_classifier(path)(np.stack([picture, *wide])).mean(0)
        assert frame.faces[0][PROBABILITIES] == pytest.approx(expected, abs=1e-6)


def test_the_threshold_of_the_card_holds_unless_the_yaml_has_one(tmp_path: Path) -> None:
    path = saved(tmp_path, heads={"labels": Calibration(uncertain_below=0.999999)})
    assert label(run(emotions(path), 1)[0].faces[0]) == "uncertain"
    assert label(run(emotions(path, uncertain_below=0), 1)[0].faces[0]) in EMOTIONS


@pytest.mark.parametrize("framing", [Framing(), Framing(scale=1.4, up=0.0)])
def test_a_labelled_face_is_read_as_it_is(tmp_path: Path, framing: Framing) -> None:
    """What is measured on FER2013 is what the network sees: no pixel is lost on the way, however it frames others."""
    source, pictures = csv_of_faces(tmp_path, 5)
    path = saved(tmp_path, size=48, crop=framing)
    frames = list(Pipeline.parse(f"stages:\n- fer2013: {{path: {source}}}\n{emotions(path)}"))
    scores = np.stack([frame.faces[0][PROBABILITIES] for frame in frames])  # type: ignore[arg-type]
    one_by_one = [open_classifier(path)(picture[None])[0] for picture in pictures]
    assert np.allclose(scores, np.stack(one_by_one), rtol=0, atol=1e-6)


def test_the_run_knows_which_weights_made_it(tmp_path: Path) -> None:
    path = saved(tmp_path, seed=5, heads={"labels": Calibration(uncertain_below=0.3)}, epochs=7)
    kept = weights(emotions(path))
    assert kept["model"] == str(path)
    assert kept["runtime"] == "torch"
    assert kept["sha256"] == open_classifier(path).sha256
    assert kept["uncertain_below"] == 0.3
    assert kept["card"] == {"network": "tiny", "recipe_sha256": None, "seed": None, "epochs": 7}


def test_the_run_knows_how_long_all_trainings_of_its_weights_took(tmp_path: Path) -> None:
    path = saved(tmp_path, epochs=0, trained={"before": [{"epochs": 24}, {"epochs": 0}, {"epochs": 9}]})
    assert weights(emotions(path))["card"]["epochs"] == 33


def test_twice_and_without_threads_the_same(tmp_path: Path) -> None:
    path = saved(tmp_path)
    text = f"stages:\n- demo: {{frames: 20}}\n- given_faces\n{emotions(path)}"
    made = []
    for threads in (True, True, False):
        frames = Pipeline.parse(text, {"threads": threads})
        scores = [face[PROBABILITIES] for frame in frames for face in frame.faces]
        made.append([one.tobytes() for one in scores if one is not None])
    assert len(made[0]) == 40
    assert made[0] == made[1] == made[2]


def test_a_network_of_ones_own_from_a_plugin(tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text(
        "from torch import nn\n"
        "from fervid.models import checkpoint, zoo\n"
        "@zoo.network('dense_of_mine')\n"
        "class Dense(nn.Sequential):\n"
        "    size, mean, std = 16, 0.5, 0.5\n"
        "    def __init__(self):\n"
        "        super().__init__(nn.Flatten(), nn.Linear(256, 7))\n"
    )
    make = "import sys; sys.path.insert(0, '.'); from mine import *\n"
    make += "from pathlib import Path\n"
    make += "card = checkpoint.Card('dense_of_mine', 16, 0.5, 0.5)\n"
    make += "checkpoint.save(Path('mine.safetensors'), zoo.build('dense_of_mine'), card)\n"
    subprocess.run([sys.executable, "-c", make], cwd=tmp_path, check=True)
    text = f"stages:\n- demo: {{frames: 1}}\n- given_faces\n{emotions(tmp_path / 'mine.safetensors')}"
    with pytest.raises(ModelError, match="a plugin's network needs `plugins:` in the YAML"):
        list(Pipeline.parse(text))
    frame = next(iter(Pipeline.parse(f"plugins: [{tmp_path}/mine.py]\n{text}")))
    assert label(frame.faces[0]) in EMOTIONS


def test_weights_that_are_missing_stop_the_run_before_a_frame_is_read(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"none\.safetensors: no such file"):
        run(emotions(tmp_path / "none.safetensors"))


def test_faces_must_be_found_first() -> None:
    with pytest.raises(ConfigError, match=r":3: emotions: needs faces; put "):
        Pipeline.parse("stages:\n- demo\n- emotions\n")


def test_a_changed_picture_is_not_read() -> None:
    stage = stages.find("emotions")
    assert stage is not None
    assert set(stage.refuses) == {CHANGED, EMOTION}


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ("{runtime: tensorflow}", "runtime"),
        ("{uncertain_below: 1.5}", "uncertain_below"),
        ("{views: 2}", "views"),
        ("{modle: fervid}", "no option 'modle'; did you mean 'model'?"),
    ],
)
def test_a_wrong_option_is_an_error(options: str, message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        Pipeline.parse(f"stages:\n- demo\n- given_faces\n- emotions: {options}\n")
    assert message in str(caught.value)


def test_checking_a_pipeline_imports_nothing_heavy() -> None:
    code = (
        "import sys; from fervid.pipeline.stage import stages; stages.find('emotions')\n"
        "print([m for m in ('torch', 'cv2', 'numpy', 'onnxruntime', 'safetensors') if m in sys.modules])"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "[]\n"
