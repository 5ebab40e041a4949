"""How well `track` follows faces in a scene whose truth is known, beside plain IoU matching.

python benchmarks/tracking.py [FOLDER_OF_CLIPS]

The scene is `tests/crowd.py`'s: two to six real faces that cross, hide behind a pillar, enter and leave before a shaky
camera. `detect` runs on the composed pictures; both trackers get its detections. Scores are motmetrics' (MOTA and IDF1
as in the MOT Challenge, a match is IoU >= 0.5). As usual there, a face of which less than half can be seen is no truth
that must be found, and a box on it is not held against a tracker.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from crowd import Crowd, detections, plain_iou, score, tracked


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
            print(f"{name:32} {label:10} {score(shots, tracker(shots))}")


def scenes(clips: Path | None) -> list[Crowd]:
    return [
        Crowd(clips, faces=faces, seed=seed, shake=shake, mirrored=bool(seed % 2))
        for seed, (faces, shake) in enumerate(((2, 5.0), (3, 5.0), (4, 5.0), (6, 0.0), (6, 5.0), (6, 5.0), (6, 10.0)))
    ]


if __name__ == "__main__":
    main()
