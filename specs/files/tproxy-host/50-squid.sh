
# ---- the pieces of squid.conf

HEAD="# Written by tproxy-host out of @CONFIG@: change that file, then run tproxy-host squid-conf."

# Names of our own: squid.conf's lines for an acl add up, and its default file gives localnet networks that LOCALNET may not have.
print_ports() {
    cat << END
$HEAD
http_port $HTTP_PORT
http_port $TPROXY_PORT tproxy
END
}

print_access() {
    cat << END
$HEAD
acl tproxy_clients src $(echo $LOCALNET)
acl tproxy_host src 127.0.0.0/8
acl tproxy_manager url_regex -i ^cache_object:// ^https?://[^/]+/squid-internal-mgr/
acl tproxy_safe_ports port 80 21 443 70 210 280 488 591 777 1025-65535
acl tproxy_ssl_ports port 443
acl tproxy_connect method CONNECT
http_access deny !tproxy_safe_ports
http_access deny tproxy_connect !tproxy_ssl_ports
http_access allow tproxy_manager tproxy_host
http_access deny tproxy_manager
http_access allow tproxy_clients
http_access allow tproxy_host
http_access deny all
END
}

print_service() { # NUMBER FLAGS
    echo "wccp2_service dynamic $1${WCCP_PASSWORD:+ password=$WCCP_PASSWORD}"
    echo "wccp2_service_info $1 protocol=tcp flags=$2 priority=240 ports=$(echo $PORTS | sed 's/ /,/g')"
}

print_wccp() {
    echo "$HEAD"
    if [ -z "$WCCP_ROUTERS" ]; then
        echo '# No routers (WCCP_ROUTERS), so no WCCP.'
        return
    fi
    for router in $WCCP_ROUTERS; do echo "wccp2_router $router"; done
    [ -z "$WCCP_ADDRESS" ] || echo "wccp2_address $WCCP_ADDRESS"
    echo "wccp2_forwarding_method $WCCP_FORWARDING"
    echo "wccp2_return_method $WCCP_RETURN"
    echo "wccp2_assignment_method $WCCP_ASSIGNMENT"
    # By the client's address on both ways, so that both go to the same cache.
    print_service "${WCCP_SERVICES%% *}" src_ip_hash
    print_service "${WCCP_SERVICES##* }" dst_ip_hash,ports_source
}

write_piece() { # NAME TEXT MODE: only when different; the name is told
    new=$PIECES/$1
    if [ -f "$new" ] && [ "$(cat "$new")" = "$2" ]; then return 0; fi
    mkdir -p "$PIECES" && rm -f "$new.new" && (umask 077 && echo "$2" > "$new.new") && chmod "$3" "$new.new" && move "$new.new" "$new" || {
        complain "$new: cannot be written"
        return 1
    }
    written="$written $new"
}

move() { mv -f "$1" "$2" 2> /dev/null || { cat "$1" > "$2" && rm -f "$1"; }; } # some userlands of a few programs have no mv

write_pieces() {
    written=
    # The password is in the last one.
    write_piece ports.conf "$(print_ports)" 644 && write_piece access.conf "$(print_access)" 644 && write_piece wccp.conf "$(print_wccp)" 600 || return 1
    [ -z "$written" ] || say "written:$written"
}

print_pieces() {
    for piece in ports access wccp; do
        echo "# -- $piece.conf"
        print_$piece
    done
}
