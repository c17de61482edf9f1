"""librpm's bindings are there for every thread that asks first."""

import subprocess
import sys

PROGRAM = """
import threading
from tproxy_rpms.librpm import load_rpm
barrier, missing = threading.Barrier(16), []
def ask():
    barrier.wait()
    missing.extend(name for name in ("_RPMVSF_NOSIGNATURES", "TransactionSet", "tagnames") if not hasattr(load_rpm(), name))
threads = [threading.Thread(target=ask) for _ in range(16)]
for thread in threads: thread.start()
for thread in threads: thread.join()
print(missing)
"""


def test_many_threads_ask_at_once() -> None:
    for _ in range(10):
        result = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True)
        assert result.stdout == "[]\n", result.stderr
