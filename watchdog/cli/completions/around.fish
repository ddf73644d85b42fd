# fish completion for gatedog, made by `gatedog completion fish`.

set -g __gatedog_walk '
# WALK
_gatedog_words "$@"
'

function __gatedog_complete
    set -l current (commandline -ct)
    set -l before (commandline -opc)
    for line in (sh -c $__gatedog_walk gatedog "$current" $before[2..-1])
        if test "$line" = /
            __fish_complete_path "$current"
        else
            echo $line
        end
    end
end

complete -c gatedog -f -a '(__gatedog_complete)'
