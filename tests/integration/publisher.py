"""Publishes snapshots in turn, for ever: a process to be killed. Arguments: place, options of ssh in one word, composed trees."""

import itertools
import shlex
import sys
from pathlib import Path

from tproxy_rpms.publish.place import open_place
from tproxy_rpms.publish.snapshots import publish_snapshot
from tproxy_rpms.release.model import Publishing

if __name__ == "__main__":
    place, options, *trees = sys.argv[1:]
    publishing = Publishing(to=place, ssh=tuple(shlex.split(options)), keep=2, grace=0)
    for tree in itertools.cycle(trees):
        publish_snapshot(open_place(publishing), Path(tree), publishing)
        print(tree, flush=True)
