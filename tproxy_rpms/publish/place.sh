# What publishing does at the place itself: sh -eu -s -- COMMAND FOLDER …, here or at the other end of ssh.
#
#   FOLDER/snapshots/ID   whole sets that never change, named by their content: 16 hex digits
#   FOLDER/current        a symbolic link to the one that is served: one rename moves it
#   FOLDER/history        what was served since when: TIME ID publish|rollback
#   FOLDER/.incoming-UPLOAD   what is being uploaded, each by its own name; .trash-…: what is being removed

umask 022
export LC_ALL=C
command=$1 folder=$2
shift 2

fail() { echo "$2" >&2; exit "$1"; }

# Two who publish at once wait for each other only where the served snapshot changes.
hold_lock() { exec 9>.lock; flock 9; }

is_id() { case $1 in *[!0-9a-f]*) return 1 ;; ????????????????) return 0 ;; *) return 1 ;; esac; }

# The served snapshot. What somebody else has put in its place is not ours to move.
served() {
    [ -e current ] || [ -L current ] || return 0
    target=$(readlink current) || fail 67 "$folder/current: no symbolic link, so it is not ours"
    [ "${target#snapshots/}" != "$target" ] && is_id "${target#snapshots/}" || fail 67 "$folder/current -> $target: not ours"
    echo "${target#snapshots/}"
}

# Whether a folder holds just what its manifest says, each file unharmed; a shell of its own, for the folder that it changes to.
check() (
    cd "$1" || exit 66
    sha256sum --check --strict --quiet SHA256SUMS >&2 || exit 65
    [ "$(find . ! -type d ! -path ./SHA256SUMS ! -path ./SHA256SUMS.asc | wc -l)" -eq "$(wc -l <SHA256SUMS)" ] ||
        fail 64 "$1: something that the manifest does not name"
)

need_tools() {
    for tool in flock rsync sha256sum; do command -v $tool >/dev/null || fail 69 "$tool: not found"; done
}

tell_state() {
    echo "now $(date +%s)"
    echo "current $(served)"
    [ ! -f history ] || sed 's/^/history /' history
    for snapshot in snapshots/*/; do
        snapshot=${snapshot%/}
        is_id "${snapshot#snapshots/}" && [ -f "$snapshot/SHA256SUMS" ] || continue
        changed=$(stat -c %Y "$snapshot" 2>/dev/null) || continue # another publisher is moving it just now
        echo "snapshot ${snapshot#snapshots/} $changed"
        sed 's/^/file /' "$snapshot/SHA256SUMS" 2>/dev/null || :
    done
}

case $command in
probe) # can it be published to?
    need_tools
    while [ ! -e "$folder" ]; do folder=$(dirname "$folder"); done
    [ -w "$folder" ] || fail 1 "$folder: Permission denied"
    ;;
state) # tells what there is, and changes nothing
    cd "$folder" 2>/dev/null || exit 0
    tell_state
    ;;
open) # ID UPLOAD: makes the place, and tells what there is, and whether that snapshot is there whole
    need_tools
    mkdir -p "$folder/snapshots"
    cd "$folder"
    touch .lock
    touch -c ".incoming-$2"
    # Others publish meanwhile: what find has just seen may be gone.
    find . -maxdepth 1 -name '.incoming-*' -mmin +1440 -exec rm -rf {} + 2>/dev/null || :
    tell_state
    if [ -d "snapshots/$1" ] && check "snapshots/$1" 2>/dev/null; then echo "whole $1"; fi
    ;;
serve) # ID publish|rollback UPLOAD: every file of it is looked at before it is served; fails only before that
    cd "$folder"
    served >/dev/null
    hold_lock
    if [ -d ".incoming-$3" ]; then
        check ".incoming-$3"
        sync -f ".incoming-$3"
        if [ -d "snapshots/$1" ]; then mv -T "snapshots/$1" ".trash-$1-$$"; fi # a damaged one, or what another has just published
        mv -T ".incoming-$3" "snapshots/$1"
        touch "snapshots/$1"
    else
        [ -d "snapshots/$1" ] || fail 66 "snapshots/$1: not there"
        check "snapshots/$1"
    fi
    if [ "$(served)" != "$1" ]; then
        # Caches between here and the clients go by this time; one that is gone back to must look newer than what it replaces.
        touch "snapshots/$1"/*/mirrorlist "snapshots/$1"/*/repodata/repomd.xml*
        echo "$(date -u +%Y-%m-%dT%H:%M:%SZ) $1 $2" >>history
        ln -sfn "snapshots/$1" .current-next
        mv -T .current-next current
    fi
    sync -f . || :
    tell_state
    ;;
prune) # ID…
    cd "$folder"
    hold_lock
    for id; do
        [ "$id" = "$(served)" ] || [ ! -d "snapshots/$id" ] || mv -T "snapshots/$id" ".trash-$id-$$"
    done
    rm -rf .trash-*
    ;;
manifest) # ID: the manifest and its signature
    cd "$folder/snapshots/$1" || exit 66
    cat SHA256SUMS SHA256SUMS.asc
    ;;
forget) # UPLOAD: one that will not end
    cd "$folder"
    rm -rf ".incoming-$1"
    ;;
esac
