"""Secrets are taken out by shape, counted by kind, and nothing else is touched."""

import time

import pytest
from recorded_night import SECRET

from watchdog.core.endings import ExitRecord
from watchdog.core.events import LimitReached, MainProcessExited, PolicyLoaded, Stamp, Stamped
from watchdog.core.identity import BootId, GatewayName, ProcessRef, Seq
from watchdog.core.policy import CommandPolicy, EscalationPolicy, GatewayPolicy, Policy
from watchdog.core.timeline import Usec
from watchdog.journal.reader import Record
from watchdog.report.redaction import Redactor

KEY = "-----BEGIN OPENSSH PRIVATE KEY-----\nb3BlbnNzaC1rZXktdjEAAAAA\nAAAAB3Nz\n-----END OPENSSH PRIVATE KEY-----"
SECRETS = [
    (f"calling with {SECRET} now", SECRET, "token"),
    ("ghp_16C7e42F292c6912E7710c838347Ae178B4a", "ghp_16C7", "token"),
    ("github_pat_11ABCDEFG0abcdefgh_xyz", "11ABCDEFG0", "token"),
    ("glpat-abcdefgh12345678", "abcdefgh12345678", "token"),
    ("xoxb-2345678901-abcdefgh", "2345678901-abcdefgh", "token"),
    ("AKIAIOSFODNN7EXAMPLE", "IOSFODNN7", "token"),
    ("eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2lnbmF0dXJl", "c2lnbmF0dXJl", "token"),
    ("bot 123456789:AAHdqTcvCH1vGWJxfSeofSAs0K5PALDsaw0", "AAHdqTcvCH1vGWJxfSeofSAs0K5PALDsaw0", "token"),
    ("Authorization: Basic dXNlcjpwYXNz", "dXNlcjpwYXNz", "authorization header"),
    ('{"authorization": "ApiKey abc def"}', "abc def", "authorization header"),
    ("cookie: sid=abc; other=def", "other=def", "authorization header"),
    ("sent Bearer abcdef0123456789", "abcdef0123456789", "bearer token"),
    (f"read {KEY} from disk", "b3BlbnNzaC1rZXk", "private key"),
    ("-----BEGIN RSA PRIVATE KEY-----\nMIIEow the rest was cut", "MIIEow", "private key"),
    ("c3Vja2VkIGluIHRoZSBtaWRkbGU=\n-----END RSA PRIVATE KEY-----\nnext", "c3Vja2Vk", "private key"),
    ("postgres://app:hunter2@db.local/x", "hunter2", "URL with a password"),
    ("https://user:p@ss@host/x", "p@ss", "URL with a password"),
    ("https://hooks.slack.com/services/T0/B0/XyZ", "B0/XyZ", "URL that is a secret"),
    ("https://discord.com/api/webhooks/12/abc", "12/abc", "URL that is a secret"),
    ("DB_PASSWORD=hunter2", "hunter2", "value of a secret"),
    ('"api_key": "two words"', "two words", "value of a secret"),
    (r'{"MESSAGE": "{\"clientSecret\": \"abc def\"}"}', "abc def", "value of a secret"),
    ("password='it is long'", "it is long", "value of a secret"),
    ("STRIPE_KEY=abc123", "abc123", "value of a secret"),
    ("GET /x?access_token=abc123&n=1", "abc123", "value of a secret"),
    ("run --token abc123 --verbose", "abc123", "value of a secret"),
    ('"--api-key",\n "abc123",', "abc123", "value of a secret"),
    ('DATABASE_PASS = "hunter2"', "hunter2", "value of a secret"),
    ("curl -u alice:hunter2 https://h/", "hunter2", "value of a secret"),
    ("proxy said Basic dXNlcjpwYXNzd29yZA==", "dXNlcjpwYXNzd29yZA", "authorization header"),
    ("X-Auth: abc123", "abc123", "value of a secret"),
    ("KEY=abc123", "abc123", "value of a secret"),
    ("https://nosnch.in/c2354d53d2", "c2354d53d2", "URL that is a secret"),
    ("https://hooks.example.org/integrations/v1/webhook/AbCdEf", "AbCdEf", "URL that is a secret"),
    ("GET https://h/x?key=abc123&n=1", "abc123", "value of a secret"),
    ("https://blob/x?n=1&sig=abc%3D", "abc%3D", "value of a secret"),
]
HARMLESS = [
    "main ended: clean (exit status 0)",
    "INC-1 opens (critical) [spiral.identical-endings] 3 identical endings within 1m 10s",
    "gatedog release main -m why",
    "auth-expired 3 times",
    "https://example.org/path?page=2#top",
    "the token bucket is empty, the key is gone",
    "237cce53c71eb46af63c4d9000ec51320ffda2b292b76388b44a60d6d866dc29",
    "monkey=banana",
    "Basic checks passed",
    "passed=3 bypass: none",
    "https://docs.example.org/webhooks",
]


def record(event: object) -> Record:
    """Stamp an event."""
    stamp = Stamp(seq=Seq(1), wall_usec=Usec(1), boot=BootId("b"), uptime_usec=Usec(1))
    return Record(stamped=Stamped(stamp=stamp, event=event), decisions=(), digest=b"")


@pytest.mark.parametrize(("text", "secret", "kind"), SECRETS, ids=[text[:24] for text, _, _ in SECRETS])
def test_a_secret_of_a_known_shape_is_taken_out(text: str, secret: str, kind: str) -> None:
    """The secret is gone, its kind stands there instead, and it is counted."""
    redactor = Redactor()
    found = redactor.text(text)

    assert secret not in found
    assert f"[redacted: {kind}]" in found
    assert dict(redactor.log())[kind] >= 1


@pytest.mark.parametrize("text", HARMLESS)
def test_other_text_stays_as_it_is(text: str) -> None:
    """What has no such shape is unchanged, and nothing is counted."""
    redactor = Redactor()

    assert redactor.text(text) == text
    assert redactor.log() == ()


def test_what_stands_around_a_secret_stays() -> None:
    """The name of a variable, a host and the rest of a line still tell the story."""
    redactor = Redactor()

    assert redactor.text("PORT=80 API_TOKEN=x9 ok") == "PORT=80 API_TOKEN=[redacted: value of a secret] ok"
    assert redactor.text("amqp://u:p@mq:5672/v") == "amqp://[redacted: URL with a password]mq:5672/v"


def test_redacting_twice_changes_nothing() -> None:
    """What was taken out is not taken for a secret."""
    once = [Redactor().text(text) for text, _, _ in SECRETS]

    assert [Redactor().text(text) for text in once] == once


def test_bytes_that_are_no_text_stay() -> None:
    """A file of evidence may hold anything: only secrets change."""
    content = b"\xff\xfe before PASSWORD=abc \x00 after"

    assert Redactor().content(content) == b"\xff\xfe before PASSWORD=[redacted: value of a secret] \x00 after"


def test_every_text_of_a_record_is_redacted() -> None:
    """However deep a text is in an event, it is looked at; numbers and enumerations stay."""
    process = ProcessRef(pid=7, start_ticks=1, boot=BootId("b"))
    ending = ExitRecord(code=1, last_line=f"refused: {SECRET}")
    event = MainProcessExited(gateway=GatewayName("main"), process=process, exit=ending)
    redactor = Redactor()
    found = redactor.record(record(event)).stamped.event

    assert isinstance(found, MainProcessExited)
    assert found.exit.last_line == "refused: [redacted: token]"
    assert (found.process, found.exit.code, found.exit.by) == (process, 1, ending.by)
    assert redactor.log() == (("token", 1),)


def test_variables_of_a_policy_lose_their_values() -> None:
    """The environment that a human wrote into the policy is exported by its names alone."""
    command = CommandPolicy(argv=("/bin/agent",), environment=(("PORT", "80"), ("ODD", "hunter2")))
    gateway = GatewayPolicy(name=GatewayName("main"), command=command)
    policy = Policy(gateways=(gateway,), escalation=EscalationPolicy())
    redactor = Redactor()
    found = redactor.record(record(PolicyLoaded(policy=policy, digest="00"))).stamped.event

    assert "hunter2" not in repr(found)
    assert "ODD" in repr(found)
    assert redactor.log() == (("environment variable", 2),)


@pytest.mark.parametrize(
    "text", ["a" * 300_000, "token" * 60_000, "-----BEGIN A PRIVATE KEY" * 8_000, "http://" * 40_000, "-" * 300_000]
)
def test_no_text_takes_long(text: str) -> None:
    """A log that was made to be slow is read in a time that its length explains."""
    began = time.process_time()
    Redactor().text(text)

    assert time.process_time() - began < 20


def test_an_event_without_text_is_itself() -> None:
    """Nothing to redact, nothing changed."""
    event = LimitReached(limit="inbox", subject="", dropped=3)

    assert Redactor().record(record(event)).stamped.event == event
