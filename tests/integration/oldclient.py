"""CentOS 5's clients, written anew for tests: what rpm 4.4.2.3 and yum 3.2.22 have against packages and repositories.

No CentOS 5 can be run here, so this stands for it. It shares no code with tproxy_rpms, and uses no rpm and no gpg.
"""

from .oldpgp import Key, check_key, read_key
from .oldrpm import check_rpm
from .oldyum import Package, Repository, read_mirrorlist, read_repository

__all__ = ["Key", "Package", "Repository", "check_key", "check_rpm", "read_key", "read_mirrorlist", "read_repository"]
