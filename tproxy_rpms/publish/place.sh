# What publishing does at the place itself: sh -eu -s -- COMMAND FOLDER …, here or at the other end of ssh.
#
#   FOLDER/snapshots/ID   whole sets that never change, named by their content
#   FOLDER/current        a symbolic link to the one that is served: one rename moves it
#   FOLDER/history        what was served since when: TIME ID publish|rollback
#   FOLDER/.incoming-ID   what is being uploaded; .trash-ID: what is being removed

command=$1 folder=$2
shift 2

# Two who publish at once wait for each other only where the served snapshot changes.
hold_lock() { exec 9>.lock; flock 9; }

served() { readlink current 2>/dev/null | sed 's,.*/,,' || :; }

# Whether a folder holds just what its manifest says, each file unharmed.
check() {
    cd "$1" || exit 66
    sha256sum --check --strict --quiet SHA256SUMS >&2 || exit 65
    [ "$(find . -type f ! -name 'SHA256SUMS*' | wc -l)" -eq "$(wc -l <SHA256SUMS)" ] || { echo "files that the manifest does not name" >&2; exit 65; }
    cd - >/dev/null
}

need_tools() {
    for tool in flock rsync sha256sum; do command -v $tool >/dev/null || { echo "$tool: not found" >&2; exit 69; }; done
}

tell_state() {
    echo "current $(served)"
    [ ! -f history ] || sed 's/^/history /' history
    for snapshot in snapshots/*/; do
        [ -f "$snapshot/SHA256SUMS" ] || continue
        echo "snapshot $(basename "$snapshot") $(stat -c %Y "$snapshot")"
        sed 's/^/file /' "$snapshot/SHA256SUMS"
    done
}

case $command in
probe) # can it be published to?
    need_tools
    while [ ! -e "$folder" ]; do folder=$(dirname "$folder"); done
    [ -w "$folder" ] || { echo "$folder: Permission denied" >&2; exit 1; }
    ;;
state) # tells what there is, and changes nothing
    cd "$folder" 2>/dev/null || exit 0
    tell_state
    ;;
open) # makes the place, and tells what there is
    need_tools
    mkdir -p "$folder/snapshots"
    cd "$folder"
    touch .lock
    find . -maxdepth 1 -name '.incoming-*' -mmin +1440 -exec rm -rf {} +
    tell_state
    ;;
serve) # ID publish|rollback: every file of it is looked at before it is served
    cd "$folder"
    if [ -d ".incoming-$1" ]; then
        check ".incoming-$1"
        touch ".incoming-$1"
        sync -f ".incoming-$1"
        mv -T ".incoming-$1" "snapshots/$1"
    else
        check "snapshots/$1"
    fi
    hold_lock
    [ -d "snapshots/$1" ] || { echo "snapshots/$1: gone" >&2; exit 66; }
    [ "$(served)" != "$1" ] || exit 0
    # Caches between here and the clients go by this time; a snapshot that is gone back to must look newer than the one it replaces.
    touch "snapshots/$1"/*/mirrorlist "snapshots/$1"/*/repodata/repomd.xml*
    ln -sfn "snapshots/$1" .current-next
    mv -T .current-next current
    echo "$(date -u +%Y-%m-%dT%H:%M:%SZ) $1 $2" >>history
    sync -f .
    ;;
prune) # ID…
    cd "$folder"
    hold_lock
    for id; do
        [ "$id" = "$(served)" ] || [ ! -d "snapshots/$id" ] || mv -T "snapshots/$id" ".trash-$id"
    done
    rm -rf .trash-*
    ;;
forget) # ID: an upload that will not end
    cd "$folder"
    rm -rf ".incoming-$1"
    ;;
esac
