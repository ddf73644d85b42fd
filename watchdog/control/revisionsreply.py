"""The core's memory of the rules as the reply that travels (revisionswire.py)."""

from watchdog.control.revisionswire import ProposalStatus, RevisionStatus, RulesStatus
from watchdog.core.bundle import Proposal, Revision
from watchdog.core.proposals import signatures_needed
from watchdog.core.state import State


def rules_reply(state: State, folder: str, store: str) -> RulesStatus:
    """Say which rules count, and which are proposed."""
    rules = state.rules
    committed = 0 if rules.committed is None else rules.committed.number
    return RulesStatus(
        folder=folder,
        store=store,
        committed=committed,
        in_force=rules.in_force,
        trouble=rules.trouble,
        min_signers=1 if state.policy is None else state.policy.min_signers,
        revisions=[_revision(each) for each in rules.revisions],
        proposals=[_proposal(state, each, committed) for each in rules.proposals],
    )


def _revision(revision: Revision) -> RevisionStatus:
    return RevisionStatus(
        revision=revision.number,
        digest=revision.digest,
        effect=revision.effect,
        who=revision.who,
        because=revision.because,
        wall_usec=revision.wall_usec,
        proposal=revision.proposal,
        placed=revision.placed,
    )


def _proposal(state: State, proposal: Proposal, committed: int) -> ProposalStatus:
    return ProposalStatus(
        proposal=proposal.proposal,
        who=proposal.who,
        origin="gatedog" if proposal.origin is None else proposal.origin.value,
        says=proposal.because,
        digest=proposal.digest,
        effect=proposal.effect,
        base=proposal.base,
        wall_usec=proposal.wall_usec,
        loosens=list(proposal.loosens),
        changes=list(proposal.changes),
        signed=[each.principal for each in proposal.given],
        needed=signatures_needed(state, proposal),
        revision=proposal.revision,
        stale=proposal.revision is None and proposal.base != committed,
    )
