"""Adds to the saved inputs of a target the few found ones that reach most of the code which the saved ones do not.

    keep.py CONTROL SAVED BYTES_MAX

CONTROL is the control file of a libFuzzer merge, which lists what each input reaches. The test suite reads and
replays all saved inputs at every run, so a target keeps FILES_MAX files; each must reach EDGES_MIN places more.
"""

import hashlib
import pathlib
import sys

FILES_MAX = 40
EDGES_MIN = 3


def main(control, saved, bytes_max):
    saved = pathlib.Path(saved)
    lines = pathlib.Path(control).read_text().splitlines()
    count, known = int(lines[0]), int(lines[1])
    files = [pathlib.Path(name) for name in lines[2 : 2 + count]]
    reached = [set() for _ in files]
    for line in lines[2 + count :]:
        kind, number, *places = line.split()
        if kind == "FT":
            reached[int(number)] = set(map(int, places))

    covered = set().union(*reached[:known])
    left = [at for at in range(known, count) if files[at].stat().st_size <= int(bytes_max)]
    for _ in range(FILES_MAX - len(list(saved.iterdir()))):
        best = max(left, key=lambda at: (len(reached[at] - covered), -files[at].stat().st_size), default=None)
        if best is None or len(reached[best] - covered) < EDGES_MIN:
            break
        covered |= reached[best]
        text = files[best].read_bytes()
        (saved / ("found_" + hashlib.sha1(text).hexdigest()[:8])).write_bytes(text)


main(*sys.argv[1:])
