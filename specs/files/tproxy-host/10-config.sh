
# ---- the configuration: read line by line, never run; every problem is told before anything is touched

KEYS="INTERFACES PORTS HTTP_PORT TPROXY_PORT MARK MASK TABLE IPV6 LOCALNET FIREWALL WCCP_ROUTERS WCCP_SERVICES WCCP_FORWARDING \
WCCP_RETURN WCCP_ASSIGNMENT WCCP_PASSWORD WCCP_INTERFACE WCCP_ADDRESS"

set_defaults() {
    INTERFACES='' PORTS=80 HTTP_PORT=3128 TPROXY_PORT=3129 MARK=0x1 MASK=0x1 TABLE=100 IPV6=auto
    LOCALNET='10.0.0.0/8 172.16.0.0/12 192.168.0.0/16' FIREWALL=auto
    WCCP_ROUTERS='' WCCP_SERVICES='80 90' WCCP_FORWARDING=gre WCCP_RETURN=gre WCCP_ASSIGNMENT=hash WCCP_PASSWORD=''
    WCCP_INTERFACE=gre0 WCCP_ADDRESS=''
}

wrong() { # PLACE PROBLEM CURE
    complain "$CONFIG: $1: $2; $3"
    problems=$((problems + 1))
}

read_config() { # 0, or 1 when something in the file is wrong
    set_defaults
    problems=0 number=0 given=' '
    if [ ! -r "$CONFIG" ]; then
        complain "$CONFIG: cannot be read; it comes with the package, with every setting at its default"
        return 1
    fi
    carriage=$(printf '\r')
    while IFS= read -r line || [ -n "$line" ]; do
        number=$((number + 1))
        line=${line%"$carriage"}
        read_line "${line#"${line%%[!$BLANKS]*}"}"
    done < "$CONFIG"
    check_values
    [ "$problems" = 0 ]
}

read_line() { # LINE, without leading blanks
    case $1 in
        '' | '#'*) return ;;
        *=*) ;;
        *) wrong "line $number" "'$1' is no setting" 'write KEY="value", or # before a comment' && return ;;
    esac
    key=${1%%=*} value=${1#*=}
    known=$KEYS
    case $key in *[!A-Z0-9_]*) known= ;; esac # two keys in one line are none
    case " $known " in
        *" $key "*) ;;
        *) wrong "line $number" "unknown key '$key'$(suggest_key "$key")" "the keys are $KEYS" && return ;;
    esac
    case $given in *" $key "*) wrong "$key" "given a second time in line $number" "leave one of the two" && return ;; esac
    given="$given$key "
    case $value in
        '"'*'"'*) value=${value#?} rest=${value#*\"} value=${value%%\"*} ;;
        "'"*"'"*) value=${value#?} rest=${value#*\'} value=${value%%\'*} ;;
        '"'* | "'"*) wrong "$key" "the quotation mark in line $number has no second one" 'write KEY="value"' && return ;;
        *) rest=${value#"${value%%[$BLANKS]*}"} value=${value%%[$BLANKS]*} ;;
    esac
    case ${rest#"${rest%%[!$BLANKS]*}"} in
        '' | '#'*) ;;
        *) wrong "$key" "something follows the value in line $number" 'put the whole value in quotation marks' && return ;;
    esac
    shown="'$value'"
    [ "$key" != WCCP_PASSWORD ] || shown='the password'
    case $value in
        *[\$\`\\\"\']*) wrong "$key" "$shown has a character that a shell would read" 'values are taken as they stand' && return ;;
    esac
    eval "$key=\$value"
}

suggest_key() { # WORD: "; did you mean X?" or nothing
    word=$(echo "$1" | tr 'a-z-' 'A-Z_')
    for known in $KEYS; do
        if is_near "$word" "$known"; then
            echo "; did you mean $known?"
            return
        fi
    done
}

is_near() { # WORD KNOWN: the same but for one letter too many, missing or wrong
    [ "$1" != "$2" ] || return 0
    head='' tail=$1
    while :; do
        case $2 in "$head"?"$tail" | "$head"?"${tail#?}" | "$head${tail#?}") return 0 ;; esac
        [ -n "$tail" ] || return 1
        head=$head${tail%"${tail#?}"} tail=${tail#?}
    done
}

# -- what a value may be

is_number() { # TEXT LEAST MOST; a leading zero would be octal to some programs and decimal to others
    case $1 in '' | *[!0-9]* | 0?* | ???????????*) return 1 ;; esac
    [ "$1" -ge "$2" ] && [ "$1" -le "$3" ]
}

is_mark() { # TEXT: decimal or 0x…, 32 bits, not 0
    case $1 in
        0x | 0x*[!0-9a-fA-F]* | 0x?????????*) return 1 ;;
        0x*[1-9a-fA-F]*) return 0 ;;
        *) is_number "$1" 1 4294967295 ;;
    esac
}

is_address() { # IPv4 address
    case $1 in *[!0-9.]* | .* | *. | *..* | '') return 1 ;; esac
    IFS=.
    set -- $1
    IFS=$WORDS
    [ $# = 4 ] && is_number "$1" 0 255 && is_number "$2" 0 255 && is_number "$3" 0 255 && is_number "$4" 0 255
}

is_address6() { # IPv6 address, without IPv4 notation at its end
    case $1 in *[!0-9a-fA-F:]* | *:::* | *::*::* | *[0-9a-fA-F][0-9a-fA-F][0-9a-fA-F][0-9a-fA-F][0-9a-fA-F]*) return 1 ;; esac
    case $1 in :: | ::*[!:] | *[!:]::) short=1 ;; :* | *:) return 1 ;; *::*) short=1 ;; *) short=0 ;; esac
    IFS=:
    set -- $1
    IFS=$WORDS
    groups=0
    for group in "$@"; do [ -z "$group" ] || groups=$((groups + 1)); done
    if [ $short = 1 ]; then [ $groups -le 7 ]; else [ $groups = 8 ]; fi
}

has_host_bits() { # ADDRESS LENGTH: whether an IPv4 address says more than the network's length
    left=$2
    IFS=.
    set -- $1
    IFS=$WORDS
    for octet in "$@"; do
        if [ "$left" -ge 8 ]; then
            left=$((left - 8))
        else
            [ $((octet & (255 >> left))) = 0 ] || return 0
            left=0
        fi
    done
    return 1
}

check_network() { # TEXT: an address with or without /LENGTH
    address=${1%%/*} length=
    case $1 in */*) length=${1#*/} ;; esac
    case $address in
        *:*) is_address6 "$address" && most=128 ;;
        *) is_address "$address" && most=32 ;;
    esac || { wrong LOCALNET "'$1' is no address or network" 'write 192.168.0.0/16, 192.0.2.7 or 2001:db8::/32'; return; }
    case $1 in */*) is_number "$length" 0 $most || { wrong LOCALNET "'$1': /$length is no length of a network" "write /0 to /$most"; return; } ;; esac
    if [ -n "$length" ] && [ $most = 32 ] && has_host_bits "$address" "$length"; then
        wrong LOCALNET "'$1' is an address inside of a network" "write the network's first address, or the host without /$length"
    fi
}

check_choice() { # KEY VALUE WORD…
    choice=$1 chosen=$2
    shift 2
    for word in "$@"; do [ "$word" != "$chosen" ] || return 0; done
    wrong "$choice" "'$chosen' is none of the words that it may be" "write one of: $*"
}

check_ports() {
    seen=' ' count=0
    for port in $PORTS; do
        count=$((count + 1))
        if ! is_number "$port" 1 65535; then
            wrong PORTS "'$port' is no port" 'write numbers from 1 to 65535, separated by blanks'
        elif [ "$port" = "$HTTP_PORT" ] || [ "$port" = "$TPROXY_PORT" ]; then
            wrong PORTS "$port is a port of Squid itself" 'intercept the ports of web servers, such as 80'
        fi
        case $seen in *" $port "*) wrong PORTS "$port stands there twice" 'leave one of them' ;; esac
        seen="$seen$port "
    done
    [ $count != 0 ] || wrong PORTS 'empty: nothing would be intercepted' 'write PORTS="80"'
    [ -z "$WCCP_ROUTERS" ] || [ $count -le 8 ] || wrong PORTS "$count ports, but a WCCP service has 8 at most" 'write fewer'
    for key in HTTP_PORT TPROXY_PORT; do
        eval "port=\$$key"
        is_number "$port" 1 65535 || wrong $key "'$port' is no port" 'write a number from 1 to 65535'
    done
    [ "$HTTP_PORT" != "$TPROXY_PORT" ] || wrong TPROXY_PORT "$TPROXY_PORT is HTTP_PORT, too" \
        'give each a port of its own: a tproxy port breaks requests that were not intercepted'
}

check_interfaces() {
    seen=' '
    for interface in $INTERFACES; do
        case $interface in
            *[!A-Za-z0-9._@-]* | ????????????????* | . | ..) wrong INTERFACES "'$interface' is no name of an interface" 'see: ip link' ;;
            lo) wrong INTERFACES 'lo has no clients behind it' 'name the interfaces that clients come in by' ;;
        esac
        case $seen in *" $interface "*) wrong INTERFACES "$interface stands there twice" 'leave one of them' ;; esac
        seen="$seen$interface "
    done
}

check_marks() {
    for key in MARK MASK; do
        eval "value=\$$key"
        is_mark "$value" || { wrong $key "'$value' is no mark" 'write a number from 0x1 to 0xffffffff'; return; }
    done
    # One way to write them, which is the one that ip and iptables print.
    MARK=$(printf '0x%x' "$MARK") MASK=$(printf '0x%x' "$MASK")
    [ $((MARK & MASK)) = $((MARK)) ] || wrong MARK "$MARK has bits that the mask $MASK has not" 'let MASK have every bit of MARK'
}

check_wccp() {
    count=0 seen=' '
    for router in $WCCP_ROUTERS; do
        count=$((count + 1))
        is_address "$router" || wrong WCCP_ROUTERS "'$router' is no IPv4 address" 'write addresses of routers, separated by blanks'
        case $seen in *" $router "*) wrong WCCP_ROUTERS "$router stands there twice" 'leave one of them' ;; esac
        seen="$seen$router "
    done
    [ $count -le 32 ] || wrong WCCP_ROUTERS "$count routers, but a WCCP service has 32 at most" 'write fewer'
    set -- $WCCP_SERVICES
    if [ $# != 2 ] || ! is_number "$1" 51 255 || ! is_number "$2" 51 255 || [ "$1" = "$2" ]; then
        wrong WCCP_SERVICES "'$WCCP_SERVICES' is no pair of dynamic services" \
            'write two numbers from 51 to 255: to the servers, and back from them, such as "80 90"'
    fi
    check_choice WCCP_FORWARDING "$WCCP_FORWARDING" gre l2
    check_choice WCCP_RETURN "$WCCP_RETURN" gre l2
    check_choice WCCP_ASSIGNMENT "$WCCP_ASSIGNMENT" hash mask
    check_choice WCCP_INTERFACE "$WCCP_INTERFACE" gre0 wccp0
    case $WCCP_PASSWORD in
        ?????????*) wrong WCCP_PASSWORD 'longer than 8 characters: the protocol has no room for more' 'choose a shorter one, on the router, too' ;;
        *[!!-~]* | *'#'*) wrong WCCP_PASSWORD 'blanks, # and letters beyond ASCII cannot stand in squid.conf' 'choose another, on the router, too' ;;
    esac
    [ -z "$WCCP_ADDRESS" ] || is_address "$WCCP_ADDRESS" || wrong WCCP_ADDRESS "'$WCCP_ADDRESS' is no IPv4 address" \
        'write an address of this host, or nothing'
}

check_values() { # everything that can be told without looking at the host
    check_interfaces
    check_ports
    check_marks
    is_number "$TABLE" 1 252 || is_number "$TABLE" 256 2147483647 || wrong TABLE "'$TABLE' is no table that could be ours" \
        'write a number from 1 to 252, or above 255: 253, 254 and 255 are default, main and local'
    check_choice IPV6 "$IPV6" auto yes no
    check_choice FIREWALL "$FIREWALL" auto RH-Firewall-1-INPUT LocalFW none
    count=0
    for network in $LOCALNET; do
        count=$((count + 1))
        check_network "$network"
    done
    [ $count != 0 ] || wrong LOCALNET 'empty: nobody could use the proxy' 'write the networks of your clients'
    check_wccp
}

check_host() { # what the values say of this very host; 1 if it is not so
    problems=0
    for interface in $INTERFACES; do
        ip link show "$interface" > /dev/null 2>&1 && continue
        case $command in
            # What starts again because others did goes on without an interface that is away for a while: its rules wait for it.
            condrestart | try-restart) complain "there is no interface '$interface' just now; its rules wait for it" ;;
            *) wrong INTERFACES "there is no interface '$interface'" 'see: ip link' ;;
        esac
    done
    if [ -n "$WCCP_ROUTERS" ] && [ -n "$WCCP_ADDRESS" ]; then
        case $(ip addr show) in
            *"inet $WCCP_ADDRESS/"* | *"inet $WCCP_ADDRESS "*) ;;
            *) wrong WCCP_ADDRESS "no interface has the address $WCCP_ADDRESS" 'see: ip addr' ;;
        esac
    fi
    [ "$problems" = 0 ]
}
