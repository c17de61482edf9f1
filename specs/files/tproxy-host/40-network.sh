
# ---- modules, kernel settings, routing, WCCP's tunnel

uses_gre() { [ -n "$WCCP_ROUTERS" ] && [ "$WCCP_FORWARDING" = gre ]; }

load_modules() { # what cannot be loaded may be part of the kernel: the rules will tell
    unloaded=
    modules='ip_tables iptable_mangle iptable_filter xt_tcpudp nf_tproxy_core xt_TPROXY xt_socket xt_mark xt_MARK xt_comment'
    modules="$modules xt_addrtype ipt_addrtype" # since 2.6.39, and before
    [ "$IPV6" = no ] || ! lists_ipv6 || modules="$modules ip6_tables ip6table_mangle ip6table_filter"
    ! uses_gre || modules="$modules ip_gre"
    for module in $modules; do
        modprobe -q $module > /dev/null 2>&1 || unloaded="$unloaded $module"
    done
}

# -- kernel settings

list_interfaces() { # whose reverse path filter is in the way
    echo all default
    if [ -n "$INTERFACES" ]; then
        echo $INTERFACES
    else
        set +f
        for folder in /proc/sys/net/ipv4/conf/*; do
            case ${folder##*/} in all | default | lo | "$WCCP_INTERFACE") ;; *) echo "${folder##*/}" ;; esac
        done
        set -f
    fi
    ! uses_gre || echo "$WCCP_INTERFACE"
}

set_sysctl() { # PATH VALUE
    old=$(read_value "$1")
    [ "$old" != "$2" ] || return 0
    note sysctl "$1" "$old" "$2" || return 1
    echo "$2" 2> /dev/null > "$1" && return 0
    complain "$1: $2 cannot be written"
    return 1
}

set_sysctls() {
    forward=/proc/sys/net/ipv4/ip_forward
    if [ "$(read_value $forward)" = 0 ]; then
        # Switching it on and off again resets these, whatever they were (inet_forward_change in net/ipv4/devinet.c).
        keep_forwarding || return 1
    fi
    set_sysctl $forward 1 || return 1
    for interface in $(list_interfaces); do
        setting=/proc/sys/net/ipv4/conf/$interface/rp_filter
        [ ! -e "$setting" ] || set_sysctl "$setting" 0 || return 1
    done
}

keep_forwarding() {
    set +f
    set -- /proc/sys/net/ipv4/conf/*/forwarding /proc/sys/net/ipv4/conf/all/accept_redirects
    set -f
    for setting in "$@"; do
        value=$(read_value "$setting")
        case $setting$value in
            */ipv4/conf/all/forwarding*) ;;
            */forwarding1 | */accept_redirects0) note forwarding "$setting" "$value" || return 1 ;;
        esac
    done
}

# -- routing: what has the mark goes to this host, whatever address it is for

name_table() { # the table as `ip rule` prints it: by its name in rt_tables, if it has one there
    name=$(sed -n "s/^[$BLANKS]*${TABLE}[$BLANKS]\{1,\}\([^$BLANKS#]*\).*/\1/p" /etc/iproute2/rt_tables 2> /dev/null | head -n 1)
    echo "${name:-$TABLE}"
}

rule_pattern() { # what `ip rule` prints of our rule, with or without the mask, which some cannot give
    echo "fwmark $MARK\(/$MASK\)\{0,1\} .*lookup \($TABLE\|$(name_table)\) *\$"
}

has_ip_rule() { ip $(family_option "$1") rule show 2> /dev/null | grep -q "from all $(rule_pattern)"; } # FAMILY

has_route() { # FAMILY
    ip $(family_option "$1") route show table "$TABLE" 2> /dev/null | grep -q "^local \(default\|$(whole_net "$1")\) dev lo"
}

add_ip_rule() { # FAMILY
    if has_ip_rule "$1"; then
        [ "$adopted" = no ] || note iprule "$1" "$MARK/$MASK" "$TABLE"
        return
    fi
    note iprule "$1" "$MARK/$MASK" "$TABLE" || return 1
    ip $(family_option "$1") rule add fwmark "$MARK/$MASK" lookup "$TABLE" > /dev/null 2>&1 && return 0
    # An ip that knows no masks: the mark alone.
    attempt ip $(family_option "$1") rule add fwmark "$MARK" lookup "$TABLE"
}

remove_ip_rule() { # FAMILY MARK/MASK TABLE
    ip $(family_option "$1") rule del fwmark "$2" lookup "$3" > /dev/null 2>&1 ||
        ip $(family_option "$1") rule del fwmark "${2%/*}" lookup "$3" > /dev/null 2>&1
}

add_route() { # FAMILY
    if has_route "$1"; then
        [ "$adopted" = no ] || note iproute "$1" "$TABLE"
        return
    fi
    is_free_table "$1" && note iproute "$1" "$TABLE" || return 1
    attempt ip $(family_option "$1") route add local "$(whole_net "$1")" dev lo table "$TABLE"
}

is_free_table() { # FAMILY
    others=$(ip $(family_option "$1") route show table "$TABLE" 2> /dev/null)
    [ -n "$others" ] || return 0
    complain "$CONFIG: TABLE: table $TABLE has routes of somebody else:$NEWLINE$others${NEWLINE}Choose another number"
    return 1
}

check_room() { # what start would stumble over after it has undone what is started; 1 if there is something
    for family in $FAMILIES; do
        has_route "$family" || is_free_table "$family" || return 1
    done
    uses_gre || return 0
    if [ "$WCCP_INTERFACE" = gre0 ]; then
        has_gre0
    elif has_line "$(list_journal tunnel)" wccp0; then
        has_tunnel_address
    else
        is_free_tunnel && has_tunnel_address
    fi
}

# -- WCCP: packets come from the router in GRE

raise_loopback() { # our route leads through it
    case $(ip link show lo) in *[\<,]UP[\>,]*) return 0 ;; esac
    note link lo && attempt ip link set lo up
}

make_tunnel() {
    uses_gre || return 0
    if [ "$WCCP_INTERFACE" = gre0 ]; then
        has_gre0 || return 1
    elif [ "$adopted" = yes ] && ip link show wccp0 > /dev/null 2>&1; then
        note tunnel wccp0 || return 1
    else
        is_free_tunnel && has_tunnel_address && note tunnel wccp0 || return 1
        # From any router: its packets come from its highest address, which need not be the one that Squid talks to.
        attempt ip tunnel add wccp0 mode gre remote any local "$(find_tunnel_address)" || return 1
    fi
    case $(ip link show "$WCCP_INTERFACE") in *[\<,]UP[\>,]*) return 0 ;; esac
    note link "$WCCP_INTERFACE" && attempt ip link set "$WCCP_INTERFACE" up
}

has_gre0() {
    ! ip link show gre0 > /dev/null 2>&1 || return 0
    complain 'the kernel has no gre0: the module ip_gre (CONFIG_NET_IPGRE) is missing; WCCP in GRE needs it (WCCP_FORWARDING)'
    return 1
}

is_free_tunnel() {
    ip link show wccp0 > /dev/null 2>&1 || return 0
    complain 'there is a wccp0 that is not ours: remove it (ip tunnel del wccp0), or write WCCP_INTERFACE="gre0"'
    return 1
}

has_tunnel_address() {
    [ -z "$(find_tunnel_address)" ] || return 0
    complain "$CONFIG: WCCP_ADDRESS: no route leads to ${WCCP_ROUTERS%% *}; write the address of this host that the routers see"
    return 1
}

find_tunnel_address() {
    if [ -n "$WCCP_ADDRESS" ]; then
        echo "$WCCP_ADDRESS"
    else
        ip route get "${WCCP_ROUTERS%% *}" 2> /dev/null | sed -n 's/.* src \([0-9.]*\).*/\1/p' | head -n 1
    fi
}
