"""Whom to believe on the other end of a TLS connection, and what to say when it cannot be believed.

Invariant: names and certificates are always checked; there is no way to switch that off. A private authority is
believed by naming its certificate, instead of the system's.
"""

import ssl

from watchdog.pager.channel import ConfigurationFault


def tls_context(channel: str, ca_file: str) -> ssl.SSLContext:
    """Return the system's trust, or that in `ca_file` alone."""
    try:
        return ssl.create_default_context(cafile=ca_file or None)
    except OSError as error:  # ssl.SSLError is one: a file without a certificate
        raise ConfigurationFault(f"channel {channel}: ca_file {ca_file} holds no certificate to believe") from error


def reason(error: Exception) -> str:
    """Say what broke, without the words of whoever broke it."""
    # Certificate trouble is passing trouble: a clock that is wrong after boot makes every certificate invalid, and a
    # page must survive that. Nothing is ever sent to a server that did not prove its name.
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"certificate refused: {error.verify_message}"
    return (isinstance(error, OSError) and error.strerror) or type(error).__name__
