"""Steady scores: exact in time, a label that changes with reason, and the same pictures after two passes."""

import itertools
import math
import tracemalloc
from collections.abc import Generator, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest

from fervid.models.reading import Emotion, Reader
from fervid.pipeline import EMOTIONS, FACES, TRACKS, UNCERTAIN, Face, Frame, Frames, Pipeline, Run, Source
from fervid.pipeline.configuration.options import build
from fervid.pipeline.errors import ConfigError, InputError
from fervid.pipeline.stage import Stage, register
from fervid.stages.faces.emotions import EMOTION, PROBABILITIES, READER, UNREADABLE
from fervid.stages.faces.smooth import SMOOTHED, Smooth
from fervid.stages.faces.smoothing.two_pass import observation_noise, rts

ROOT = Path(__file__).parents[1]
ANGRY, HAPPY, NEUTRAL = (EMOTIONS.index(name) for name in ("angry", "happy", "neutral"))


def scores(happy: float, neutral: float | None = None) -> np.ndarray:
    """Probabilities with the given shares; what is left is angry."""
    made = np.zeros(7, np.float32)
    made[HAPPY] = happy
    made[NEUTRAL] = 1 - happy if neutral is None else neutral
    made[ANGRY] = 1 - made.sum()
    return made


def face(given: float | np.ndarray | None, track: int | None = 1) -> Face:
    made = Face((0, 0, 9, 9), 0.9, track=track)
    if given is not None:
        made[PROBABILITIES] = read = scores(given) if isinstance(given, float) else given
        made[EMOTION] = Emotion.of(EMOTIONS[int(read.argmax())], read)
    return made


def label(face: Face) -> str | None:
    read = face[EMOTION]
    return read.label if read else None


def stream(given: Iterable[Sequence[Face]], step: float = 0.1, threshold: float | None = None) -> Iterator[Frame]:
    def again() -> Iterator[Frame]:
        return (Frame(n, n * step, picture(n), source) for n in range(10**6))

    source = Source("given", 64, 64, reopen=again)
    for n, faces in enumerate(given):
        frame = Frame(n, n * step, picture(n), source, list(faces))
        if threshold is not None:
            frame[READER] = Reader("given", "labels", threshold, {})
        yield frame


def picture(n: int) -> np.ndarray:
    return np.full((64, 64, 3), n % 256, np.uint8)


def smooth(values: Iterable[float | np.ndarray | None], step: float = 0.1, threshold: float | None = None, **options):
    """The faces of one track, smoothed."""
    stage = build(Smooth, options)
    return [one.faces[0] for one in stage.run(Frames(stream(([face(v)] for v in values), step, threshold)))]


def happy(faces: Iterable[Face]) -> list[float]:
    return [float(one[SMOOTHED][HAPPY]) for one in faces]


@register("scored_faces")
@dataclass(frozen=True)
class ScoredFaces(Stage):
    """One tracked face whose scores depend on the picture's number."""

    gives = (FACES, TRACKS, EMOTION)

    def run(self, frames: Frames) -> Generator[Frame]:
        for frame in frames:
            frame.faces = [face(float(frame.index % 2))]
            yield frame


def run(text: str, frames: int = 10) -> list[Frame]:
    return list(Pipeline.parse(f"stages:\n- demo: {{frames: {frames}}}\n- scored_faces\n{text}"))


@pytest.mark.parametrize("parts", [1, 2, 10])
def test_a_score_moves_halfway_in_one_half_life(parts: int) -> None:
    faces = smooth([1.0] + [0.0] * 2 * parts, step=0.4 / parts, method="average", half_life=0.4)
    assert happy(faces)[::parts] == pytest.approx([1, 0.5, 0.25])


@pytest.mark.parametrize("options", [{"method": "average"}, {"method": "one_euro"}, {"two_pass": True}], ids=str)
def test_what_cannot_be_read_is_uncertain_until_it_can_be_and_moves_nothing(options: dict[str, object]) -> None:
    """Three faces that cannot be read, one of which is only predicted, in the middle of happy ones."""
    faces = [face(1.0) for _ in range(9)]
    for one in (faces[3], faces[5]):
        one[PROBABILITIES], one[UNREADABLE], one[EMOTION] = scores(0.0), True, Emotion(UNCERTAIN, 1.0)
    faces[4] = face(None)
    made = [one.faces[0] for one in build(Smooth, options).run(Frames(stream([one] for one in faces)))]
    assert [label(one) for one in made] == ["happy"] * 3 + ["uncertain"] * 3 + ["happy"] * 3
    assert happy(made) == pytest.approx([1.0] * 9)


def test_from_yaml() -> None:
    faces = [frame.faces[0] for frame in run(f"- smooth: {{method: average, half_life: {1 / 24}}}", 3)]
    assert happy(faces) == pytest.approx([0, 0.5, 0.25])
    assert [one[EMOTION].confidence for one in faces] == pytest.approx([1, 0.5, 0.75])


@pytest.mark.parametrize("method", ["average", "one_euro"])
def test_smoothed_scores_are_probabilities_and_calmer(method: str) -> None:
    random = np.random.default_rng(0)
    given = random.dirichlet(np.ones(7), 200).astype(np.float32)
    made = np.stack([one[SMOOTHED] for one in smooth(given, step=0.04, method=method)])
    assert made.dtype == np.float32
    assert made.sum(1) == pytest.approx(1, abs=1e-5)
    assert made.min() >= 0
    assert np.abs(np.diff(made, axis=0)).mean() < 0.4 * np.abs(np.diff(given, axis=0)).mean()


def test_one_euro_follows_a_jump_sooner_and_rests_as_long() -> None:
    jump = [0.0] * 10 + [1.0] * 5
    assert happy(smooth(jump))[-1] > happy(smooth(jump, method="average"))[-1] + 0.05
    assert happy(smooth(jump, beta=0))[-1] <= happy(smooth(jump, method="average"))[-1]


def test_one_euro_is_the_published_filter() -> None:
    """By hand for one step: cutoff = min + beta * |low-passed speed|, weight = 1 / (1 + tau / step)."""

    def weight(cutoff: float) -> float:
        return 1 / (1 + 1 / (2 * math.pi * cutoff) / 0.1)

    speed = weight(1.0) * 1 / 0.1
    expected = weight(math.log(2) / (2 * math.pi * 0.4) + 0.5 * speed)
    assert happy(smooth([0.0, 1.0], method="one_euro", beta=0.5))[1] == pytest.approx(expected)


def test_faces_without_a_track_pass_unchanged() -> None:
    before = face(0.3, track=None)
    ((frame),) = Smooth().run(Frames(stream([[before]])))
    assert frame.faces == [before]
    assert before[SMOOTHED] is None
    assert label(before) == "neutral"


def test_tracks_do_not_mix() -> None:
    frames = list(Smooth().run(Frames(stream([[face(1.0), face(0.0, 2)], [face(0.0, 2), face(1.0)]]))))
    assert [happy(frame.faces) for frame in frames] == [[1, 0], [0, 1]]


@pytest.mark.parametrize("two_pass", [False, True])
def test_a_predicted_face_keeps_the_scores_of_its_track(two_pass: bool) -> None:
    faces = smooth([None, 0.9, None, None], two_pass=two_pass)
    assert faces[0][SMOOTHED] is None
    assert faces[0][EMOTION] is None
    assert happy(faces[1:]) == pytest.approx([0.9] * 3)
    assert [label(one) for one in faces[1:]] == ["happy"] * 3
    assert faces[2][PROBABILITIES] is None


@pytest.mark.parametrize("method", ["average", "one_euro"])
@pytest.mark.parametrize("rate", [10, 24, 60])
def test_one_wrong_frame_changes_no_label(method: str, rate: int) -> None:
    shown = smooth([0.0] * 10 + [1.0] + [0.0] * 10, step=1 / rate, method=method)
    assert {label(one) for one in shown} == {"neutral"}


def test_the_label_changes_by_margin() -> None:
    shown = smooth([0.45, 0.54, 0.56, 0.46, 0.44], half_life=1e-6, margin=0.1, hold=100)
    assert [label(one) for one in shown] == ["neutral", "neutral", "happy", "happy", "neutral"]


def test_the_label_changes_after_a_hold() -> None:
    shown = smooth([0.45, 0.51, 0.51, 0.51, 0.51], half_life=1e-6, margin=0.1, hold=0.2)
    assert [label(one) for one in shown] == ["neutral"] * 3 + ["happy"] * 2
    shown = smooth([0.45, 0.51, 0.51, 0.49, 0.51, 0.51], half_life=1e-6, margin=0.1, hold=0.2)
    assert {label(one) for one in shown} == {"neutral"}, "a lead that is interrupted begins anew"


@pytest.mark.parametrize("two_pass", [False, True])
def test_a_best_score_below_the_networks_threshold_is_uncertain(two_pass: bool) -> None:
    values = [scores(one, 0.33) for one in (0.6, 0.48, 0.38, 0.52, 0.62)]
    shown = smooth(values, half_life=1e-6, threshold=0.5, margin=0.1, hold=100, two_pass=two_pass)
    assert [label(one) for one in shown] == ["happy", "happy", UNCERTAIN, UNCERTAIN, "happy"]
    assert shown[2][EMOTION].confidence == pytest.approx(0.38, abs=1e-4)
    assert all(label(one) != UNCERTAIN for one in smooth(values, half_life=1e-6))


def test_memory_does_not_grow_with_tracks_that_are_gone() -> None:
    def measure(tracks: int) -> int:
        stage = Smooth().run(Frames(stream(([face(0.5, n // 10)] for n in range(tracks * 10)), step=0.1)))
        tracemalloc.start()
        for _ in stage:
            last = tracemalloc.get_traced_memory()[0]
        tracemalloc.stop()
        return last

    assert measure(2000) < measure(200) + 20_000


# Two passes


def test_two_passes_equal_a_textbook_smoother() -> None:
    from filterpy.kalman import KalmanFilter

    random = np.random.default_rng(1)
    times = np.cumsum(random.uniform(0.02, 0.08, 60))
    seen = random.dirichlet(np.ones(7), 60)
    given = [None if n in (20, 21, 59) else one for n, one in enumerate(seen)]
    noise = observation_noise(np.diff(times, prepend=times[0]), 0.3)
    textbook = KalmanFilter(dim_x=7, dim_z=7)
    textbook.x, textbook.P, textbook.R = np.zeros(7), np.eye(7) * 1e9, np.eye(7) * noise
    textbook.F = textbook.H = np.eye(7)
    steps = [np.eye(7) * step for step in np.diff(times, prepend=times[0])]
    means, covariances, _, _ = textbook.batch_filter(given, Qs=steps)
    expected, *_ = textbook.rts_smoother(means, covariances, Qs=steps)
    assert rts(times, given, 0.3) == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize("rate", [24, 60])
def test_two_passes_weigh_past_and_future_alike_by_half_lives(rate: int) -> None:
    impulse = np.zeros((20 * rate + 1, 7))
    impulse[10 * rate] = 1
    made = rts(np.arange(len(impulse)) / rate, list(impulse), 0.5)[:, 0]
    after, before = made[10 * rate :: rate // 2][:3], made[10 * rate :: -(rate // 2)][:3]
    assert after == pytest.approx(before)
    assert after / after[0] == pytest.approx([1, 0.5, 0.25], rel=0.03)


def test_two_passes_have_no_delay() -> None:
    step = [0.0] * 20 + [1.0] * 20
    assert happy(smooth(step, two_pass=True))[19] == pytest.approx(1 - happy(smooth(step, two_pass=True))[20], abs=1e-6)
    assert [label(one) for one in smooth(step, two_pass=True, margin=0)].index("happy") == 20
    assert [label(one) for one in smooth(step, margin=0)].index("happy") > 20


def test_two_passes_give_every_frame_its_own_picture() -> None:
    once, twice = run("- smooth", 30), run("- smooth: {two_pass: true}", 30)
    assert [frame.index for frame in twice] == list(range(30))
    assert all((a.image == b.image).all() for a, b in zip(once, twice, strict=True))
    assert [frame.faces[0].box for frame in once] == [frame.faces[0].box for frame in twice]


@register("every_other")
@dataclass(frozen=True)
class EveryOther(Stage):
    """Lets every second frame pass."""

    def run(self, frames: Frames) -> Generator[Frame]:
        yield from (frame for frame in frames if frame.index % 2)


def test_two_passes_after_a_stage_that_drops_frames() -> None:
    once, twice = (run(f"- every_other\n- smooth: {{two_pass: {way}}}", 9) for way in ("false", "true"))
    assert [frame.index for frame in twice] == [1, 3, 5, 7]
    assert all((a.image == b.image).all() for a, b in zip(once, twice, strict=True))


def test_between_the_passes_a_frame_weighs_little() -> None:
    stage = Smooth(two_pass=True).run(Frames(stream([face(0.5)] for _ in range(2000))))
    tracemalloc.start()
    next(stage)
    held, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert held / 2000 < 2000
    assert peak / 2000 < 4000


def test_two_passes_need_an_input_that_can_be_read_twice() -> None:
    def live() -> Iterator[Frame]:
        for frame in stream([[face(0.5)]]):
            frame.source = replace(frame.source, reopen=None)
            yield frame

    with pytest.raises(InputError, match="given: smooth reads its input twice, which this one cannot; remove two_pass"):
        next(Smooth(two_pass=True).run(Frames(live())))


def test_two_passes_notice_another_input() -> None:
    def changed() -> Iterator[Frame]:
        for frame in stream([face(0.5)] for _ in range(3)):
            frame.source = replace(frame.source, reopen=lambda: stream([[]]))
            yield frame

    with pytest.raises(InputError, match="given: changed while it was read; run it again"):
        list(Smooth(two_pass=True).run(Frames(changed())))


def test_two_passes_deliver_what_was_read_before_a_stop_and_end_when_stopped() -> None:
    frames = list(stream([face(0.5)] for _ in range(5)))
    run = Run()
    run.stopping.set()
    assert len(list(Smooth(two_pass=True).run(Frames(frames, run)))) == 5
    run.stopping.clear()
    smoothed = Smooth(two_pass=True).run(Frames(frames, run))
    assert next(smoothed).index == 0
    run.stopping.set()
    assert list(smoothed) == []
    assert run.lost.cut == "interrupted"


def test_two_passes_refuse_a_changed_picture_before_them() -> None:
    text = "stages:\n- demo\n- scored_faces\n- blur\n- smooth{}"
    with pytest.raises(ConfigError, match="<text>:5: smooth: must stand before blur"):
        Pipeline.parse(text.format(": {two_pass: true}"))
    Pipeline.parse(text.format(""))


@pytest.mark.parametrize("options", ["", ": {method: average}", ": {two_pass: true}"])
def test_labels_on_a_real_face_do_not_flicker(clips: Path, options: str) -> None:
    if not list((ROOT / "models" / "weights").glob("fervid.*")):
        pytest.skip("models/weights holds no network yet")
    text = (
        f"stages:\n- file: {{path: {clips}/one_face_talking.mp4}}\n- detect\n- track\n- emotions\n- smooth{options}\n"
    )
    labels = [label(frame.faces[0]) for frame in Pipeline.parse(text) if frame.faces]
    assert len(labels) > 460
    assert sum(a != b for a, b in itertools.pairwise(labels)) <= 8
