"""Which face is whose: on real clips, in a scene with a known truth, and case by case."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from crowd import Crowd, detections, plain_iou, score, tracked
from film import Film, came, inherited
from film import seen as seen_film
from filterpy.kalman import KalmanFilter
from scipy.optimize import linear_sum_assignment

from fervid.pipeline import SPARSE, Face, Frame, Frames, Pipeline, Source
from fervid.pipeline.frame import Box
from fervid.stages.faces.emotions import PROBABILITIES
from fervid.stages.faces.smooth import SMOOTHED
from fervid.stages.faces.track import HELD_BYTES, Track
from fervid.stages.faces.tracking import kalman
from fervid.stages.faces.tracking.assignment import assign

GREY = np.full((360, 640, 3), 128, np.uint8)

Seen = list[list[tuple[int | None, str]]]
"""For each frame, identities and how they were come by."""


def box(x: float, y: float = 100, size: float = 100) -> Box:
    return x, y, x + size, y + size


def frames(
    faces: Iterable[Sequence[Face]], fps: float = 25, *, live: bool = False, image: np.ndarray = GREY
) -> Iterator[Frame]:
    source = Source("test", 640, 360, live=live)
    for index, found in enumerate(faces):
        yield Frame(index, index / fps, image, source, list(found))


def run(faces: Iterable[Sequence[Face]], track: Track | None = None, *, live: bool = False) -> list[Frame]:
    return list((track or Track()).run(Frames(frames(faces, live=live))))


def seen(found: Iterable[Frame]) -> Seen:
    return [[(face.track, face.status) for face in frame.faces] for frame in found]


def clip(path: Path, detect: str = "detect") -> list[list[Face]]:
    pipeline = Pipeline.parse(f"stages:\n- file: {{path: {path}}}\n- {detect}\n- track\n")
    return [frame.faces for frame in pipeline]


def ids(faces: Sequence[Face]) -> list[int | None]:
    return [face.track for face in faces]


def test_a_portrait_is_one_face_throughout() -> None:
    found = list(Pipeline.parse("stages:\n- demo: {frames: 60}\n- detect\n- track\n"))
    assert seen(found) == [[(1, "detected")]] * 60


def test_a_crying_face_behind_a_hand_keeps_its_id(clips: Path) -> None:
    assert [ids(faces) for faces in clip(clips / "one_face_talking.mp4")] == [[1]] * 472


def test_two_people_are_never_swapped(clips: Path) -> None:
    found = clip(clips / "two_faces_head_pose.gif")
    sides = [{face.track: face.box[0] < 200 for face in faces} for faces in found]
    assert all(side == sides[0] for side in sides)
    assert sorted(sides[0]) == [1, 2]


def test_letters_that_look_like_a_face_for_three_frames_are_none(clips: Path) -> None:
    raw = Pipeline.parse(f"stages:\n- file: {{path: {clips / 'no_face.mp4'}}}\n- detect: {{range: short}}\n")
    assert sum(bool(frame.faces) for frame in raw) >= 3
    assert not any(clip(clips / "no_face.mp4"))


def test_a_face_comes_with_its_first_frame_and_goes_with_its_last(clips: Path) -> None:
    entered = [ids(faces) for faces in clip(clips / "face_enters.mov")]
    left = [ids(faces) for faces in clip(clips / "face_leaves.mov")]
    assert entered == [[]] * 96 + [[1]] * 72 + [[]]
    assert left == [[1]] * 72 + [[]] * 97


def test_frames_that_were_not_searched_are_bridged(clips: Path) -> None:
    found = clip(clips / "one_face_talking.mp4", "detect: {every: 5}")
    assert [ids(faces) for faces in found] == [[1]] * 472
    assert [faces[0].status for faces in found] == [("predicted", "detected")[n % 5 == 0] for n in range(472)]


def test_a_crowd_that_crosses_and_hides(request: pytest.FixtureRequest) -> None:
    """Six real faces; without the clips, six portraits."""
    try:
        folder = request.getfixturevalue("clips")
    except pytest.skip.Exception:
        folder = None
    shots = detections(Crowd(folder, seed=4))
    tracks = tracked(shots)
    for visible in (0.7, 0.5):
        ours = score(shots, tracks, visible)
        assert ours.mota >= 0.97
        assert ours.idf1 >= 0.95
    assert score(shots, plain_iou(shots)).idf1 < 0.85


def test_a_hidden_face_is_put_on_the_line_between_its_detections() -> None:
    walk = [[Face(box(10 * n), 0.9)] if n not in range(5, 10) else [] for n in range(20)]
    found = run(walk)
    assert seen(found) == [[(1, "detected")]] * 5 + [[(1, "predicted")]] * 5 + [[(1, "detected")]] * 10
    assert [frame.faces[0].box for frame in found] == [pytest.approx(box(10 * n)) for n in range(20)]
    assert all(frame.faces[0].keypoints is None for frame in found[5:10])
    assert all(frame.faces[0].score == 0.9 for frame in found[5:10])


def test_a_face_that_does_not_come_back_ends_with_its_last_detection() -> None:
    assert seen(run([[Face(box(0), 0.9)]] * 5 + [[]] * 20)) == [[(1, "detected")]] * 5 + [[]] * 20


def test_of_a_long_gap_the_ends_are_bridged_where_a_part_of_the_face_could_be_seen() -> None:
    found = seen(run([[Face(box(0), 0.9)]] * 5 + [[]] * 25 + [[Face(box(0), 0.9)]] * 5))
    lost, gone = [[(1, "predicted")]] * 3, [[]] * 19
    assert found == [[(1, "detected")]] * 5 + lost + gone + lost + [[(1, "detected")]] * 5


def test_a_gap_ends_where_a_doubtful_box_is_off() -> None:
    """Something comes before the left half of a face that stands, and goes again."""
    whole, part, hidden = [[Face(box(100), 0.9)]], [[Face((140, 100, 240, 200), 0.5)]], [[]] * 5
    found = run(whole * 10 + part + hidden + part + whole * 10)
    assert all(frame.faces[0].box[0] == pytest.approx(100, abs=20) for frame in found[11:16])


def test_who_walks_out_of_the_picture_is_there_until_half_is_outside() -> None:
    found = run([[Face(box(60 - 10 * n), 0.9)] for n in range(10)] + [[]] * 60)
    assert seen(found) == [[(1, "detected")]] * 10 + [[(1, "predicted")]] * 2 + [[]] * 58
    assert found[11].faces[0].box[0] == pytest.approx(-50, abs=1.5)


@pytest.mark.parametrize("place", [-30, 200], ids=["at the edge", "inside"])
def test_who_does_not_walk_out_ends_with_the_last_detection(place: float) -> None:
    assert seen(run([[Face(box(place), 0.9)]] * 10 + [[]] * 60)) == [[(1, "detected")]] * 10 + [[]] * 60


def test_ids_are_never_used_again() -> None:
    found = seen(run([[Face(box(0), 0.9)]] * 5 + [[]] * 60 + [[Face(box(0), 0.9)]] * 5))
    assert found == [[(1, "detected")]] * 5 + [[]] * 60 + [[(2, "detected")]] * 5


def room(seed: int, size: tuple[int, int] = (640, 360)) -> np.ndarray:
    """Somebody's surroundings."""
    coarse = np.random.default_rng(seed).integers(40, 160, (9, 16, 3), np.uint8)
    return cv2.resize(coarse, size, interpolation=cv2.INTER_CUBIC)


def film(images: Iterable[np.ndarray], fps: float = 25, *, every: int = 1, live: bool = False) -> Iterator[Frame]:
    """A sure face at the very same place of every picture."""
    source = Source("test", 640, 360, live=live)
    for index, image in enumerate(images):
        x, y = image.shape[1] / 640, image.shape[0] / 360
        face = Face((270 * x, 130 * y, 370 * x, 230 * y), 0.9)
        frame = Frame(index, index / fps, image, source, [] if index % every else [face])
        if index % every:
            frame[SPARSE] = True
        yield frame


def tracked_ids(images: Iterable[np.ndarray], fps: float = 25, **how: Any) -> list[list[int | None]]:
    return [ids(frame.faces) for frame in Track().run(Frames(film(images, fps, **how)))]


@pytest.mark.parametrize("live", [False, True])
@pytest.mark.parametrize("fps", [25, 5, 1])
def test_a_cut_ends_tracks_at_any_frame_rate(fps: float, live: bool) -> None:
    images = [room(0)] * 10 + [room(1)] * 10 + [room(0)] * 10
    found = tracked_ids(images, fps, live=live)
    assert found == [[1]] * 10 + [[2]] * 10 + [[3]] * 10


def test_a_cut_between_two_searches_ends_what_was_predicted() -> None:
    found = tracked_ids([room(0)] * 12 + [room(1)] * 8, every=5)
    assert found == [[1]] * 12 + [[]] * 3 + [[2]] * 5


def test_a_cut_through_black_ends_tracks() -> None:
    assert tracked_ids([room(0)] * 10 + [GREY * 0] * 3 + [room(1)] * 10)[13:] == [[2]] * 10


def test_a_tile_that_shows_someone_else_ends_only_its_own_tracks() -> None:
    def frame(index: int) -> Frame:
        image = np.hstack([room(0, (320, 360)), room(1 + index // 10, (320, 360))])
        faces = [Face(box(110), 0.9), Face(box(430), 0.9)]
        return Frame(index, index / 25, image, Source("test", 640, 360), faces)

    assert [ids(one.faces) for one in Track().run(Frames(map(frame, range(20))))] == [[1, 2]] * 10 + [[1, 3]] * 10


def lit(image: np.ndarray, gain: object, more: float = 0) -> np.ndarray:
    return (image * gain + more).clip(0, 255).astype(np.uint8)


@pytest.mark.parametrize(
    "images",
    [
        [lit(room(0), 1, 250 * (n in (7, 8))) for n in range(15)],
        [lit(room(0), 1 + 0.6 * (n == 7)) for n in range(15)],
        [lit(room(0), 0.2 + 0.8 * (n > 7)) for n in range(15)],
        [lit(room(0), np.linspace(0.5, 1, 640)[:: 1 if n > 7 else -1, None]) for n in range(15)],
        [lit(room(0), abs(n - 7) / 7) for n in range(15)],
        [np.roll(room(0), 12 * n, 1) for n in range(15)],
        [np.roll(room(0), (-1) ** n * 10, (0, 1)[n % 2]) for n in range(15)],
    ],
    ids=["flash", "brighter for a frame", "lights on", "light from the other side", "fade out and in", "pan", "shake"],
)
def test_what_is_no_cut_ends_nothing(images: list[np.ndarray]) -> None:
    assert tracked_ids(images) == [[1]] * 15


def test_a_face_keeps_its_id_when_the_size_of_the_pictures_changes() -> None:
    images = [room(0)] * 10 + [cv2.resize(room(0), (320, 180), interpolation=cv2.INTER_AREA)] * 10
    frames = list(film(images))
    frames[12].faces = []
    found = list(Track().run(Frames(frames)))
    assert [ids(frame.faces) for frame in found] == [[1]] * 20
    assert found[11].faces[0].box == (135, 65, 185, 115)
    assert found[12].faces[0].box == pytest.approx((135, 65, 185, 115), abs=0.5)


def test_another_person_after_a_cut(cases: Path) -> None:
    text = f"stages:\n- file: {{path: {cases / 'cut.mp4'}}}\n- detect\n- track\n- emotions\n- smooth\n"
    found = [frame.faces for frame in Pipeline.parse(text)]
    assert [ids(faces) for faces in found] == [[1]] * 24 + [[2]] * 24
    first = found[24][0]
    assert first[SMOOTHED] == pytest.approx(first[PROBABILITIES])


def test_a_stream_that_changes_its_size(cases: Path) -> None:
    assert [ids(faces) for faces in clip(cases / "size_changes.ts")] == [[1]] * 18


@pytest.mark.parametrize("tiles", [1, 2])
def test_nobody_inherits_an_id(tiles: int, clips: Path) -> None:
    film = seen_film(Film(clips, 1, tiles))
    assert came(film) >= 5
    assert inherited(film) == 0


def test_ids_belong_to_the_run() -> None:
    stage = Track()
    assert [seen(run([[Face(box(0), 0.9)]], stage)) for _ in range(2)] == [[[(1, "detected")]]] * 2


def test_a_doubtful_face_appears_in_its_first_frame_once_it_proved_to_be_one() -> None:
    assert seen(run([[]] + [[Face(box(0), 0.55)]] * 30)) == [[]] + [[(1, "detected")]] * 30


def test_a_doubtful_face_that_flickers_is_none() -> None:
    flicker = [[Face(box(0), 0.55)] if n % 25 < 3 else [] for n in range(100)]
    assert not any(seen(run(flicker)))


def test_a_doubtful_face_in_a_single_picture_is_kept() -> None:
    assert seen(run([[Face(box(0), 0.55)]])) == [[(1, "detected")]]


def test_a_low_score_continues_a_face_but_begins_none() -> None:
    found = run([[Face(box(0), 0.9)]] * 3 + [[Face(box(0), 0.3), Face(box(300), 0.3)]] * 20)
    assert seen(found) == [[(1, "detected")]] * 23


def test_a_live_face_is_predicted_for_as_long_as_it_may_coast() -> None:
    found = seen(run([[Face(box(10 * n), 0.9)] for n in range(10)] + [[]] * 20, live=True))
    assert found == [[(1, "detected")]] * 10 + [[(1, "predicted")]] * 13 + [[]] * 7


def test_a_live_face_that_walks_is_predicted_ahead() -> None:
    found = run([[Face(box(10 * n), 0.9)] for n in range(10)] + [[]] * 5, live=True)
    assert found[14].faces[0].box[0] == pytest.approx(140, abs=5)


def test_live_frames_never_wait_and_show_a_doubtful_face_only_once_it_is_confirmed() -> None:
    taken = 0

    def camera() -> Iterator[Sequence[Face]]:
        nonlocal taken
        for _ in range(20):
            taken += 1
            yield [Face(box(0), 0.55)]

    shown = []
    for number, frame in enumerate(Track().run(Frames(frames(camera(), live=True))), 1):
        assert taken == number
        shown.append(len(frame.faces))
    assert shown == [0] * 10 + [1] * 10


def test_a_sure_face_never_waits_in_a_file() -> None:
    taken = 0

    def film() -> Iterator[Sequence[Face]]:
        nonlocal taken
        for _ in range(20):
            taken += 1
            yield [Face(box(0), 0.9)]

    assert [taken - number for number, _ in enumerate(Track().run(Frames(frames(film()))), 1)] == [0] * 20


def test_what_waits_is_bounded() -> None:
    """A clock that stands still decides nothing."""
    image = np.broadcast_to(np.uint8(0), (4320, 7680, 3))
    taken = 0

    def film() -> Iterator[Frame]:
        nonlocal taken
        source = Source("still", 7680, 4320)
        for index in range(20):
            taken += 1
            yield Frame(index, 0.0, image, source, [Face(box(0), 0.55)])

    most = max(taken - number for number, _ in enumerate(Track().run(Frames(film())), 1))
    assert most == HELD_BYTES // image.nbytes == 2


@pytest.mark.parametrize(
    "bad", [(math.nan,) * 4, (0, 0, math.inf, 9), (5, 5, 5, 5), (9, 9, 0, 0), (0, 0, 1e300, 1e300)]
)
def test_a_box_that_is_none_harms_no_track(bad: Box) -> None:
    found = run([[Face(box(10 * n), 0.9), *([Face(bad, 0.9)] if n % 3 == 1 else [])] for n in range(12)])
    assert seen(found) == [[(1, "detected")]] * 12


def test_times_that_stand_still_run_back_or_are_no_number_harm_no_track() -> None:
    source = Source("test", 640, 360)
    times = [0.0, 0.04, 0.04, math.nan, 0.02, 0.12, math.inf, 0.16, -math.inf]
    made = [Frame(n, time, GREY, source, [Face(box(5 * n), 0.9)]) for n, time in enumerate(times)]
    assert seen(Track().run(Frames(made))) == [[(1, "detected")]] * 9


def test_a_variable_frame_rate_changes_no_forecast() -> None:
    times = np.cumsum([0.01, 0.06, 0.02, 0.09, 0.04, 0.01, 0.1, 0.03] * 4)
    source = Source("test", 640, 360, live=True)
    made = [
        Frame(n, float(time), GREY, source, [Face(box(200 * time), 0.9)] if n < 28 else [])
        for n, time in enumerate(times)
    ]
    found = list(Track().run(Frames(made)))
    assert found[-1].faces[0].status == "predicted"
    assert found[-1].faces[0].box[0] == pytest.approx(200 * times[-1], abs=3)


def test_two_that_walk_through_each_other_keep_their_ids() -> None:
    paths = [[Face(box(8 * n), 0.9), Face(box(480 - 8 * n, 110), 0.9)] for n in range(60)]
    for n in range(24, 36):
        del paths[n][1]
    found = run(paths)
    assert [face.track for face in sorted(found[-1].faces, key=lambda face: face.box[0])] == [2, 1]
    assert all(len(frame.faces) == 2 for frame in found)


def test_looks_tell_who_came_back() -> None:
    """One leaves, and at that moment another one comes, almost at the same place."""
    dark, bright = GREY.copy(), GREY.copy()
    dark[:], bright[:] = 40, 200
    source = Source("test", 640, 360)
    made = [Frame(n, n / 25, dark, source, [Face(box(100), 0.9)]) for n in range(10)]
    made += [Frame(n, n / 25, bright, source, [Face(box(140, 110), 0.9)]) for n in range(10, 20)]
    assert [ids(frame.faces) for frame in Track().run(Frames(made))] == [[1]] * 10 + [[2]] * 10


@pytest.mark.parametrize(("grey", "number"), [(40, 1), (90, 2)], ids=["looks as before", "looks different"])
def test_who_sets_out_unseen_is_known_again_by_looks(grey: int, number: int) -> None:
    """A face that stood still comes back after a second, farther away than its forecast can tell."""
    source = Source("test", 640, 360)
    found = [[Face(box(0), 0.9)]] * 5 + [[]] * 25 + [[Face(box(400), 0.9)]] * 5
    made = [
        Frame(n, n / 25, np.full_like(GREY, grey if n >= 30 else 40), source, list(faces))
        for n, faces in enumerate(found)
    ]
    seen_as = [ids(frame.faces) for frame in Track().run(Frames(made))]
    assert seen_as[:5] + seen_as[30:] == [[1]] * 5 + [[number]] * 5


def test_who_comes_out_from_behind_another_is_not_taken_for_a_new_face() -> None:
    """At first there is more of the other to see than of the face itself."""
    source = Source("test", 640, 360)
    found = [[Face(box(100), 0.9)]] * 10 + [[]] * 5 + [[Face(box(150), 0.55)]] * 2 + [[Face(box(150), 0.9)]] * 5
    made = [Frame(n, n / 25, np.full_like(GREY, 80 if n in (15, 16) else 40), source, f) for n, f in enumerate(found)]
    found_again = [[(1, "detected")]] * 10 + [[(1, "predicted")]] * 7 + [[(1, "detected")]] * 5
    assert seen(Track().run(Frames(made))) == found_again


def test_a_sure_detection_between_two_faces_leaves_the_doubtful_one_its_own() -> None:
    sides = [Face(box(100), 0.9), Face(box(200), 0.9)]
    found = run([sides] * 5 + [[Face(box(145), 0.9), Face(box(100), 0.6)]])
    assert [(face.track, face.box) for face in found[5].faces] == [(1, box(100)), (2, box(145))]


def test_no_frame_is_lost_and_the_order_is_kept() -> None:
    random = np.random.default_rng(0)
    faces = [
        [Face(box(float(x)), float(random.uniform(0.4, 1))) for x in random.uniform(0, 540, random.integers(0, 4))]
        for _ in range(300)
    ]
    assert [frame.index for frame in run(faces)] == list(range(300))


@pytest.mark.parametrize("shape", [(1, 1), (1, 4), (5, 2), (7, 7), (40, 60), (60, 40)])
def test_pairs_are_those_of_least_cost(shape: tuple[int, int]) -> None:
    random = np.random.default_rng(1)
    for _ in range(20):
        costs = np.where(random.random(shape) < 0.3, 1e6, random.normal(size=shape))
        rows, columns = linear_sum_assignment(costs)
        assert assign(costs.tolist()) == list(zip(rows.tolist(), columns.tolist(), strict=True))


def test_the_filter_is_the_textbooks() -> None:
    random, book = np.random.default_rng(2), KalmanFilter(8, 4)
    book.H, book.P = np.eye(4, 8), np.diag(random.uniform(1, 9, 8))
    state, covariance = book.x[:, 0], book.P
    for seconds in random.uniform(0.01, 0.5, 200):
        forward, disturbed = np.eye(8) + seconds * np.eye(8, k=4), np.diag(random.uniform(size=8))
        book.predict(F=forward, Q=disturbed)
        state, covariance = kalman.predict(state, covariance, forward, disturbed)
        measured, noise = random.normal(size=4), random.uniform(0.1, 1, 4)
        book.update(measured, R=np.diag(noise))
        state, covariance = kalman.correct(state, covariance, measured, noise)
        np.testing.assert_allclose(state, book.x[:, 0], rtol=1e-9)
        np.testing.assert_allclose(covariance, book.P, rtol=1e-9, atol=1e-12)
