# fish completion for gatedog, made by `gatedog completion fish`.

set -g __gatedog_walk '
# What may follow a command: sets verbs (a name and a summary on each line), flags, takes (OPTION:KIND of those with a
# value) and places (the kind of each argument; "..." repeats). KIND is a word for what is wanted, "=a,b" for one of
# some words, or nothing. (zsh has a path and options of its own, so those names are not used here.)
_gatedog_table() {
    case $1 in
    \'\')
        verbs=\'status	Say how everything stands: worst first, with what to type next.
top	Keep a screen open: restarts, budgets, probes, memory, incidents,...
events	Tell what happened and what was decided on it.
explain	Walk through one incident: event, rule, decision, outcome.
incident	List, show, examine, export and close incidents.
postmortem	Draft, write, sign and verify what is said about an incident.
ack	Take an incident: its pages rest for a while, or until a new fact.
unack	Give an acknowledgement back: people are paged again.
start	Start a gateway that is down.
stop	Stop a gateway.
restart	Stop and start a gateway.
hold	Hold a gateway: no automatic start until a human releases it.
release	Lift a hold: one start, then probation.
reset-budget	Empty the ledger of the restart budget.
maintenance	Work on a gateway: its health is not judged, and pages wait, until...
silence	Let pages about a gateway wait; what happens is recorded as ever.
requests	Look at what was asked of gatedog.
grant	Grant a request that was refused, once, within half an hour.
permit	Let an account start or restart a gateway a few times without a...
runbook	What to do about a page: one runbook for each family of rules.
whoami	Say who you are to gatedog, by which rule, and how sure that is.
ask	Ask for what only a human may do; the answer names the rule.
probe	Look at what looks at the gateways.
page	Look at the ways by which people are told, and try them.
metrics	Say the numbers for Prometheus: how everything stands, and since the...
web	Show gateways, incidents and policy on a page, live, and the numbers...
gate	For an agent\'\\\'\'s runtime: may this be done? For people: agree to it,...
doctor	Check that gatedog alone owns its gateways, that people would be...
policy	Check the rules, propose others, and put them in force.
journal	Check the journal\'\\\'\'s chain, and save what can be saved.
simulate	Play recorded histories to gatedog\'\\\'\'s core: what would it have paged,...
verify	Decide a journal again by the same rules and compare, decision for...
backtest	Try another policy on a journal.
setup	Own a unit of systemd, or give it back.
break-glass	Start, stop or give back a unit that gatedog owns, with no gatedog.
run	Supervise one command, in the foreground.
daemon	Supervise the gateways that policy.toml names.
demo	Show a restart spiral, without and with gatedog, in about 15 s.
drill	Cause a failure on a sacrificial copy, check that it is seen, paged...
completion	Print a completion script.
version	Say which version this is.\'
        flags=\'--version --socket -h --help\'
        takes=\'--socket:file\'
        places=\'\'
        ;;
    \'status\')
        verbs=
        flags=\'--json --exit-zero -o --watch -h --help\'
        takes=\'-o:=page,short --watch:\'
        places=\'gateway\'
        ;;
    \'top\')
        verbs=
        flags=\'--every -h --help\'
        takes=\'--every:\'
        places=\'gateway\'
        ;;
    \'events\')
        verbs=
        flags=\'-f --follow --since -n -a --alarms --json --journal -h --help\'
        takes=\'--since: -n: --journal:file\'
        places=\'\'
        ;;
    \'explain\')
        verbs=
        flags=\'--json --journal -h --help\'
        takes=\'--journal:file\'
        places=\'gateway+incident\'
        ;;
    \'incident\')
        verbs=\'close	Close an incident: a human has looked, and what comes next is a new...
evidence	List the files that were kept, each folder compared with its digest.
export	Write an incident to files, known shapes of secrets taken out.
hypothesis	List the hypotheses of an incident; offer one, or judge one.
list	List open incidents, loudest first.
show	Show one incident and the newest of its records.
timeline	Tell the machine facts in order, with wall clock, uptime, and whether...
verify	Check the journal\'\\\'\'s chain and the evidence\'\\\'\'s digests, and name what...\'
        flags=\'-h --help\'
        takes=\'\'
        places=\'\'
        ;;
    \'incident close\')
        verbs=
        flags=\'-m --message --reason --json --signer --signature --code -h --help\'
        takes=\'-m: --message: --reason: --signer: --signature:file --code:\'
        places=\'incident\'
        ;;
    \'incident evidence\')
        verbs=
        flags=\'--json --state -h --help\'
        takes=\'--state:file\'
        places=\'incident\'
        ;;
    \'incident export\')
        verbs=
        flags=\'--md --html --tar --state -h --help\'
        takes=\'--md:file --html:file --tar:file --state:file\'
        places=\'incident\'
        ;;
    \'incident hypothesis\')
        verbs=
        flags=\'--claim --cite --refuted-by --judge -m --message --reason --json --state --signer --signature --code -h --help\'
        takes=\'--claim: --cite: --refuted-by: --judge: -m: --message: --reason: --state:file --signer: --signature:file --code:\'
        places=\'incident\'
        ;;
    \'incident list\')
        verbs=
        flags=\'--all --like --json -h --help\'
        takes=\'--like:incident\'
        places=\'\'
        ;;
    \'incident show\')
        verbs=
        flags=\'--json -h --help\'
        takes=\'\'
        places=\'incident\'
        ;;
    \'incident timeline\')
        verbs=
        flags=\'--state -h --help\'
        takes=\'--state:file\'
        places=\'incident\'
        ;;
    \'incident verify\')
        verbs=
        flags=\'--json --state -h --help\'
        takes=\'--state:file\'
        places=\'incident\'
        ;;
    \'postmortem\')
        verbs=\'draft	Fill the usual template in Markdown with what was recorded; causes...
edit	Write cause, trigger, lessons and actions, in $EDITOR or from a file.
sign	Put your name under the cause, together with the evidence that you...
verify	Check the signed cause, without the daemon: text, evidence, signature.\'
        flags=\'-h --help\'
        takes=\'\'
        places=\'\'
        ;;
    \'postmortem draft\')
        verbs=
        flags=\'--to --state -h --help\'
        takes=\'--to:file --state:file\'
        places=\'incident\'
        ;;
    \'postmortem edit\')
        verbs=
        flags=\'--from --json --signer --signature --code -h --help\'
        takes=\'--from:file --signer: --signature:file --code:\'
        places=\'incident\'
        ;;
    \'postmortem sign\')
        verbs=
        flags=\'--evidence --challenge --yes --json --signer --signature --code -h --help\'
        takes=\'--evidence: --challenge:file --signer: --signature:file --code:\'
        places=\'incident\'
        ;;
    \'postmortem verify\')
        verbs=
        flags=\'--bundle --json --state -h --help\'
        takes=\'--bundle:file --state:file\'
        places=\'incident\'
        ;;
    \'ack\')
        verbs=
        flags=\'--for --until -m --message --reason --json --signer --signature --code -h --help\'
        takes=\'--for: --until: -m: --message: --reason: --signer: --signature:file --code:\'
        places=\'incident\'
        ;;
    \'unack\')
        verbs=
        flags=\'-m --message --reason --json --signer --signature --code -h --help\'
        takes=\'-m: --message: --reason: --signer: --signature:file --code:\'
        places=\'incident\'
        ;;
    \'start\')
        verbs=
        flags=\'-m --message --reason --json --signer --signature --code -h --help\'
        takes=\'-m: --message: --reason: --signer: --signature:file --code:\'
        places=\'gateway\'
        ;;
    \'stop\')
        verbs=
        flags=\'-m --message --reason --json --signer --signature --code -h --help\'
        takes=\'-m: --message: --reason: --signer: --signature:file --code:\'
        places=\'gateway\'
        ;;
    \'restart\')
        verbs=
        flags=\'-m --message --reason --json --signer --signature --code -h --help\'
        takes=\'-m: --message: --reason: --signer: --signature:file --code:\'
        places=\'gateway\'
        ;;
    \'hold\')
        verbs=
        flags=\'-m --message --reason --json --signer --signature --code -h --help\'
        takes=\'-m: --message: --reason: --signer: --signature:file --code:\'
        places=\'gateway\'
        ;;
    \'release\')
        verbs=
        flags=\'-m --message --reason --json --signer --signature --code -h --help\'
        takes=\'-m: --message: --reason: --signer: --signature:file --code:\'
        places=\'gateway\'
        ;;
    \'reset-budget\')
        verbs=
        flags=\'-m --message --reason --json --signer --signature --code -h --help\'
        takes=\'-m: --message: --reason: --signer: --signature:file --code:\'
        places=\'gateway\'
        ;;
    \'maintenance\')
        verbs=
        flags=\'--for --end -m --message --reason --json --signer --signature --code -h --help\'
        takes=\'--for: -m: --message: --reason: --signer: --signature:file --code:\'
        places=\'gateway\'
        ;;
    \'silence\')
        verbs=
        flags=\'--for --end -m --message --reason --json --signer --signature --code -h --help\'
        takes=\'--for: -m: --message: --reason: --signer: --signature:file --code:\'
        places=\'gateway -\'
        ;;
    \'requests\')
        verbs=\'list	List the requests that are remembered, newest first, with who asked...\'
        flags=\'-h --help\'
        takes=\'\'
        places=\'\'
        ;;
    \'requests list\')
        verbs=
        flags=\'--json -h --help\'
        takes=\'\'
        places=\'\'
        ;;
    \'grant\')
        verbs=
        flags=\'-m --message --reason --json --signer --signature --code -h --help\'
        takes=\'-m: --message: --reason: --signer: --signature:file --code:\'
        places=\'-\'
        ;;
    \'permit\')
        verbs=
        flags=\'--for --starts --user --end -m --message --reason --json --signer --signature --code -h --help\'
        takes=\'--for: --starts: --user: -m: --message: --reason: --signer: --signature:file --code:\'
        places=\'gateway\'
        ;;
    \'runbook\')
        verbs=\'abort	Give a run up: its program is ended, and nothing more of it is run.
approve	Have a destabilising step taken that waits for a person: exactly the...
close	Close the breaker of a runbook that failed or ran too often: it...
list	List the runbooks, each with the rules it is for: those for people,...
run	Run a runbook for machines now.
runs	List the runs that are remembered, newest first, and what waits for a...
show	Show the runbook for a rule, or for an incident, whose commands are...\'
        flags=\'-h --help\'
        takes=\'\'
        places=\'\'
        ;;
    \'runbook abort\')
        verbs=
        flags=\'-m --message --reason --json --signer --signature --code -h --help\'
        takes=\'-m: --message: --reason: --signer: --signature:file --code:\'
        places=\'-\'
        ;;
    \'runbook approve\')
        verbs=
        flags=\'--argv-sha256 -m --message --reason --json --signer --signature --code -h --help\'
        takes=\'--argv-sha256: -m: --message: --reason: --signer: --signature:file --code:\'
        places=\'-\'
        ;;
    \'runbook close\')
        verbs=
        flags=\'-m --message --reason --json --signer --signature --code -h --help\'
        takes=\'-m: --message: --reason: --signer: --signature:file --code:\'
        places=\'-\'
        ;;
    \'runbook list\')
        verbs=
        flags=\'--json -h --help\'
        takes=\'\'
        places=\'\'
        ;;
    \'runbook run\')
        verbs=
        flags=\'--incident --gateway -m --message --reason --json --signer --signature --code -h --help\'
        takes=\'--incident:incident --gateway:gateway -m: --message: --reason: --signer: --signature:file --code:\'
        places=\'-\'
        ;;
    \'runbook runs\')
        verbs=
        flags=\'--json -h --help\'
        takes=\'\'
        places=\'\'
        ;;
    \'runbook show\')
        verbs=
        flags=\'--json -h --help\'
        takes=\'\'
        places=\'incident\'
        ;;
    \'whoami\')
        verbs=
        flags=\'--json -h --help\'
        takes=\'\'
        places=\'gateway\'
        ;;
    \'ask\')
        verbs=\'restart	Ask for a restart of the gateway.\'
        flags=\'-h --help\'
        takes=\'\'
        places=\'\'
        ;;
    \'ask restart\')
        verbs=
        flags=\'-m --message --reason --json -h --help\'
        takes=\'-m: --message: --reason:\'
        places=\'gateway\'
        ;;
    \'probe\')
        verbs=\'history	Show the remembered looks of a probe, newest first: up to a hundred,...
list	List the probes of all gateways, each with its last look.
run	Look once, now.\'
        flags=\'-h --help\'
        takes=\'\'
        places=\'\'
        ;;
    \'probe history\')
        verbs=
        flags=\'--json -h --help\'
        takes=\'\'
        places=\'gateway -\'
        ;;
    \'probe list\')
        verbs=
        flags=\'--json -h --help\'
        takes=\'\'
        places=\'\'
        ;;
    \'probe run\')
        verbs=
        flags=\'--json -h --help\'
        takes=\'\'
        places=\'gateway -\'
        ;;
    \'page\')
        verbs=\'channels	Show how channels and dead-man switches are doing, and who silences...
list	List the pages that wait, and those that a channel gave up.
retry	Try a page again on the channels that gave it up; `page list` names it.
test	Send a page marked TEST by the real way.\'
        flags=\'-h --help\'
        takes=\'\'
        places=\'\'
        ;;
    \'page channels\')
        verbs=
        flags=\'--json -h --help\'
        takes=\'\'
        places=\'\'
        ;;
    \'page list\')
        verbs=
        flags=\'--json -h --help\'
        takes=\'\'
        places=\'\'
        ;;
    \'page retry\')
        verbs=
        flags=\'--json -h --help\'
        takes=\'\'
        places=\'page\'
        ;;
    \'page test\')
        verbs=
        flags=\'--severity --channel --json -h --help\'
        takes=\'--severity:=critical,warning,info --channel:\'
        places=\'\'
        ;;
    \'metrics\')
        verbs=
        flags=\'--textfile -h --help\'
        takes=\'--textfile:file\'
        places=\'\'
        ;;
    \'web\')
        verbs=
        flags=\'--listen --unix --host -h --help\'
        takes=\'--listen: --unix:file --host:\'
        places=\'\'
        ;;
    \'gate\')
        verbs=\'approve	Let an action be done once, in the very words that are shown.
check	Ask whether an action may be done.
report	List what was done that nobody had let through, each with its record,...\'
        flags=\'-h --help\'
        takes=\'\'
        places=\'\'
        ;;
    \'gate approve\')
        verbs=
        flags=\'--json --signer --signature --code -h --help\'
        takes=\'--signer: --signature:file --code:\'
        places=\'-\'
        ;;
    \'gate check\')
        verbs=
        flags=\'--action --path --directory --gateway --json -h --help\'
        takes=\'--action: --path:file --directory:file --gateway:gateway\'
        places=\'-...\'
        ;;
    \'gate report\')
        verbs=
        flags=\'--since --json --journal -h --help\'
        takes=\'--since: --journal:file\'
        places=\'\'
        ;;
    \'doctor\')
        verbs=
        flags=\'--config --bundle --json -h --help\'
        takes=\'--config:file --bundle:file\'
        places=\'\'
        ;;
    \'policy\')
        verbs=\'check	Check policy.toml and the pager.toml beside it; all problems at once.
commit	Put a proposal in force: for humans, signed where signers are listed.
diff	Say in words how what lies in the bundle\'\\\'\'s folder differs from the...
log	List the revisions, newest first: when, by whom, why.
proposals	List what is proposed, newest first.
propose	Propose other rules: a FILE of the bundle, or a FOLDER of them.
revert	Put the revision before the newest in force again, as a new one: for...
review	Say in words and lines what a proposal would change, and what it...
show	Show the rules in force, or a revision: who committed it, and its files.\'
        flags=\'-h --help\'
        takes=\'\'
        places=\'\'
        ;;
    \'policy check\')
        verbs=
        flags=\'--json -h --help\'
        takes=\'\'
        places=\'file\'
        ;;
    \'policy commit\')
        verbs=
        flags=\'--reviewed --sign-only --config -m --message --reason --json --signer --signature --code -h --help\'
        takes=\'--reviewed: --config:file -m: --message: --reason: --signer: --signature:file --code:\'
        places=\'-\'
        ;;
    \'policy diff\')
        verbs=
        flags=\'--config --json -h --help\'
        takes=\'--config:file\'
        places=\'\'
        ;;
    \'policy log\')
        verbs=
        flags=\'--json -h --help\'
        takes=\'\'
        places=\'\'
        ;;
    \'policy proposals\')
        verbs=
        flags=\'--all --json -h --help\'
        takes=\'\'
        places=\'\'
        ;;
    \'policy propose\')
        verbs=
        flags=\'--as --remove --again -m --message --reason --json -h --help\'
        takes=\'--as: --remove: --again: -m: --message: --reason:\'
        places=\'file\'
        ;;
    \'policy revert\')
        verbs=
        flags=\'--config -m --message --reason --json --signer --signature --code -h --help\'
        takes=\'--config:file -m: --message: --reason: --signer: --signature:file --code:\'
        places=\'\'
        ;;
    \'policy review\')
        verbs=
        flags=\'--json -h --help\'
        takes=\'\'
        places=\'-\'
        ;;
    \'policy show\')
        verbs=
        flags=\'--json -h --help\'
        takes=\'\'
        places=\'-\'
        ;;
    \'journal\')
        verbs=\'salvage	Make a new journal from all of a damaged one that can be verified,...
verify	Walk the whole chain and name every record that is not as it was...\'
        flags=\'-h --help\'
        takes=\'\'
        places=\'\'
        ;;
    \'journal salvage\')
        verbs=
        flags=\'--to --json -h --help\'
        takes=\'--to:file\'
        places=\'file\'
        ;;
    \'journal verify\')
        verbs=
        flags=\'--json -h --help\'
        takes=\'\'
        places=\'file\'
        ;;
    \'simulate\')
        verbs=
        flags=\'--policy --json -h --help\'
        takes=\'--policy:file\'
        places=\'file...\'
        ;;
    \'verify\')
        verbs=
        flags=\'--json -h --help\'
        takes=\'\'
        places=\'file\'
        ;;
    \'backtest\')
        verbs=
        flags=\'--policy --json -h --help\'
        takes=\'--policy:file\'
        places=\'file\'
        ;;
    \'setup\')
        verbs=\'codes	Make ten new release codes, shown once; those of before are void.
remove	Give a unit back, and put every file back as it was.
systemd	Let gatedog own a unit: its starts, its stops, its restarts.\'
        flags=\'-h --help\'
        takes=\'\'
        places=\'\'
        ;;
    \'setup codes\')
        verbs=
        flags=\'--apply -h --help\'
        takes=\'\'
        places=\'\'
        ;;
    \'setup remove\')
        verbs=
        flags=\'--apply -h --help\'
        takes=\'\'
        places=\'-\'
        ;;
    \'setup systemd\')
        verbs=
        flags=\'--unit --command --name --user --profile --port --no-hardening --advisory --no-start --apply -h --help\'
        takes=\'--unit: --command:file --name: --user: --profile:file --port: --no-hardening:\'
        places=\'\'
        ;;
    \'break-glass\')
        verbs=
        flags=\'-h --help\'
        takes=\'\'
        places=\'-...\'
        ;;
    \'run\')
        verbs=
        flags=\'--name --config -h --help\'
        takes=\'--name: --config:file\'
        places=\'file...\'
        ;;
    \'daemon\')
        verbs=
        flags=\'--config --state --runtime -h --help\'
        takes=\'--config:file --state:file --runtime:file\'
        places=\'\'
        ;;
    \'demo\')
        verbs=
        flags=\'--json -h --help\'
        takes=\'\'
        places=\'\'
        ;;
    \'drill\')
        verbs=
        flags=\'--list --live --to --json -h --help\'
        takes=\'--live:gateway --to:file\'
        places=\'-\'
        ;;
    \'completion\')
        verbs=
        flags=\'-h --help\'
        takes=\'\'
        places=\'=bash,zsh,fish\'
        ;;
    \'version\')
        verbs=
        flags=\'--json -h --help\'
        takes=\'\'
        places=\'\'
        ;;
    esac
}

# Print what the daemons last said: of the socket that was named, else of ours and the system\'s.
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
    local name=\'[A-Za-z0-9][A-Za-z0-9._@:-]*\'
    case $1 in
    =*) printf \'%s\\n\' "${1#=}" | tr , \'\\n\' ;;
    *file*) printf \'/\\n\' ;;
    esac
    # A gateway is a "name" before its "word"; a probe has a name, too, and no word.
    case $1 in *gateway*)
        _gatedog_status "$2" | tr \'{\' \'\\n\' | sed -n \'s/^"name": *"\\(\'"$name"\'\\)", *"word":.*/\\1/p\'
        ;;
    esac
    case $1 in *incident*)
        _gatedog_status "$2" | tr \'{\' \'\\n\' | sed -n \'s/^"id": *"\\(\'"$name"\'\\)", *"gateway":.*/\\1/p\'
        ;;
    esac
    case $1 in *page*)
        _gatedog_status "$2" | tr \'{\' \'\\n\' | sed -n \'s/^"page": *"\\(\'"$name"\'\\)", *"incident":.*/\\1/p\'
        ;;
    esac
}

# _gatedog_words CURRENT WORD...: print what may stand in the place of CURRENT after these words.
_gatedog_words() {
    local current="$1" verb=\'\' place=0 pending=\'\' socket=\'\' dashed=\'\' one=\'\' kind=\'\'
    local verbs flags takes places tab=\'	\' newline=\'
\'
    shift
    _gatedog_table \'\'
    while [ $# -gt 0 ]; do
        one=$1
        shift
        if [ -n "$pending" ]; then
            [ "$one" = = ] && continue # bash cuts --option=value at the sign
            [ "$pending" = --socket ] && socket=$one
            pending=\'\'
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
            printf \'%s\\n\' $flags
            return 0
            ;;
        esac
    fi
    if [ -n "$verbs" ]; then
        [ "$place" -gt 0 ] || printf \'%s\\n\' "$verbs"
        return 0
    fi
    for one in $places; do
        kind=$one
        [ "$place" -eq 0 ] && break
        case $one in *...) break ;; esac
        kind=\'\'
        place=$((place - 1))
    done
    _gatedog_names "$kind" "$socket"
}
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
