"""The first phone takes no pages: the next person must hear of it."""

from watchdog.drill.site import Site


def play(site: Site) -> None:
    """Let the first phone refuse everything while something is wrong."""
    site.phone.inbox.refuses = True
    site.begin()
    site.kill_until_held(30.0)
    site.record.wait("the next person is told", lambda: site.paged(site.second), 30.0)
    site.phone.inbox.refuses = False
    site.record.note("the first phone works again")
    site.record.wait("and gets the page, too", lambda: site.paged(site.phone), 50.0)
