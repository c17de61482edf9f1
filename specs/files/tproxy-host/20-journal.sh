
# ---- the journal: what was done to the host, a line each, so that just this is undone, newest first

# Its first line says which boot and network it is about: another's is of no use.
#   rule FAMILY TABLE CHAIN WORDS…   chain FAMILY TABLE CHAIN   iprule FAMILY MARK TABLE   iproute FAMILY TABLE
#   sysctl PATH OLD NEW              forwarding PATH OLD        tunnel NAME                link NAME
#   seen FAMILY TABLE LINE           how iptables prints a rule of ours; nothing to undo
#   plan WORDS…                      what was asked for; nothing to undo
#   done                             everything that start does was done

identify_network() {
    network=$(readlink /proc/self/ns/net 2> /dev/null) || network=
    echo "about $(read_value /proc/sys/kernel/random/boot_id) $network"
}

note() { echo "$*" >> "$STATE" || { complain "$STATE: cannot be written"; return 1; }; }

begin_journal() {
    mkdir -p "$RUN" && identify_network > "$STATE" && return 0
    complain "$STATE: cannot be written"
    return 1
}

load_journal() { # 0 and JOURNAL, or 1 if there is none that is about this boot
    JOURNAL=
    [ -r "$STATE" ] || return 1
    [ "$(read_value "$STATE")" = "$(identify_network)" ] || return 1
    JOURNAL=$(cat "$STATE")
}

is_started() { load_journal && has_line "$JOURNAL" 'done'; }

list_journal() { # KIND: the lines of one kind, without the kind
    printf '%s\n' "$JOURNAL" | sed -n "s/^$1 //p"
}

undo() { # 0, or 1 if something of ours is left
    load_journal || return 0
    backwards=
    IFS=$NEWLINE
    for entry in $JOURNAL; do backwards=$entry$NEWLINE$backwards; done
    # The fields of an entry, so that a function's own arguments hold the rest.
    set -- $backwards
    IFS=$WORDS
    left=0 forwarding_reset=0
    for entry in "$@"; do
        undo_entry $entry || left=1
    done
    rm -f "$STATE"
    return $left
}

undo_entry() { # KIND FIELD…
    kind=$1
    shift
    case $kind in
        rule) remove_rule "$@" || : ;; # whoever flushed the chain has removed it before us
        chain) remove_chain "$@" ;;
        iprule) remove_ip_rule "$@" || : ;;
        iproute) ip $(family_option "$1") route del local "$(whole_net "$1")" dev lo table "$2" > /dev/null 2>&1 || : ;;
        sysctl) restore_sysctl "$@" ;;
        forwarding) [ $forwarding_reset = 0 ] || [ ! -e "$1" ] || echo "$2" > "$1" ;; # an interface may have gone
        tunnel) ip tunnel del "$1" > /dev/null 2>&1 || : ;;
        link) ip link set "$1" down > /dev/null 2>&1 || : ;;
    esac
}

restore_sysctl() { # PATH OLD NEW: only if nobody has changed it since
    [ "$(read_value "$1")" = "$3" ] || return 0
    echo "$2" > "$1" || return 1
    case $1 in */net/ipv4/ip_forward) forwarding_reset=1 ;; esac
}

# ---- one at a time

take_lock() {
    mkdir -p "$RUN" || return 1
    if command -v flock > /dev/null 2>&1; then
        exec 9> "$RUN/lock"
        flock 9 && return 0
        complain "$RUN/lock: cannot be locked"
        return 1
    fi
    tries=60
    until mkdir "$RUN/lock.d" 2> /dev/null; do
        owner=$(read_value "$RUN/lock.d/pid")
        if [ -n "$owner" ] && ! [ -d "/proc/$owner" ]; then
            rm -rf "$RUN/lock.d" # who held it is gone
            continue
        fi
        tries=$((tries - 1))
        if [ $tries = 0 ]; then
            complain "process ${owner:-?} holds $RUN/lock.d; remove it if that one has nothing to do with $NAME"
            return 1
        fi
        sleep 1
    done
    echo $$ > "$RUN/lock.d/pid"
    trap 'rm -rf "$RUN/lock.d"' EXIT
}
