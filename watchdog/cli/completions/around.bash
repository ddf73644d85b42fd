# bash completion for gatedog, made by `gatedog completion bash`.
# shellcheck shell=bash disable=SC2086 # lists of words are split on purpose

# WALK
_gatedog() {
    local current=${COMP_WORDS[COMP_CWORD]} line
    COMPREPLY=()
    [ "$current" = = ] && current=
    while IFS= read -r line || [ -n "$line" ]; do
        if [ "$line" = / ]; then
            compopt -o filenames 2>/dev/null
            while IFS= read -r line; do
                COMPREPLY+=("$line")
            done < <(compgen -f -- "$current")
        else
            line=${line%%$'\t'*}
            [[ $line == "$current"* ]] && COMPREPLY+=("$line")
        fi
    done < <(_gatedog_words "$current" "${COMP_WORDS[@]:1:COMP_CWORD-1}")
}

complete -F _gatedog gatedog
