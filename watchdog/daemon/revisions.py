"""Which rules are in force: the committed ones, from wherever a sound copy of them lies.

Theory of operation. The journal remembers what was committed, by digest (core/proposals.py). The bundle in its folder
is looked at again and again, cheaply: only when something about its files moved is it read, once, under the guard, and
those very bytes are digested, parsed and kept. When they are the committed ones they are loaded; when not, they are not
touched further, and what is in force stays: its policy from the journal, its channels and signers from the copy that
was kept when it was loaded. That holds across a restart of gatedog as well. A reload restarts nothing.

Invariant: a policy reaches the core only with the digest of the bytes it was read from. Deliberately not here: deciding
what counts (the core) and writing the bundle (a human's command line: the folder is read-only to gatedog).
"""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace

from watchdog import __version__
from watchdog.control.revisionsreply import rules_reply
from watchdog.control.revisionswire import RulesStatus
from watchdog.core.bundle import BundleObserved, DefaultsChanged, Revision
from watchdog.core.events import Event, PolicyLoaded, PolicyRejected
from watchdog.core.policy import Policy
from watchdog.core.state import State
from watchdog.daemon.examination import Standard, amounts_to, effect_of, examine
from watchdog.daemon.options import CannotRun, DaemonOptions
from watchdog.daemon.signing import SignersInForce, signers_in_force
from watchdog.gateway.readiness import speaks
from watchdog.policyfile.bundle import Bundle, glance, read_bundle
from watchdog.policyfile.bundlechange import differing
from watchdog.policyfile.bundlestore import BundleStore
from watchdog.policyfile.load import LoadedPolicy, parse_bundle
from watchdog.policyfile.pagersettings import NO_FILE, PagerSettings
from watchdog.policyfile.problems import PolicyProblems

CHORES_PER_LOOK = 6
"""A chore comes every ten seconds."""
PROBLEMS_MAX = 12
NEEDS_RESTART = (
    "commands, readiness, stop signals or channels have changed, and those take a restart of gatedog "
    "(the gateways go on); budgets, backoff, detectors and tiers are taken over as it runs"
)


def has_committed_rules(options: DaemonOptions) -> bool:
    """Whether a bundle was committed here before, so that what was found may not be what counts."""
    return options.bundle is not None and not BundleStore(options.state_folder).is_empty


def rules_in_force(options: DaemonOptions, state: State) -> DaemonOptions:
    """Return the options with the rules that count: what was found, where nothing was committed or exactly that was.

    Raises:
        CannotRun: the bundle that was found cannot be read, and there is no other.
    """
    committed, found = state.rules.committed, options.loaded
    if options.bundle is None:
        return options
    if committed is None or state.policy is None:
        if found is None:
            raise CannotRun(options.refused, next_=(f"gatedog policy check {options.bundle}",))
        return options
    if found is not None and found.digest == committed.digest and amounts_to(found.policy, committed, state):
        return options
    pager = _pager_in_force(options, state)
    return replace(options, policy=state.policy, digest=state.policy_digest, pager=pager, loaded=None)


def _pager_in_force(options: DaemonOptions, state: State) -> PagerSettings:
    """Return the channels of the rules in force. Without a copy, any channels are better than telling nobody."""
    copy = _copy_in_force(BundleStore(options.state_folder), state)
    if copy is not None and options.bundle is not None:
        try:
            return parse_bundle(copy, options.bundle).pager
        except PolicyProblems:
            pass  # this version reads its channels no more; what lies in the folder may be for this version
    return NO_FILE if options.loaded is None else options.loaded.pager


def _revision_in_force(state: State) -> Revision | None:
    return next((each for each in state.rules.revisions if each.number == state.rules.in_force), None)


def _copy_in_force(store: BundleStore, state: State) -> Bundle | None:
    revision = _revision_in_force(state)
    return None if revision is None else store.revision(revision.number, revision.digest)


class Revisions:
    """The bundle's folder and the copies of what was committed."""

    def __init__(self, options: DaemonOptions, state: Callable[[], State], adopt: Callable[[Policy], None]) -> None:
        """`adopt` takes over, outside of the core, what another policy asks for as it runs."""
        self._options = options
        self._folder = options.bundle
        self._state = state
        self._adopt = adopt
        self.store = BundleStore(options.state_folder)
        self._chores = 0
        self._seen: tuple[object, ...] = ()
        self._observed: BundleObserved | None = None
        self._said: tuple[str, ...] = ()
        self._copy: tuple[int, Bundle | None] = (0, None)

    def begin(self) -> tuple[Event, ...]:
        """Return what is to be taken at a start: the policy, where the core does not rule by it already."""
        options, state = self._options, self._state()
        if self._folder is None:
            is_known = state.policy == options.policy
            return () if is_known else (PolicyLoaded(policy=options.policy, digest=options.digest),)
        if options.loaded is None:
            return ()
        committed = state.rules.committed
        number = 1 if committed is None else committed.number
        self._keep(number, options.loaded.bundle)
        if committed is not None and state.policy == options.policy and state.rules.in_force == number:
            return ()
        effect = effect_of(options.policy) if committed is None else committed.effect
        return (PolicyLoaded(policy=options.policy, digest=options.loaded.digest, effect=effect),)

    def tend(self) -> tuple[Event, ...]:
        """Look when it is time to."""
        self._chores += 1
        return self.look() if self._chores % CHORES_PER_LOOK == 0 else ()

    def look(self, *, again: bool = False) -> tuple[Event, ...]:
        """Look at the folder, and return what was found; `again`: even where nothing moved."""
        state = self._state()
        committed = state.rules.committed
        if self._folder is None or committed is None:
            return ()
        seen = (*glance(self._folder), committed, state.rules.in_force)
        if seen == self._seen and not again:
            return () if self._observed is None else (self._observed,)
        self._seen = seen
        try:
            bundle = read_bundle(self._folder)
        except PolicyProblems as refused:
            return (self._note(BundleObserved(folder=str(self._folder), digest="", problems=_sentences(refused))),)
        if bundle.digest != committed.digest:
            return (self._note(self._found(bundle)),)
        try:
            loaded = parse_bundle(bundle, self._folder)
        except PolicyProblems as refused:
            return (self._note(BundleObserved(folder=str(self._folder), digest="", problems=_sentences(refused))),)
        return (self._note(self._found(bundle)), *self._load(loaded, committed, state))

    def copy_in_force(self) -> Bundle | None:
        """Return the bundle in force, from its copy."""
        state = self._state()
        if self._copy[0] != state.rules.in_force or self._copy[1] is None:
            self._copy = (state.rules.in_force, _copy_in_force(self.store, state))
        return self._copy[1]

    def signers(self) -> SignersInForce:
        """Look up who may sign. A thread's work."""
        return SignersInForce() if self._folder is None else signers_in_force(self.copy_in_force(), self._folder)

    def reply(self) -> RulesStatus:
        """Say which rules count."""
        folder = "" if self._folder is None else str(self._folder.absolute())
        return rules_reply(self._state(), folder, str(self._options.state_folder.absolute()))

    def _found(self, bundle: Bundle) -> BundleObserved:
        copy = self.copy_in_force()
        differs = () if copy is None else differing(copy, bundle)
        return BundleObserved(folder=str(self._folder), digest=bundle.digest, differs=differs)

    def _note(self, observed: BundleObserved) -> BundleObserved:
        self._observed = observed
        return observed

    def _load(self, loaded: LoadedPolicy, committed: Revision, state: State) -> tuple[Event, ...]:
        """Take the committed bundle over, as far as that is possible without a restart of gatedog."""
        if not amounts_to(loaded.policy, committed, state):
            return self._propose_defaults(loaded, committed, state)
        if state.rules.in_force == committed.number and loaded.policy == state.policy:
            if self.copy_in_force() is None:
                self._keep(committed.number, loaded.bundle)
            return ()
        if is_built_otherwise(loaded, self._options):
            return self._say_once(f"restart {loaded.digest}", PolicyRejected(problems=(NEEDS_RESTART,)))
        self._keep(committed.number, loaded.bundle)
        self._adopt(loaded.policy)
        return (PolicyLoaded(policy=loaded.policy, digest=loaded.digest, effect=committed.effect),)

    def _keep(self, number: int, bundle: Bundle) -> None:
        with suppress(OSError):  # a full disk must not keep a policy from being loaded; the next look tries again
            self.store.keep(number, bundle)

    def _propose_defaults(self, loaded: LoadedPolicy, committed: Revision, state: State) -> tuple[Event, ...]:
        if state.policy is None:
            return ()
        before = Standard(policy=state.policy, bundle=loaded.bundle, revision=committed.number)
        examined = examine(loaded.bundle, before)
        with suppress(OSError):  # whoever reviews it finds the same bytes in the folder
            self.store.offer(loaded.bundle, ())
        event = DefaultsChanged(version=__version__, examined=examined)
        return self._say_once(f"defaults {examined.effect} {committed.number}", event)

    def _say_once(self, what: str, event: Event) -> tuple[Event, ...]:
        if what in self._said:
            return ()
        self._said = (*self._said[-3:], what)
        return (event,)


def is_built_otherwise(loaded: LoadedPolicy, options: DaemonOptions) -> bool:
    """Whether other backends or channels would be built for it: those last as long as the daemon."""
    pager = options.pager
    carried = (pager.channels, pager.runbook, pager.deadman)
    would = (loaded.pager.channels, loaded.pager.runbook, loaded.pager.deadman)
    return _built_for(loaded.policy) != _built_for(options.policy) or carried != would


def _built_for(policy: Policy) -> tuple[object, ...]:
    """Name what backends are built from; the core reads everything else afresh at each event."""
    return tuple(
        (each.name, each.unit, each.command, each.ready, each.stop.signal, each.observe, speaks(each))
        for each in policy.gateways
    )


def _sentences(refused: PolicyProblems) -> tuple[str, ...]:
    return tuple(str(problem) for problem in refused.problems[:PROBLEMS_MAX])
