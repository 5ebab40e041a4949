"""How well `track` follows faces in a scene whose truth is known, beside plain IoU matching.

python benchmarks/tracking.py [FOLDER_OF_CLIPS]

The scene is `tests/crowd.py`'s: two to six real faces that cross, hide behind a pillar, enter and leave before a shaky
camera. `detect` runs on the composed pictures; both trackers get its detections. Scores are motmetrics' MOTA and IDF1;
a box is on a face from IoU 0.5 on. A face that is hidden too much need not be found, and a box on it is not counted as
false. How much is too much is a convention, so there are two rows of scores: at least 70 % must be visible (what
WIDER FACE calls heavily occluded is left out), and at least 50 %, where the detector hardly finds a face any more.

All scenes follow one script; seed and mirror image change the camera's path. The tracker was made with seeds 0 to 6 and
mended with 10 to 21; from 40 on the camera moves in ways that were not looked at then. Of those, 47 shows what is left:
someone comes before a face as it is lost, looks just not different enough, and takes over its id.

Then come 20 films, those of `tests/film.py`, for which there must be clips: speakers by hard cuts, or four at a time in
tiles that change one by one, at the very same place. An id is inherited if more than one person had it. They come at 25
pictures a second, searched all or one in five, and at 5 and 1 a second.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from crowd import Crowd, detections, plain_iou, score, tracked
from film import Film, came, ids, inherited, seen


def main() -> None:
    folder = sys.argv[1] if len(sys.argv) > 1 else os.environ.get("FERVID_DATA", "") + "/videos"
    clips = Path(folder) if Path(folder).is_dir() else None
    print(
        f"{'scene':32} {'tracker':10} {'MOTA':>6} {'IDF1':>6} {'misses':>6} {'false':>6} {'switches':>8} {'faces':>6}"
    )
    for scene in scenes(clips):
        shots = detections(scene)
        name = f"{scene.faces} faces, seed {scene.seed}, shake {scene.shake:g} px{', mirrored' * scene.mirrored}"
        for label, tracker in (("track", tracked), ("plain IoU", plain_iou)):
            for visible in (0.7, 0.5):
                print(f"{name:34} {label:10} {visible:7.0%} {score(shots, tracker(shots), visible)}")

    if clips:
        cuts(clips)


def cuts(clips: Path) -> None:
    print(f"\n{'films':34} {'people came':>11} {'ids':>5} {'inherited':>9}")
    for fps, every in ((25.0, 1), (25.0, 5), (5.0, 1), (1.0, 1)):
        for tiles, kind in ((1, "speakers"), (2, "tiles")):
            rows = [seen(Film(clips, seed, tiles, fps), every) for seed in range(10)]
            name = f"10 of {kind}, {fps:g} fps" + f", every: {every}" * (every > 1)
            print(f"{name:34} {sum(map(came, rows)):11} {sum(map(ids, rows)):5} {sum(map(inherited, rows)):9}")


def scenes(clips: Path | None) -> list[Crowd]:
    people = ((2, 5.0), (3, 5.0), (4, 5.0), (6, 0.0), (6, 5.0), (6, 5.0), (6, 10.0))
    chosen_on = [Crowd(clips, n, bool(seed % 2), shake, seed) for seed, (n, shake) in enumerate(people)]
    others = (*range(10, 22), *range(40, 48))
    return chosen_on + [Crowd(clips, 6, bool(seed % 2), 3.0 + seed % 4 * 2, seed) for seed in others]


if __name__ == "__main__":
    main()
