"""The tasks of a release: doit [release=NAME|FILE] [TASK…]."""

from pathlib import Path

from doit import doit_cmd

from tproxy_rpms.tasks import create_namespace

# doit has no public way to list the NAME=VALUE words that it was given, only to ask for one by name.
globals().update(create_namespace(doit_cmd._CMDLINE_VARS or {}, root=Path(__file__).parent))
