"""python -m tproxy_rpms: the same as tproxy-rpms."""

import sys

from tproxy_rpms.cli import main

sys.exit(main())
