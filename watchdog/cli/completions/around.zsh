#compdef gatedog
# zsh completion for gatedog, made by `gatedog completion zsh`.

# WALK
_gatedog() {
    local line
    local -a before found described
    before=("${(@)words[2,CURRENT-1]}")
    found=("${(@f)$(emulate sh; _gatedog_words "$PREFIX" "${before[@]}")}")
    for line in $found; do
        if [[ $line == / ]]; then
            _files
        elif [[ $line == *$'\t'* ]]; then
            described+=("${${line%%$'\t'*}//:/\\:}:${line#*$'\t'}")
        else
            described+=("${line//:/\\:}")
        fi
    done
    (( $#described )) && _describe gatedog described
}

if [[ $funcstack[1] == _gatedog ]]; then
    _gatedog "$@" # loaded by the completion system, at the first TAB
else
    compdef _gatedog gatedog
fi
