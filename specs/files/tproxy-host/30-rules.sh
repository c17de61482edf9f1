
# ---- the rules

family_option() { [ "$1" = 4 ] || echo -6; }
family_name() { if [ "$1" = 4 ]; then echo IPv4; else echo IPv6; fi; }
whole_net() { if [ "$1" = 4 ]; then echo 0.0.0.0/0; else echo ::/0; fi; }

number_version() { # VERSION: one number to compare its first three by
    IFS=.
    set -- ${1%%[!0-9.]*} 0 0 0
    IFS=$WORDS
    echo $(($1 * 1000000 + $2 * 1000 + $3))
}

read_iptables_version() { # "1.8.9", or nothing without iptables
    set -- $(iptables --version 2> /dev/null)
    echo "${2#v}"
}

choose_options() { # -w waits for others that change rules; it came with 1.4.20
    WAIT=
    version=$(read_iptables_version)
    [ "$(number_version "${version:-0}")" -lt 1004020 ] || WAIT=-w
}

tables() { # FAMILY ARGUMENT…: iptables or ip6tables
    case $1 in 4) tool=iptables ;; *) tool=ip6tables ;; esac
    shift
    "$tool" $WAIT "$@"
}

attempt_tables() { # FAMILY ARGUMENT…
    case $1 in 4) tool=iptables ;; *) tool=ip6tables ;; esac
    shift
    attempt "$tool" $WAIT "$@"
}

remove_rule() { # FAMILY TABLE CHAIN WORDS…: 1 if it was not there
    removed_in="$1 -t $2 -D $3"
    shift 3
    tables $removed_in "$@" > /dev/null 2>&1
}

remove_chain() { # FAMILY TABLE CHAIN
    tables "$1" -t "$2" -S "$3" > /dev/null 2>&1 || return 0
    tables "$1" -t "$2" -X "$3" > /dev/null 2>&1 && return 0
    complain "the chain $3 of the $2 table ($(family_name "$1")) stays: rules that are not ours are in it, or lead to it"
    return 1
}

list_rules() { # FAMILY TABLE CHAIN: a line each, as iptables prints them
    tables "$1" -t "$2" -S "$3" 2> /dev/null | sed -n -e 's/ *$//' -e '/^-A /p'
}

# -- what this kernel and iptables can

can() { case " $ABLE " in *" $1 "*) return 0 ;; esac; return 1; } # FAMILY-FEATURE

probe_rules() { # FAMILY: tries each kind of rule in a chain of its own; 1 and LACKS if a needed one is missing
    LACKS=
    trial="$1 -t mangle -A $NAME"
    if ! said=$(tables "$1" -t mangle -N $NAME 2>&1) && ! said=$(tables "$1" -t mangle -F $NAME 2>&1); then
        LACKS="the mangle table ($said); modules ip_tables and iptable_mangle, CONFIG_IP_NF_MANGLE"
        return 1
    fi
    for feature in socket TPROXY MARK mark comment addrtype; do
        case $feature in
            socket) words='-p tcp -m socket -j ACCEPT' need='module xt_socket, CONFIG_NETFILTER_XT_MATCH_SOCKET' ;;
            TPROXY) words="-p tcp -m tcp --dport 80 -j TPROXY --on-port $TPROXY_PORT --tproxy-mark $MARK/$MASK"
                need='module xt_TPROXY, CONFIG_NETFILTER_XT_TARGET_TPROXY' ;;
            MARK) words="-j MARK --set-mark $MARK/$MASK" need='module xt_mark or xt_MARK, CONFIG_NETFILTER_XT_TARGET_MARK' ;;
            mark) words="-m mark --mark $MARK/$MASK -j ACCEPT" need='module xt_mark, CONFIG_NETFILTER_XT_MATCH_MARK' ;;
            comment) words="-m comment --comment $NAME -j ACCEPT" need= ;;
            addrtype) words='-m addrtype ! --dst-type LOCAL -j ACCEPT' need= ;;
        esac
        if said=$(tables $trial $words 2>&1); then
            ABLE="$ABLE $1-$feature"
        elif [ -n "$need" ]; then
            LACKS="${LACKS:+$LACKS$NEWLINE}$feature ($need): $said"
        fi
    done
    clear_probe "$1"
    [ -z "$LACKS" ]
}

clear_probe() { tables "$1" -t mangle -F $NAME && tables "$1" -t mangle -X $NAME; } > /dev/null 2>&1

lists_ipv6() { case " $LOCALNET" in *:*) return 0 ;; esac; return 1; }

choose_families() { # FAMILIES and ABLE; 1 if what was asked for cannot be
    ABLE='' FAMILIES=4
    if [ -z "$(read_iptables_version)" ]; then
        complain "there is no iptables: install it (the package iptables), or mend PATH, which is $PATH"
        return 1
    fi
    if ! probe_rules 4; then
        complain "IPv4 rules cannot be made; the kernel or iptables lacks:$NEWLINE$LACKS"
        [ -z "$unloaded" ] || complain "modprobe could not load$unloaded; without modules they must be part of the kernel"
        return 1
    fi
    case $IPV6 in
        no) return 0 ;;
        auto) lists_ipv6 && [ -e /proc/net/if_inet6 ] && command -v ip6tables > /dev/null 2>&1 || return 0 ;;
    esac
    if probe_rules 6; then
        FAMILIES='4 6'
    elif [ "$IPV6" = yes ]; then
        complain "IPv6 rules cannot be made (IPV6=yes in $CONFIG; write auto or no); the kernel or ip6tables lacks:$NEWLINE$LACKS"
        return 1
    fi
}

# -- the plan: FAMILY TABLE CHAIN WORDS…, a line a rule, in their order; each chain's rules are to stand first in it

make_plan() { # PLAN
    PLAN=$(for family in $FAMILIES; do plan_family "$family"; done)
}

plan_family() { # FAMILY
    own=
    ! can "$1-comment" || own="-m comment --comment $NAME "
    echo "$1 mangle DIVERT $own-j MARK --set-mark $MARK/$MASK"
    echo "$1 mangle DIVERT $own-j ACCEPT"
    echo "$1 mangle PREROUTING -p tcp -m socket $own-j DIVERT"
    not_local=
    if can "$1-addrtype"; then
        not_local='-m addrtype ! --dst-type LOCAL '
    else
        for port in $PORTS; do
            for address in $(list_own_addresses "$1"); do
                echo "$1 mangle PREROUTING -d $address -p tcp -m tcp --dport $port $own-j ACCEPT"
            done
        done
    fi
    for interface in ${INTERFACES:-any}; do plan_interface "$1" "$interface"; done
    [ "$1" = 6 ] || [ -z "$INTERFACES" ] || ! uses_gre || plan_interface "$1" "$WCCP_INTERFACE"
    plan_filter "$1" "$(choose_firewall "$1")"
}

plan_interface() { # FAMILY INTERFACE
    from="-i $2 "
    [ "$2" != any ] || from=
    for port in $PORTS; do
        echo "$1 mangle PREROUTING $from-p tcp ${not_local}-m tcp --dport $port $own-j TPROXY --on-port $TPROXY_PORT --tproxy-mark $MARK/$MASK"
    done
}

list_own_addresses() { # FAMILY
    case $1 in
        4) ip addr show | sed -n 's/^ *inet \([0-9.]*\).*/\1/p' | grep -v '^127\.' ;;
        6) ip -6 addr show | sed -n 's/^ *inet6 \([0-9a-f:]*\).*/\1/p' | grep -v '^::1$' ;;
    esac
}

choose_firewall() { # FAMILY: the filter chain that our rules go to, or none
    case $FIREWALL in
        auto)
            if tables "$1" -t filter -S RH-Firewall-1-INPUT > /dev/null 2>&1; then echo RH-Firewall-1-INPUT; else echo LocalFW; fi
            ;;
        RH-Firewall-1-INPUT) if [ "$1" = 4 ]; then echo "$FIREWALL"; else echo none; fi ;;
        *) echo "$FIREWALL" ;;
    esac
}

plan_filter() { # FAMILY CHAIN
    [ "$2" != none ] || return 0
    if [ "$2" = LocalFW ]; then
        echo "$1 filter $2 -i lo $own-j ACCEPT"
        if [ "$1" = 4 ]; then
            echo "$1 filter $2 -p icmp -m icmp --icmp-type any $own-j ACCEPT"
        else
            echo "$1 filter $2 -p ipv6-icmp $own-j ACCEPT"
        fi
    fi
    # What was intercepted still has the server's address and port: a firewall that knows Squid's ports alone would drop it.
    echo "$1 filter $2 -p tcp -m mark --mark $MARK/$MASK $own-j ACCEPT"
    if [ "$1" = 4 ]; then
        for router in $WCCP_ROUTERS; do
            echo "$1 filter $2 -s $router -p udp -m udp --dport 2048 $own-j ACCEPT"
        done
        if uses_gre; then
            echo "$1 filter INPUT -i $WCCP_INTERFACE $own-j ACCEPT"
            echo "$1 filter INPUT -p 47 $own-j ACCEPT"
        fi
    fi
    if [ "$2" = LocalFW ]; then
        echo "$1 filter INPUT $own-j $2"
        echo "$1 filter FORWARD $own-j $2"
    fi
}

# -- put the plan to work

list_plan_chains() { # the chains of the plan that are ours, once each
    for family in $FAMILIES; do
        echo "$family mangle DIVERT"
        case $NEWLINE$PLAN in *"$NEWLINE$family filter LocalFW "*) echo "$family filter LocalFW" ;; esac
    done
}

has_table() { # FAMILY TABLE: whether the kernel has it; to ask for its rules would load it
    case $1 in 4) names=/proc/net/ip_tables_names ;; *) names=/proc/net/ip6_tables_names ;; esac
    ! grep -qx "$2" $names 2> /dev/null || return 0
    case $(iptables --version 2> /dev/null) in *nf_tables*) return 0 ;; esac # which has no such list
    return 1
}

sweep() { # remove rules that carry our comment, whatever settings they were made with: a saved file's; 1 if there was none
    swept=1
    for family in 4 6; do
        for table in mangle filter; do
            ! has_table $family $table || sweep_table $family $table
        done
    done
    return $swept
}

sweep_table() { # FAMILY TABLE; with chains of ours that held nothing else
    emptied=
    for chain in $(tables "$1" -t "$2" -S 2> /dev/null | sed -n 's/^-[NP] \([^ ]*\).*/\1/p'); do
        backwards=
        for number in $(list_rules "$1" "$2" "$chain" | grep -n -e "--comment \"\{0,1\}$NAME\"\{0,1\} -j " | cut -d : -f 1); do
            backwards="$number $backwards"
        done
        [ -n "$backwards" ] || continue
        # By their numbers: what iptables prints, it does not always read.
        for number in $backwards; do
            if tables "$1" -t "$2" -D "$chain" "$number" > /dev/null 2>&1; then swept=0; fi
        done
        case $chain in DIVERT | LocalFW) [ -n "$(list_rules "$1" "$2" "$chain")" ] || emptied="$emptied $chain" ;; esac
    done
    for chain in $emptied; do tables "$1" -t "$2" -X "$chain" > /dev/null 2>&1 || :; done
}

forget_rules() { # remove what of the plan is there without a journal: ours, out of a saved file; 1 if nothing was
    if sweep; then forgotten=0; else forgotten=1; fi
    IFS=$NEWLINE
    set -- $PLAN
    IFS=$WORDS
    for entry in "$@"; do
        if remove_rule $entry; then forgotten=0; fi
    done
    return $forgotten
}

make_chain() { # FAMILY TABLE CHAIN
    if tables "$1" -t "$2" -S "$3" > /dev/null 2>&1; then
        foreign=$(list_rules "$1" "$2" "$3")
        # An empty one that held our rules until now was ours before a saved file brought it back.
        if [ -z "$foreign" ] && [ "$adopted" = yes ]; then
            note chain "$@"
            return
        fi
        [ "$3" = DIVERT ] || return 0
        foreign=$(echo "$foreign" | grep -v -e '-j ACCEPT$' -e "-j MARK --set-xmark $MARK/\($MASK\|0xffffffff\)\$")
        [ -n "$foreign" ] || return 0
        complain "the mangle table's chain DIVERT is somebody else's ($(family_name "$1")):$NEWLINE$foreign${NEWLINE}Remove or rename it"
        return 1
    fi
    note chain "$@" && attempt_tables "$1" -t "$2" -N "$3"
}

install_rules() {
    chains=$(list_plan_chains)
    IFS=$NEWLINE
    set -- $chains
    IFS=$WORDS
    for entry in "$@"; do
        make_chain $entry || return 1
    done
    IFS=$NEWLINE
    set -- $PLAN
    IFS=$WORDS
    place=
    for entry in "$@"; do
        install_rule $entry || return 1
    done
    place=
    for entry in "$@"; do
        remember_rule $entry || return 1
    done
}

install_rule() { # FAMILY TABLE CHAIN WORDS…
    if [ "$place" != "$1 $2 $3" ]; then place="$1 $2 $3" position=0; fi
    position=$((position + 1))
    note rule "$@" || return 1
    inserted_in="$1 -t $2 -I $3 $position"
    shift 3
    attempt_tables $inserted_in "$@"
}

remember_rule() { # FAMILY TABLE CHAIN WORDS…: how iptables prints it, which differs among versions
    if [ "$place" != "$1 $2 $3" ]; then place="$1 $2 $3" position=0 printed=$(list_rules "$1" "$2" "$3"); fi
    position=$((position + 1))
    note seen "$1 $2 $(echo "$printed" | sed -n "${position}p")"
}
