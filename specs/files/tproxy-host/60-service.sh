
# ---- start, stop, status

describe_plan() { # all that shapes what start does, in one line: the same again is nothing to do
    echo "$MARK/$MASK $TABLE $FAMILIES $INTERFACES; $WCCP_ROUTERS $WCCP_FORWARDING $WCCP_INTERFACE $WCCP_ADDRESS;" $PLAN
}

apply() { # everything, in the order of need; stops at the first that fails
    begin_journal || return 1
    note plan "$(describe_plan)" || return 1
    raise_loopback && make_tunnel && set_sysctls || return 1
    for family in $FAMILIES; do
        add_ip_rule "$family" && add_route "$family" || return 1
    done
    install_rules && write_pieces && note 'done'
}

prepare() { # what has to be known first; nothing is changed but that modules are loaded
    check_host || return 6
    choose_options
    load_modules
    choose_families || return 1
    make_plan
    if [ "$FIREWALL" = RH-Firewall-1-INPUT ] && ! tables 4 -t filter -S "$FIREWALL" > /dev/null 2>&1; then
        complain "$CONFIG: FIREWALL: there is no chain $FIREWALL; start the service iptables first, or write auto"
        return 6
    fi
    ! load_journal || check_room
}

start() {
    prepare || return
    if is_started && [ "$(list_journal plan)" = "$(describe_plan)" ] && is_complete; then
        write_pieces || return 1
        say 'is started'
        return
    fi
    trap 'undo; exit 1' HUP INT TERM
    adopted=no
    if load_journal; then
        undo || : # another plan, or one that is no longer whole
        sweep || : # a saved file's, of a plan before that
        # What undo has removed can change the plan: whose chain stands there.
        make_plan
    elif forget_rules; then
        adopted=yes
    fi
    if ! apply; then
        undo
        complain 'not started; what was done is undone'
        return 1
    fi
    trap - HUP INT TERM
    say "started: port ${PORTS} of ${INTERFACES:-any interface} goes to Squid's port $TPROXY_PORT$(describe_families)"
}

describe_families() { case $FAMILIES in *6) echo ' (IPv4 and IPv6)' ;; esac; }

stop() {
    choose_options
    if load_journal; then
        undo || return 1
    else
        forget_saved || :
    fi
    sweep || :
    say 'stopped'
}

forget_saved() { # no journal: what a saved file of rules has brought back, as far as the configuration tells
    (read_config) > /dev/null 2>&1 && read_config && choose_families 2> /dev/null || return 1
    make_plan
    forget_rules || return 0
    adopted=yes
    begin_journal || return 1
    for family in $FAMILIES; do
        ! has_route "$family" || note iproute "$family" "$TABLE"
        ! has_ip_rule "$family" || note iprule "$family" "$MARK/$MASK" "$TABLE"
    done
    chains=$(list_plan_chains)
    IFS=$NEWLINE
    set -- $chains
    IFS=$WORDS
    for entry in "$@"; do
        [ -n "$(list_rules $entry)" ] || note chain $entry
    done
    undo
}

# -- status: each thing that was done is looked for

is_complete() { examine > /dev/null; }

examine() { # a line each, of the journal that is loaded; 1 if one is missing
    incomplete=0
    IFS=$NEWLINE
    set -- $JOURNAL
    IFS=$WORDS
    place=
    for entry in "$@"; do
        examine_entry $entry
    done
    return $incomplete
}

tell() { # STATUS WHAT
    case $1 in
        0) echo "there    $2" ;;
        *) echo "missing  $2" && incomplete=1 ;;
    esac
}

examine_entry() { # KIND FIELD…
    kind=$1
    shift
    case $kind in
        sysctl)
            now=$(read_value "$1")
            if [ "$now" = "$3" ]; then tell 0 "setting $1 = $3"; else tell 1 "setting $1 = $3: it is $now"; fi
            ;;
        iprule) has_ip_rule "$1" && found=0 || found=1; tell $found "ip rule fwmark $2 lookup $3 ($(family_name "$1"))" ;;
        iproute) has_route "$1" && found=0 || found=1; tell $found "ip route local $(whole_net "$1") dev lo table $2" ;;
        tunnel) ip link show "$1" > /dev/null 2>&1 && found=0 || found=1; tell $found "tunnel $1" ;;
        link) case $(ip link show "$1" 2> /dev/null) in *[\<,]UP[\>,]*) found=0 ;; *) found=1 ;; esac; tell $found "interface $1 is up" ;;
        chain) tables "$1" -t "$2" -S "$3" > /dev/null 2>&1 && found=0 || found=1; tell $found "chain $3 of the $2 table ($(family_name "$1"))" ;;
        seen)
            chain=$4 # FAMILY TABLE -A CHAIN …
            if [ "$place" != "$1 $2 $chain" ]; then place="$1 $2 $chain" printed=$(list_rules "$1" "$2" "$chain"); fi
            has_line "$printed" "$(shift 2; echo "$*")" && found=0 || found=1
            tell $found "$(family_name "$1") rule $2 $(shift 3; echo "$*")"
            ;;
    esac
}

status() {
    if ! load_journal; then
        say 'is not started'
        return 3
    fi
    choose_options
    # The words of ip rule and ip route are those of the plan that was started with.
    set -- $(list_journal plan)
    MARK=${1%/*} MASK=${1#*/} TABLE=$2
    if ! is_started; then
        say 'was stopped in the middle of starting: run tproxy-host start'
        examine
        return 1
    fi
    say 'is started'
    examine
}
