
# -- check, second part: squid

find_squid() { command -v squid 2> /dev/null || { [ ! -x /usr/sbin/squid ] || echo /usr/sbin/squid; }; }

check_squid() {
    squid=$(find_squid)
    if [ -z "$squid" ]; then
        bad squid 'there is no squid on PATH' 'install the package squid'
        return
    fi
    case $("$squid" -v 2>&1) in
        *--enable-linux-netfilter*) ok squid "$squid was built with --enable-linux-netfilter" ;;
        *) bad squid "$squid was built without --enable-linux-netfilter" 'install the squid of this release' ;;
    esac
    # The one text or the other is compiled in, static or not; a libcap1 would not do, and configure takes none.
    if grep -q 'Missing needed capability support' "$squid" 2> /dev/null; then
        bad squid "$squid was built without libcap: it cannot keep the capability that TPROXY needs" 'install the squid of this release'
    elif grep -q 'Error enabling needed capabilities' "$squid" 2> /dev/null; then
        ok squid "$squid was built with libcap"
    else
        warn squid "cannot tell whether $squid was built with libcap" "see: ldd $squid"
    fi
}

find_included() { # WORDS of an include line: the files
    for pattern in $1; do
        pattern=$ROOT${pattern#"$ROOT"}
        set +f
        echo $pattern
        set -f
    done
}

list_squid_conf() { # FILE DEPTH: its lines, and those of the files that it includes
    [ -r "$1" ] && [ "$2" -gt 0 ] || return 0
    while read -r word rest || [ -n "$word" ]; do
        case $word in
            include)
                for included in $(find_included "$rest"); do (list_squid_conf "$included" $(($2 - 1))); done ;;
            '' | '#'*) ;;
            *) echo "$word $rest" ;;
        esac
    done < "$1"
}

check_squid_conf() {
    if [ ! -r "$SQUID_CONF" ]; then
        warn squid.conf "$SQUID_CONF cannot be read" 'run this as root, or install squid'
        return
    fi
    lines=$(list_squid_conf "$SQUID_CONF" 16)
    ports=$(echo "$lines" | sed -n "s/^http_port[$BLANKS]\{1,\}//p")
    tproxied=$(echo "$ports" | grep -c "^\(.*:\)\{0,1\}${TPROXY_PORT}[$BLANKS].*tproxy")
    if [ "$tproxied" != 0 ]; then
        ok squid.conf "http_port $TPROXY_PORT tproxy"
    else
        bad squid.conf "no line http_port $TPROXY_PORT tproxy" "put this line first: include $PIECES/*.conf"
    fi
    for port in $HTTP_PORT $TPROXY_PORT; do
        count=$(echo "$ports" | sed "s/^\([^$BLANKS]*\).*/\1/" | grep -c "^\(0\.0\.0\.0:\|\[::\]:\)\{0,1\}$port\$")
        [ "$count" -le 1 ] || bad squid.conf "http_port $port stands there $count times: the second cannot be opened" \
            "remove squid.conf's own line http_port $port; $PIECES/ports.conf has one"
    done
    for piece in ports access wccp; do
        if [ ! -r "$PIECES/$piece.conf" ]; then
            bad squid.conf "$PIECES/$piece.conf is not there" "$NAME squid-conf"
        elif [ "$(cat "$PIECES/$piece.conf")" != "$(print_$piece)" ]; then
            bad squid.conf "$PIECES/$piece.conf is not what $CONFIG says" "$NAME squid-conf, then squid -k reconfigure"
        fi
    done
    [ -z "$WCCP_ROUTERS" ] || case $lines in
        *"wccp2_router "*) ok squid.conf 'WCCP has its routers' ;;
        *) bad squid.conf 'no wccp2_router, though WCCP_ROUTERS has some' "put this line first: include $PIECES/*.conf" ;;
    esac
    if [ -n "$squid" ] && [ -z "$ROOT" ]; then
        if said=$("$squid" -k parse -f "$SQUID_CONF" 2>&1); then
            ok squid.conf 'squid -k parse finds no mistake'
        else
            bad squid.conf "squid -k parse: $(echo "$said" | grep -i -e fatal -e error -e bungled | tail -n 1)" "mend $SQUID_CONF"
        fi
    fi
}

is_listening() { # PORT: by the kernel's own tables; 0A is LISTEN
    hex=$(printf '%04X' "$1")
    grep -q -i "^ *[0-9]*: [0-9A-F]*:$hex [0-9A-F]*:0000 0A " /proc/net/tcp /proc/net/tcp6 2> /dev/null
}

check_listening() {
    if is_listening "$TPROXY_PORT"; then
        ok squid "something listens on port $TPROXY_PORT"
    else
        bad squid "nothing listens on port $TPROXY_PORT: while the rules are there, connections to port $PORTS hang" \
            "start squid, or run $NAME stop until it runs"
    fi
}

check_selinux() {
    mode=$(read_value /selinux/enforce)
    mode=${mode:-$(read_value /sys/fs/selinux/enforce)}
    [ "$mode" = 1 ] || return 0
    if ! command -v getsebool > /dev/null 2>&1; then
        warn SELinux 'is enforcing, and there is no getsebool to ask' 'install libselinux-utils'
        return
    fi
    for boolean in squid_connect_any squid_use_tproxy; do
        case $(getsebool $boolean 2> /dev/null) in
            *on) ok SELinux "$boolean is on" ;;
            *off) bad SELinux "$boolean is off" "setsebool -P $boolean 1" ;;
            *) warn SELinux "the policy knows no $boolean" 'see README.SELinux of the package squid' ;;
        esac
    done
}
