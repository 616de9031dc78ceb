"""What is asked of every client over TLS, with compression and with a secret, each alone and together."""

import random
import time

from .scenarios import DELIVER_S, DUPLICATES_SHOW_S, TOPIC, check_attempts, check_exact, end, publish
from .setting import IDENTITY, SECRET, Setting
from .wait import wait_until
from .workload import publishes

MESSAGES = 3_000
DEFERRED = 20
ANSWER_S = 30
LARGE = (100_000, 1_000_000)  # bytes: many TLS records and chunks of compression


def transfer(stage):
    """Publishes 3,000 messages in every way for two channels, of which one gives each back once."""
    client = stage.client()
    client.consume("once", TOPIC, "once", max_in_flight=500)
    client.consume("twice", TOPIC, "twice", first="requeue", max_in_flight=500)
    stage.wait_subscribed(TOPIC, once=1, twice=1)
    bodies = set()
    for kind, batch, delay_ms in publishes(MESSAGES, DEFERRED):
        client.publish(TOPIC, batch, kind, delay_ms)
        bodies.update(batch)
    bodies |= {size_body(size) for size in LARGE}
    client.publish(TOPIC, [size_body(size) for size in LARGE])
    errors = client.answered(ANSWER_S)
    stage.check(f"every publish of {len(bodies)} messages is answered OK", not errors, errors[:3])
    wait_until(lambda: len(client.messages) >= 3 * len(bodies), DELIVER_S, f"{3 * len(bodies)} deliveries")
    time.sleep(DUPLICATES_SHOW_S)
    check_exact(stage, "channel once", bodies, client.received("once"))
    check_attempts(stage, client, "twice", bodies)
    check_clients(stage)
    check_questions(stage)
    stage.check_nothing_left(TOPIC)
    end(stage, client)


def size_body(size):
    """Half of it compresses well, half not at all."""
    return random.Random(size).randbytes(size // 2) + bytes(size // 2)


def check_clients(stage):
    """Producer and consumers are what the check is about, says nsqd."""
    channels = stage.channels(TOPIC).values()
    clients = [client for channel in channels for client in channel["clients"]] + stage.nsqd.producers()
    expected = stage.setting.stats()
    seen = [{name: client.get(name) for name in expected} for client in clients]
    stage.check(f"/stats: 2 consumers and a producer with {shown(expected)}", seen == [expected] * 3, seen)
    if stage.setting.tls:
        ciphers = {(client["tls_version"], client["tls_cipher_suite"]) for client in clients}
        named = all(version in ("TLS1.2", "TLS1.3") and suite for version, suite in ciphers)
        stage.check("/stats: each has a TLS version and a cipher suite", named, ciphers)


def shown(expected):
    return ", ".join(name if value is True else f"{name} {value}" for name, value in expected.items() if value)


def check_questions(stage):
    if stage.setting.auth:
        name = IDENTITY if stage.setting.certificate else ""
        tls = str(stage.setting.tls).lower()
        expected = {"common_name": name, "remote_ip": "127.0.0.1", "secret": SECRET, "tls": tls}
        questions = stage.auth_server.questions  # fewer than connections: nsqd may ask for several at once
        as_expected = questions and questions.count(expected) == len(questions)
        stage.check(f"the auth server was asked {expected}", as_expected, questions)


def refused(stage):
    """Shows a secret that is none: the client gets nothing, another with the right one is served."""
    stranger, client = stage.client(secret="wrong"), stage.client()
    stranger.consume("stranger", TOPIC, "audit")

    def asked():
        return any(question["secret"] == "wrong" for question in stage.auth_server.questions)

    wait_until(asked, ANSWER_S, "the question about the wrong secret")
    client.consume("audit", TOPIC, "audit")
    stage.wait_subscribed(TOPIC, audit=1)
    bodies = publish(client, 100)
    wait_until(lambda: len(client.messages) >= len(bodies), DELIVER_S, f"{len(bodies)} deliveries")
    check_exact(stage, "whoever has the right secret", bodies, client.received("audit"))
    clients = stage.channels(TOPIC)["audit"]["clients"]
    stage.check("/stats: nobody else has subscribed", len(clients) == 1, len(clients))
    stage.check("whoever has not got nothing", not stranger.messages, len(stranger.messages))
    stranger.kill()
    end(stage, client)


def named(name, scenario, **setting):
    """The scenario under a name of its own, in that setting."""

    def play(stage):
        scenario(stage)

    play.__name__ = name
    play.__doc__ = scenario.__doc__
    play.setting = Setting(**setting)
    return play


ALL = (
    named("tls", transfer, tls=True),
    named("tls_snappy", transfer, tls=True, compression="snappy"),
    named("tls_deflate", transfer, tls=True, compression="deflate"),
    named("snappy", transfer, compression="snappy"),
    named("deflate", transfer, compression="deflate"),
    named("certificate", transfer, tls=True, certificate=True),
    named("auth", transfer, auth=True),
    named("auth_tls", transfer, tls=True, certificate=True, auth=True),
    named("auth_refused", refused, auth=True),
)
