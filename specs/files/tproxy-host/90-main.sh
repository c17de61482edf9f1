
# ---- what is asked for

usage() {
    cat >&2 << END
usage: $NAME [--root DIR] COMMAND
  start stop restart reload condrestart status
  check [--json]         look for all that keeps interception from working, with the cure of each
  squid-conf [--print]   write the pieces of squid.conf, or print them
END
    exit 2
}

need_root() {
    [ -w /proc/sys/net/ipv4/ip_forward ] && return 0
    complain 'only root may do this'
    exit 4
}

need_config() { read_config || { complain 'nothing was changed'; exit 6; }; }

reload() {
    if is_started; then
        start
    else
        complain 'is not started'
        return 7
    fi
}

restart() { # a plan that cannot be leaves the old one alone
    prepare || return
    ! load_journal || undo || :
    start
}

condrestart() { # where it is stopped, rules of ours that a saved file brings back would send packets nowhere
    if is_started; then
        restart
    elif ! load_journal; then
        choose_options
        if sweep; then say 'is stopped: removed its rules, which a saved file had brought back'; fi
    fi
}

set_root ''
if [ "$1" = --root ]; then
    [ $# -ge 2 ] || usage
    set_root "${2%/}"
    shift 2
fi
command=$1 option=$2
case $command in
    check) case $option in '' | --json) ;; *) usage ;; esac ;;
    squid-conf) case $option in '' | --print) ;; *) usage ;; esac ;;
    *) [ $# = 1 ] || usage ;;
esac
[ $# -le 2 ] || usage

case $command in
    start | restart | force-reload | reload | condrestart | try-restart)
        need_root
        need_config
        take_lock || exit 1
        case $command in
            start) start ;;
            reload) reload ;;
            condrestart | try-restart) condrestart ;;
            *) restart ;;
        esac
        ;;
    stop)
        need_root
        take_lock || exit 1
        stop
        ;;
    status) status ;;
    check) check "$option" ;;
    squid-conf)
        need_config
        if [ -n "$option" ]; then print_pieces; else write_pieces; fi
        ;;
    *) usage ;;
esac
