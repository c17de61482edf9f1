# Installs tproxy-host below DESTDIR: the program out of its parts, and what belongs to it with the target's places filled in.
# DESTDIR, SBINDIR, CONFIG (the configuration's path), DOCS, INIT (sysv or systemd) come from the environment.
set -eu
here=$(cd "$(dirname "$0")" && pwd)

fill() { # MODE PLACE FILE…
    mode=$1 place=$DESTDIR$2
    shift 2
    mkdir -p "${place%/*}"
    (cd "$here" && cat "$@") | sed -e "s|@SBINDIR@|$SBINDIR|g" -e "s|@CONFIG@|$CONFIG|g" -e "s|@DOCS@|$DOCS|g" > "$place"
    chmod "$mode" "$place"
}

fill 755 "$SBINDIR/tproxy-host" 00-head.sh 10-config.sh 20-journal.sh 30-rules.sh 40-network.sh 50-squid.sh 60-service.sh \
    70-check.sh 75-check-squid.sh 90-main.sh
fill 600 "$CONFIG" tproxy-host.conf
fill 755 /etc/iptables.d/tproxy-host iptables-hook
fill 644 /usr/share/man/man8/tproxy-host.8 tproxy-host.8
fill 644 "$DOCS/README" README
case $INIT in
    sysv) fill 755 /etc/rc.d/init.d/tproxy-host tproxy-host.init ;;
    systemd) fill 644 /lib/systemd/system/tproxy-host.service tproxy-host.service ;;
    *) echo "install.sh: INIT=$INIT: sysv or systemd" >&2 && exit 1 ;;
esac
# The pieces of squid.conf as the program itself writes them for the default configuration.
sh "$DESTDIR$SBINDIR/tproxy-host" --root "$DESTDIR" squid-conf
