"""The tasks of a release: doit [release=NAME|FILE] [TASK…]."""

from tproxy_rpms.tasks import open_project

globals().update(open_project(__file__))
