"""What is added to a target's own mock configuration: packages of a lock, and what a build sees of time and place."""

from tproxy_rpms.surroundings import Surroundings

LOCKED_CONFIG = """
config_opts['dnf.conf'] = \"\"\"
[main]
keepcache=1
system_cachedir=/var/cache/dnf
debuglevel=2
reposdir=/dev/null
logfile=/var/log/yum.log
obsoletes=1
gpgcheck=0
assumeyes=1
syslog_ident=mock
syslog_device=
install_weak_deps=0
metadata_expire=0
best=1
protected_packages=

[locked]
name=packages of the lock, each checked by its SHA-256
baseurl=file://{mirror}
skip_if_unavailable=False
\"\"\"
"""


# What a build sees of time and place, as in every builder. rpm before 4.14 and kernels before 2.6.38 ask for user and host.
JOB_CONFIG = """
config_opts['environment']['SOURCE_DATE_EPOCH'] = '{epoch}'
config_opts['environment']['TZ'] = '{seen.timezone}'
config_opts['hostname'] = '{seen.host}'
config_opts['chrootuser'] = '{seen.user}'
config_opts['chroothome'] = '{seen.directory}'
config_opts['macros']['%_topdir'] = '{seen.directory}/build'
"""
SECOND_CONFIG = """
config_opts['environment']['LC_ALL'] = '{seen.locale}'
config_opts['plugin_conf']['root_cache_enable'] = False
"""
OWN = Surroundings(
    directory="/builddir", host="buildhost", user="mockbuild", timezone="UTC", locale="the configuration's",
    root="mock's root cache", disk="memory or disk",
)  # fmt: skip
SECOND = Surroundings(
    directory="/var/lib/another/place", host="elsewhere", user="somebody", timezone="<+1345>-13:45", locale="fr_FR.UTF-8",
    root="installed anew", disk="disk",
)  # fmt: skip
KEPT = {
    "user id": "mock builds as the user who calls it",
    "clock": "the root has nothing to change it: the time that passes between the two builds is the difference",
    "umask": "mock sets its own",
}
