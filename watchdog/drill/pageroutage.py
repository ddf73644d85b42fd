"""No phone can be reached for a while: the page must wait, and arrive."""

from watchdog.drill.site import Site


def play(site: Site) -> None:
    """Cut both phones off, let something go wrong, and bring them back."""
    site.phone.inbox.refuses = site.second.inbox.refuses = True
    site.begin()
    site.kill_until_held(30.0)
    site.record.check("nobody could be told", holds=not site.paged(site.phone) and not site.paged(site.second))
    site.end_daemon()
    site.start_daemon()
    site.record.wait("held still, after gatedog itself was started again", site.is_held, 20.0)
    site.phone.inbox.refuses = site.second.inbox.refuses = False
    site.record.note("both phones work again")
    site.record.wait("the page arrives", lambda: site.paged(site.phone), 50.0)
