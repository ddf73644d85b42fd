# What may follow a command: sets verbs (a name and a summary on each line), flags, takes (OPTION:KIND of those with a
# value) and places (the kind of each argument; "..." repeats). KIND is a word for what is wanted, "=a,b" for one of
# some words, or nothing. (zsh has a path and options of its own, so those names are not used here.)
_gatedog_table() {
    case $1 in
# TABLE
    esac
}

# Print what the daemons last said: of the socket that was named, else of ours and the system's.
_gatedog_status() {
    local named="${1:-$GATEDOG_SOCKET}" own="${XDG_RUNTIME_DIR:-/nonexistent}/gatedog"
    if [ -n "$named" ]; then
        case $named in */*) ;; *) named=./$named ;; esac
        cat "${named%/*}/status.json" 2>/dev/null
    else
        cat "$own/status.json" "$own"/*/status.json /run/gatedog/status.json /run/gatedog/*/status.json 2>/dev/null
    fi
}

# Print the names of a kind, one on each line. "/" alone stands for the names of files.
_gatedog_names() {
    local name='[A-Za-z0-9][A-Za-z0-9._@:-]*'
    case $1 in
    =*) printf '%s\n' "${1#=}" | tr , '\n' ;;
    *file*) printf '/\n' ;;
    esac
    # A gateway is a "name" before its "word"; a probe has a name, too, and no word.
    case $1 in *gateway*)
        _gatedog_status "$2" | tr '{' '\n' | sed -n 's/^"name": *"\('"$name"'\)", *"word":.*/\1/p'
        ;;
    esac
    case $1 in *incident*)
        _gatedog_status "$2" | tr '{' '\n' | sed -n 's/^"id": *"\('"$name"'\)", *"gateway":.*/\1/p'
        ;;
    esac
    case $1 in *page*)
        _gatedog_status "$2" | tr '{' '\n' | sed -n 's/^"page": *"\('"$name"'\)", *"incident":.*/\1/p'
        ;;
    esac
}

# _gatedog_words CURRENT WORD...: print what may stand in the place of CURRENT after these words.
_gatedog_words() {
    local current="$1" verb='' place=0 pending='' socket='' dashed='' one='' kind=''
    local verbs flags takes places tab='	' newline='
'
    shift
    _gatedog_table ''
    while [ $# -gt 0 ]; do
        one=$1
        shift
        if [ -n "$pending" ]; then
            [ "$one" = = ] && continue # bash cuts --option=value at the sign
            [ "$pending" = --socket ] && socket=$one
            pending=''
            continue
        fi
        if [ -z "$dashed" ]; then
            case $one in
            --) dashed=yes && continue ;;
            --socket=*) socket=${one#*=} && continue ;;
            --*=*) continue ;;
            -?*)
                case " $takes " in *" $one:"*) pending=$one ;; esac
                continue
                ;;
            esac
        fi
        case "$newline$verbs" in
        *"$newline$one$tab"*)
            verb="$verb${verb:+ }$one"
            place=0
            _gatedog_table "$verb"
            ;;
        *) place=$((place + 1)) ;;
        esac
    done
    if [ -n "$pending" ]; then
        for one in $takes; do
            [ "${one%%:*}" = "$pending" ] && _gatedog_names "${one#*:}" "$socket"
        done
        return 0
    fi
    if [ -z "$dashed" ]; then
        case $current in
        -*)
            printf '%s\n' $flags
            return 0
            ;;
        esac
    fi
    if [ -n "$verbs" ]; then
        [ "$place" -gt 0 ] || printf '%s\n' "$verbs"
        return 0
    fi
    for one in $places; do
        kind=$one
        [ "$place" -eq 0 ] && break
        case $one in *...) break ;; esac
        kind=''
        place=$((place - 1))
    done
    _gatedog_names "$kind" "$socket"
}
