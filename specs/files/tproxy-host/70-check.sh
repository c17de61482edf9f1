
# ---- check: the page's own checks and the known traps

json=no faults=0 findings=''

report() { # LEVEL SUBJECT TEXT CURE; the text may have several lines
    [ "$1" != fail ] || faults=$((faults + 1))
    set -- "$1" "$2" "$(join_lines "$3")" "$4"
    if [ $json = yes ]; then
        findings="$findings${findings:+,$NEWLINE}  {\"level\": $(quote "$1"), \"subject\": $(quote "$2"), \"text\": $(quote "$3"), \"cure\": $(quote "$4")}"
    else
        printf '%-4s  %s: %s%s\n' "$1" "$2" "$3" "${4:+; cure: $4}"
    fi
}
join_lines() {
    IFS=$NEWLINE
    set -- $1
    IFS=$WORDS
    joined=$1
    [ $# = 0 ] || shift
    for more in "$@"; do joined="$joined, $more"; done
    echo "$joined"
}
quote() { printf '"%s"' "$(printf '%s' "$1" | tr '\t' ' ' | sed -e 's/\\/\\\\/g' -e 's/"/\\"/g')"; }
ok() { report ok "$1" "$2" ''; }
warn() { report warn "$1" "$2" "$3"; }
bad() { report fail "$1" "$2" "$3"; }

check() { # [--json]
    [ "$1" != --json ] || json=yes
    if said=$( (read_config) 2>&1); then
        read_config
        ok configuration "$CONFIG has no mistake"
        check_everything
    else
        bad configuration "$said" "mend $CONFIG; nothing else was looked at"
    fi
    [ $json = no ] || printf '[\n%s\n]\n' "$findings"
    [ $faults = 0 ]
}

check_everything() {
    choose_options
    check_kernel
    check_iptables
    check_extensions
    check_modules
    check_started
    check_order
    check_nat
    check_routing
    check_settings
    check_firewall
    check_wccp_path
    check_squid
    check_squid_conf
    check_listening
    check_selinux
}

check_kernel() {
    kernel=$(uname -r)
    if [ "$(number_version "$kernel")" -ge 2006028 ]; then
        ok kernel "$kernel"
    else
        bad kernel "$kernel has no TPROXY: it came with 2.6.28" 'boot the kernel of this release'
    fi
}

check_iptables() {
    version=$(read_iptables_version)
    program=$(command -v iptables)
    if [ -z "$version" ]; then
        bad iptables 'there is none on PATH' 'install the package iptables'
    elif [ "$(number_version "$version")" -lt 1004003 ]; then
        bad iptables "$program is $version: TPROXY came with 1.4.3" 'install the iptables of this release, and remove what stands before it on PATH'
    else
        ok iptables "$program is $version"
    fi
    others=
    IFS=:
    for folder in $PATH; do
        IFS=$WORDS
        [ ! -x "$folder/iptables" ] || is_same_file "$folder/iptables" "$program" || others="$others $folder/iptables"
    done
    IFS=$WORDS
    [ -z "$others" ] || warn iptables "there are others:$others" "$program is used; remove those that are not wanted"
}

is_same_file() { # PATH PATH, without test -ef, which POSIX has not
    [ "$(ls -Li "$1" 2> /dev/null | cut -d / -f 1)" = "$(ls -Li "$2" 2> /dev/null | cut -d / -f 1)" ]
}

check_extensions() {
    for option in '-j TPROXY' '-m socket'; do
        if iptables $option -h > /dev/null 2>&1; then
            ok extension "iptables $option"
        else
            bad extension "iptables does not know $option" 'install the iptables of this release: its folder of extensions lacks it'
        fi
    done
}

check_modules() { # the rules themselves tell more; this says where a kernel has what
    for feature in 'socket matches xt_socket MATCH_SOCKET' 'TPROXY targets xt_TPROXY TARGET_TPROXY'; do
        set -- $feature
        names=/proc/net/ip_tables_$2
        if grep -qx "$1" "$names" 2> /dev/null; then
            if grep -q "^$3 " /proc/modules 2> /dev/null; then ok module "$3 is loaded"; else ok module "$3 is part of the kernel"; fi
        elif [ ! -r "$names" ]; then
            warn module "$3: cannot look: $names is not there until iptables has run" "run $NAME start"
        else
            bad module "$3 is not there" "modprobe $3; the kernel needs CONFIG_NETFILTER_XT_$4"
        fi
    done
}

check_started() {
    if ! load_journal; then
        bad service 'is not started' "$NAME start"
    elif ! is_started; then
        bad service 'was stopped in the middle of starting' "$NAME start"
    elif said=$(examine); then
        ok service 'is started, and all that it did is there'
    else
        said=$(echo "$said" | sed -n 's/^missing *//p')
        bad service "started, but missing: $said" "$NAME restart; find out who removed it"
    fi
}

check_order() {
    for family in 4 6; do
        case "$family$(list_journal plan)" in 4* | 6*"4 6"*) check_order_of $family ;; esac
    done
}

check_order_of() { # FAMILY: socket before TPROXY, and nothing in front that ends the way
    printed=$(list_rules "$1" mangle PREROUTING)
    number=0 socket=0 target=0 blocking=
    IFS=$NEWLINE
    set -- "$1" $printed
    IFS=$WORDS
    name=$(family_name "$1")
    shift
    for entry in "$@"; do
        number=$((number + 1))
        case $entry in
            *'-m socket '*'-j DIVERT') [ $socket != 0 ] || socket=$number ;;
            *"-j TPROXY --on-port $TPROXY_PORT "*) [ $target != 0 ] || target=$number ;;
            *'-j ACCEPT' | *'-j DROP' | *'-j RETURN' | *'-j TPROXY '*)
                # An address of this host itself is passed by between the two.
                [ $target != 0 ] || { [ $socket != 0 ] && is_exception "$entry"; } || blocking="$blocking${blocking:+, }$entry" ;;
        esac
    done
    if [ $socket = 0 ] || [ $target = 0 ]; then
        bad rules "$name: the mangle table's PREROUTING has no $([ $socket != 0 ] || echo '-m socket -j DIVERT rule') $([ $target != 0 ] || echo TPROXY rule)" "$NAME restart"
    elif [ $socket -gt $target ]; then
        bad rules "$name: rule $target (TPROXY) stands before rule $socket (socket): each packet of a connection would be taken for a new one" "$NAME restart"
    elif [ -n "$blocking" ]; then
        bad rules "$name: in front of the TPROXY rule: $blocking" "remove it, or $NAME restart, which puts the rules first"
    else
        ok rules "$name: socket rule $socket, TPROXY rule $target, nothing in front that ends the way"
    fi
}

is_exception() { case $1 in '-A PREROUTING -d '*'-p tcp '*'-j ACCEPT') return 0 ;; esac; return 1; }

check_nat() {
    for family in 4 6; do
        case $family in 4) names=/proc/net/ip_tables_names ;; *) names=/proc/net/ip6_tables_names ;; esac
        grep -qx nat $names 2> /dev/null || continue # asking would load the table
        for port in $PORTS; do
            found=$(list_rules $family nat PREROUTING | grep -e "--dport $port " | grep -e '-j REDIRECT' -e '-j DNAT' | head -n 1)
            [ -z "$found" ] || warn nat "$(family_name $family) port $port is redirected, too: $found" \
                'remove it: TPROXY takes the packet first, and what it does not take would lose its address'
        done
    done
    if grep -qx raw /proc/net/ip_tables_names 2> /dev/null; then
        found=$(list_rules 4 raw PREROUTING | grep -e '-j NOTRACK' -e '-j CT --notrack' | head -n 1)
        [ -z "$found" ] || warn nat "connections are not tracked: $found" 'rules with -m state see them as INVALID; accept by the mark'
    fi
}

check_routing() {
    for family in 4 6; do
        case "$family$(list_journal plan)" in 4* | 6*"4 6"*) ;; *) continue ;; esac
        option=$(family_option $family) name=$(family_name $family)
        if has_ip_rule $family; then
            ok routing "$name: ip rule fwmark $MARK lookup $TABLE"
            check_earlier_rules $family
        else
            bad routing "$name: no ip rule for the mark $MARK" "$NAME restart"
        fi
        if has_route $family; then
            ok routing "$name: table $TABLE leads to this host"
        else
            bad routing "$name: table $TABLE has no route local $(whole_net $family) dev lo" "$NAME restart"
        fi
        case $(ip link show lo) in *[\<,]UP[\>,]*) ;; *) bad routing 'lo is down' 'ip link set lo up' ;; esac
    done
}

check_earlier_rules() { # FAMILY: a rule of a smaller number that takes the marked packets elsewhere
    IFS=$NEWLINE
    set -- $(ip $option rule show | tr "\t" " ")
    IFS=$WORDS
    for entry in "$@"; do
        if echo "$entry" | grep -q "from all $(rule_pattern)"; then return; fi
        # Only rules that ask for nothing, or for our mark, catch all that has it.
        case $entry in
            0:*) ;;
            *"fwmark $MARK"[\ /]* | *"from all lookup "*)
                bad routing "$name: this rule comes first: $entry" "give it a larger number, or remove it: ip${option:+ $option} rule del pref ${entry%%:*}" ;;
        esac
    done
}

check_settings() {
    forward=$(read_value /proc/sys/net/ipv4/ip_forward)
    if [ "$forward" = 1 ]; then
        ok settings 'net.ipv4.ip_forward = 1'
    else
        bad settings 'net.ipv4.ip_forward = 0: what is not intercepted is not forwarded' 'sysctl -w net.ipv4.ip_forward=1, and in /etc/sysctl.conf'
    fi
    strict=
    for interface in $(list_interfaces); do
        value=$(read_value "/proc/sys/net/ipv4/conf/$interface/rp_filter")
        [ "${value:-0}" = 0 ] || [ "$interface" = default ] || strict="$strict $interface"
    done
    if [ -z "$strict" ]; then
        ok settings 'rp_filter = 0 where clients come in'
    else
        bad settings "rp_filter is on:$strict; the clients' packets that come back are dropped" \
            "sysctl -w$(for interface in $strict; do printf ' net/ipv4/conf/%s/rp_filter=0' "$interface"; done), and in /etc/sysctl.conf"
    fi
    check_redirects
    if [ -e /proc/sys/net/ipv6/conf/all/forwarding ] && lists_ipv6 && [ "$(read_value /proc/sys/net/ipv6/conf/all/forwarding)" = 0 ]; then
        warn settings 'net.ipv6.conf.all.forwarding = 0: IPv6 that is not intercepted is not forwarded' 'switch it on if this host is to be an IPv6 router'
    fi
}

check_redirects() { # with one interface, the host tells clients to go around it
    on=
    if [ "$(read_value /proc/sys/net/ipv4/conf/all/send_redirects)" = 1 ]; then
        on=all
    else
        for interface in $INTERFACES; do
            [ "$(read_value "/proc/sys/net/ipv4/conf/$interface/send_redirects")" != 1 ] || on="$on $interface"
        done
    fi
    [ -z "$on" ] || warn settings "send_redirects is on ($on): where clients and their router are on one network, they are told to go around this host" \
        'sysctl -w net.ipv4.conf.all.send_redirects=0 (and of each interface) if it has one leg only'
}

check_firewall() {
    grep -qx filter /proc/net/ip_tables_names 2> /dev/null || return 0
    policy=$(tables 4 -t filter -S INPUT 2> /dev/null | sed -n 's/^-P INPUT //p')
    refusing=$(list_rules 4 filter INPUT | grep -e '-j DROP$' -e '-j REJECT' | head -n 1)
    [ "$policy" != ACCEPT ] || [ -n "$refusing" ] || return 0
    if list_all 4 filter | grep -q -e "--mark $MARK\(/$MASK\)\{0,1\} .*-j ACCEPT"; then
        ok firewall 'what was intercepted is accepted'
    else
        warn firewall "INPUT refuses things (${refusing:-policy $policy}), and no rule accepts what has the mark" \
            "FIREWALL=\"auto\" in $CONFIG, or: iptables -I INPUT -p tcp -m mark --mark $MARK/$MASK -j ACCEPT"
    fi
}

list_all() { tables "$1" -t "$2" -S 2> /dev/null | sed -n -e 's/ *$//' -e '/^-A /p'; } # FAMILY TABLE

check_wccp_path() {
    [ -n "$WCCP_ROUTERS" ] || return 0
    if uses_gre; then
        case $(ip link show "$WCCP_INTERFACE" 2> /dev/null) in
            '') bad WCCP "there is no interface $WCCP_INTERFACE" "modprobe ip_gre; $NAME restart" ;;
            *[\<,]UP[\>,]*) ok WCCP "$WCCP_INTERFACE is up" ;;
            *) bad WCCP "$WCCP_INTERFACE is down" "ip link set $WCCP_INTERFACE up" ;;
        esac
    fi
    [ -n "$WCCP_ADDRESS" ] || [ "$WCCP_INTERFACE" != wccp0 ] || [ -n "$(find_tunnel_address)" ] ||
        bad WCCP "no route leads to ${WCCP_ROUTERS%% *}" 'set WCCP_ADDRESS, or mend the routes'
    for router in $WCCP_ROUTERS; do
        if list_all 4 filter | grep -q "^-A .*-s $router\(/32\)\{0,1\} .*--dport 2048 .*-j ACCEPT"; then
            ok WCCP "UDP 2048 of $router is accepted"
        else
            warn WCCP "no rule accepts UDP 2048 of $router" "$NAME restart; with FIREWALL=\"none\" let your own firewall accept it"
        fi
    done
}
