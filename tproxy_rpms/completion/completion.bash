# Completion in bash of tproxy-rpms, of doit in one of its projects, and of ./run doit in a checkout.
# Once a shell: eval "$(tproxy-rpms completion bash)"

# Print what may come next: the program that is completed knows. One that cannot be asked completes as if this were not here.
_tproxy_rpms_ask() {
    local program=${1/#\~/$HOME} folder
    program=$(type -P -- "$program") || return
    case ${program##*/} in
        run)
            folder=${program%/*}
            [ -x "$folder/.venv/bin/python" ] && [ -d "$folder/tproxy_rpms" ] || return
            PYTHONPATH=$folder${PYTHONPATH:+:$PYTHONPATH} "$folder/.venv/bin/python" -m tproxy_rpms completion --words "$@" ;;
        doit)
            folder=$(dirname -- "$(readlink -f -- "$program")")
            [ -x "$folder/python" ] && "$folder/python" -m tproxy_rpms completion --words "$@" ;;
        *) "$program" completion --words "$@" ;;
    esac 2>/dev/null
}

_tproxy_rpms() {
    # Not COMP_WORDS, which breaks our words at each colon and equals sign.
    local line=${COMP_LINE:0:COMP_POINT} current cut='' char head rest candidate goes_on=1
    local -a words
    read -a words <<<"$line"
    [[ $line == *[[:space:]] ]] && words+=('')
    current=${words[-1]}
    # bash puts what it is given in the place of what stands behind the last of these.
    for char in : =; do
        [[ $COMP_WORDBREAKS == *"$char"* && $current == *"$char"* ]] || continue
        rest=${current##*"$char"}
        head=${current%"$rest"}
        [ ${#head} -le ${#cut} ] || cut=$head
    done
    COMPREPLY=()
    while IFS=$'\t' read -r candidate _; do
        [[ $candidate == *[:=/] ]] || goes_on=
        printf -v candidate %q "${candidate#"$cut"}"
        COMPREPLY+=("$candidate")
    done < <(_tproxy_rpms_ask "${words[@]}")
    [ -z "$goes_on" ] || compopt -o nospace 2>/dev/null
}

complete -o bashdefault -o default -F _tproxy_rpms tproxy-rpms doit run
