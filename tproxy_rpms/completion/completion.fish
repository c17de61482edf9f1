# Completion in fish of tproxy-rpms, of doit in one of its projects, and of ./run doit in a checkout.
# In config.fish: tproxy-rpms completion fish | source

# Print what may come next: the program that is completed knows. One that cannot be asked completes nothing.
function __tproxy_rpms_ask
    set -l words (commandline -opc) (commandline -ct)
    set -l program (command -s -- $words[1]); or return
    switch (basename -- $program)
        case run
            set -l folder (dirname -- $program)
            test -x $folder/.venv/bin/python -a -d $folder/tproxy_rpms; or return
            env PYTHONPATH=(string join : -- $folder $PYTHONPATH) $folder/.venv/bin/python -m tproxy_rpms completion --words $words
        case doit
            set -l folder (dirname -- (readlink -f -- $program))
            test -x $folder/python; and $folder/python -m tproxy_rpms completion --words $words
        case '*'
            $program completion --words $words
    end 2>/dev/null
end

complete -c tproxy-rpms -n 'not __fish_seen_subcommand_from init' -f
for program in tproxy-rpms doit run
    complete -c $program -a '(__tproxy_rpms_ask)'
end
