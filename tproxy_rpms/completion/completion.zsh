#compdef tproxy-rpms doit run
# Completion in zsh of tproxy-rpms, of doit in one of its projects, and of ./run doit in a checkout.
# Once a shell, after compinit: eval "$(tproxy-rpms completion zsh)". Or as a file _tproxy-rpms in a folder of $fpath.

# Print what may come next: the program that is completed knows. One that cannot be asked completes as if this were not here.
_tproxy_rpms_ask() {
    local program=${~1} folder
    program=$(whence -p -- "$program") || return
    case ${program:t} in
        run)
            folder=${program:h}
            [[ -x $folder/.venv/bin/python && -d $folder/tproxy_rpms ]] || return
            PYTHONPATH=$folder${PYTHONPATH:+:$PYTHONPATH} $folder/.venv/bin/python -m tproxy_rpms completion --words "$@" ;;
        doit)
            folder=${program:A:h}
            [[ -x $folder/python ]] && $folder/python -m tproxy_rpms completion --words "$@" ;;
        *) $program completion --words "$@" ;;
    esac 2>/dev/null
}

_tproxy_rpms() {
    local line candidate about
    local -a whole whole_shown more more_shown
    for line in "${(@f)$(_tproxy_rpms_ask "${(@Q)words[1,CURRENT-1]}" "${(Q)PREFIX}")}"; do
        candidate=${line%%$'\t'*}
        [[ -n $candidate ]] || continue
        about=${line#*$'\t'}
        [[ $line == *$'\t'* ]] && about="$candidate  -- $about" || about=$candidate
        if [[ $candidate == *[:=/] ]]; then
            more+=("$candidate") more_shown+=("$about")
        else
            whole+=("$candidate") whole_shown+=("$about")
        fi
    done
    if (( ! $#whole && ! $#more )); then
        _default
        return
    fi
    (( ! $#whole )) || compadd -l -d whole_shown -a whole
    (( ! $#more )) || compadd -l -S '' -d more_shown -a more
}

if [[ ${funcstack[1]-} == _tproxy-rpms ]]; then
    _tproxy_rpms "$@"
else
    compdef _tproxy_rpms tproxy-rpms doit run
fi
