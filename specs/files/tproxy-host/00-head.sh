#!/bin/sh
# tproxy-host: makes a host intercept web traffic for Squid with TPROXY, and undoes just that. See tproxy-host(8).
#
# Plain POSIX sh: bash 3.2 of CentOS 5, dash and busybox run it alike. Needs ip, iptables, cat, cut, grep, mkdir, rm, sed, sleep.
#
# A command that `if`, `||` or `&&` looks at may fail; what does the work returns 1 and has said why.

# Words are meant to be split, BLANKS to be part of a pattern, and what ls says of two paths to be compared.
# shellcheck disable=SC2012,SC2015,SC2046,SC2086,SC2116,SC2295

# Lists are split into words and never taken for patterns of file names; where files are meant, it says set +f.
set -f
umask 022
PATH=${PATH:+$PATH:}/usr/sbin:/sbin:/usr/bin:/bin
LC_ALL=C
export PATH LC_ALL

NAME=tproxy-host
BLANKS=' 	'
NEWLINE='
'
WORDS=$BLANKS$NEWLINE

set_root() { # DIR, empty for the host itself: where all files lie
    ROOT=$1
    CONFIG=$ROOT@CONFIG@
    RUN=$ROOT/var/run/tproxy-host
    STATE=$RUN/state
    PIECES=$ROOT/etc/squid/tproxy
    SQUID_CONF=$ROOT/etc/squid/squid.conf
}

say() { echo "$NAME: $*"; }
complain() { echo "$NAME: $*" >&2; }

attempt() { # COMMAND…: says what failed and how; a message of the program itself goes along
    said=$("$@" 2>&1) && return 0
    complain "failed: $*${said:+$NEWLINE$said}"
    return 1
}

has_line() { # TEXT LINE: whether a text has just this line
    case $NEWLINE$1$NEWLINE in *"$NEWLINE$2$NEWLINE"*) return 0 ;; esac
    return 1
}

read_value() { # FILE: the first line of a file of /proc, empty if there is none
    first=
    [ ! -r "$1" ] || IFS= read -r first < "$1" || :
    echo "$first"
}
