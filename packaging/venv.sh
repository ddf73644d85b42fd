# shellcheck shell=bash
# Sourced by ./gatedog and ./check: the virtual environment .venv of a checkout.
#
# Invariant: the stamp is written last, so an install that broke half way is never taken for a good one, and two
# callers at once make it once. A stamp holds the checksum of pyproject.toml, the folder (a moved checkout has wrong
# paths in its scripts and is installed again) and what was installed. Nothing else is remembered, so removing .venv
# starts anew.

venv_say() {
    printf '%s: %s\n' "${venv_caller:?}" "$*" >&2
}

venv_fail() {
    venv_say "$1"
    shift
    local line
    for line in "$@"; do
        printf '    %s\n' "$line" >&2
    done
    exit 1
}

# venv_stamp ROOT: print what a stamp of today says.
venv_stamp() {
    printf '%s %s' "$(cksum <"$1/pyproject.toml")" "$1"
}

# venv_is_ready ROOT NAME TARGET STAMP: whether NAME is installed; dev holds all that run does, whatever its extras.
venv_is_ready() {
    local stamp=$1/.venv/stamp-$2 dev=$1/.venv/stamp-dev
    [ -x "$1/.venv/bin/python" ] || return 1
    if [ -r "$stamp" ] && [ "$(<"$stamp")" = "$4 $3" ]; then
        return 0
    fi
    [ "$2" = run ] && [ -r "$dev" ] && [[ "$(<"$dev")" == "$4" || "$(<"$dev")" == "$4 "* ]]
}

# venv_ensure ROOT NAME TARGET: make sure that TARGET (".", ".[dev]") is installed; NAME (run, dev) names its stamp.
venv_ensure() {
    local root=$1 name=$2 target=$3 stamp
    stamp=$(venv_stamp "$root")
    if venv_is_ready "$root" "$name" "$target" "$stamp"; then
        return 0
    fi
    if [ ! -w "$root" ] || { [ -e "$root/.venv" ] && [ ! -w "$root/.venv" ]; }; then
        venv_fail "cannot write to $root, where .venv belongs." \
            "Run it once as the owner of that folder, or copy the folder to a place of your own."
    fi
    (
        # The folder itself is the lock: no lock file is left lying about.
        exec 9<"$root"
        flock 9
        # Somebody else may have done it while we waited.
        venv_is_ready "$root" "$name" "$target" "$stamp" || venv_install "$root" "$name" "$target" "$stamp"
    ) || exit 1
}

# venv_install ROOT NAME TARGET STAMP: with the lock held.
venv_install() {
    local root=$1 name=$2 target=$3 stamp=$4 python=$1/.venv/bin/python
    venv_require_python
    if [ -d "$root/.venv" ]; then
        venv_say 'what .venv should hold has changed, or it is incomplete: bringing it up to date ...'
        rm -f "$root/.venv"/stamp-*
    else
        venv_say 'first run: making .venv (about 20 s) ...'
    fi
    if ! venv_is_here "$root" || ! "$python" -m pip --version >/dev/null 2>&1; then
        python3 -m venv --clear "$root/.venv" >&2 ||
            venv_fail 'python3 -m venv failed, see above.' 'Mend that and run the same command again.'
    fi
    (cd "$root" && "$python" -m pip install -qq --use-pep517 --disable-pip-version-check --no-input -e "$target") >&2 ||
        venv_fail 'pip could not install the libraries, see above; nothing was marked as done.' \
            'Check the network (or name a mirror in PIP_INDEX_URL) and run the same command again.'
    printf '%s %s' "$stamp" "$target" >"$root/.venv/stamp-$name.new"
    mv "$root/.venv/stamp-$name.new" "$root/.venv/stamp-$name"
    venv_say '.venv is ready.'
}

# venv_is_here ROOT: whether .venv was made in this folder; the scripts of a copied one run in the original.
venv_is_here() {
    local first=''
    if [ -r "$1/.venv/bin/pip" ]; then
        read -r first <"$1/.venv/bin/pip"
    fi
    [[ $first == "#!$1/.venv/"* ]]
}

# Python 3.11 with ensurepip, which Debian keeps in a package of its own.
venv_require_python() {
    if ! command -v python3 >/dev/null; then
        venv_apt_install 'python3 is missing' python3 python3-venv
    fi
    if ! python3 -c 'import sys; sys.exit(sys.version_info < (3, 11))'; then
        venv_fail "python3 is $(python3 --version 2>&1), but gatedog needs 3.11 or newer." \
            'Install one, and put it first in PATH.'
    fi
    if ! python3 -c 'import ensurepip, venv' 2>/dev/null; then
        venv_apt_install 'python3 cannot make virtual environments (no ensurepip)' python3-venv
    fi
}

# venv_missing_for_systemd: print the Debian packages without which the extra [systemd] cannot be compiled here.
venv_missing_for_systemd() {
    command -v gcc >/dev/null || echo gcc
    if ! command -v pkg-config >/dev/null; then
        echo pkg-config libsystemd-dev
    elif ! pkg-config --exists libsystemd; then
        echo libsystemd-dev
    fi
    local header='import pathlib, sys, sysconfig; sys.exit(not pathlib.Path(sysconfig.get_path("include"), "Python.h").exists())'
    python3 -c "$header" || echo python3-dev
}

# venv_dev_target ROOT: print what a developer's .venv is to hold: all, or all but pystemd where that cannot be made.
venv_dev_target() {
    local all='.[dev,systemd]' missing
    venv_require_python
    if ! venv_is_ready "$1" dev "$all" "$(venv_stamp "$1")"; then
        missing=$(venv_missing_for_systemd | tr '\n' ' ')
        # shellcheck disable=SC2086 # a list of words; in a subshell, because it exits when it fails
        if [ -n "$missing" ] && ! (venv_apt_install 'pystemd cannot be compiled here' ${missing% }); then
            venv_say 'going on without it: tests/system/machines use systemd all the same.'
            all='.[dev]'
        fi
    fi
    printf '%s' "$all"
}

# venv_apt_install WHY PACKAGE...: install as root, else print the one command to run.
venv_apt_install() {
    local why=$1
    shift
    if [ "$(id -u)" -ne 0 ] || ! command -v apt-get >/dev/null; then
        venv_fail "$why. Run:" "sudo apt-get install -y $*"
    fi
    venv_say "$why: installing $* with apt ..."
    if ! DEBIAN_FRONTEND=noninteractive apt-get install -y -qq "$@" >/dev/null 2>&1; then
        # The package lists of a fresh machine are empty or old.
        apt-get update -qq >&2 || venv_say 'apt-get update failed; trying with the lists that are there.'
        DEBIAN_FRONTEND=noninteractive apt-get install -y -qq "$@" >&2 ||
            venv_fail "apt could not install $*, see above. Mend that, then run:" "apt-get install -y $*"
    fi
}
