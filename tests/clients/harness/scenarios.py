"""What is asked of every client. Each function gets a fresh stage, and its name selects it on the command line."""

import time

from .wait import wait_until
from .workload import DPUB, MPUB, PUB, Delivery, publishes

MESSAGES = 10_000
DEFERRED = 100
DELIVER_S = 60
ANSWER_S = 30
DUPLICATES_SHOW_S = 0.5
HELD_S = 2  # nsqd may keep what a lost consumer held until its message timeout

TOPIC = "orders"


def exchange(stage):
    """Publishes 10,000 messages for two channels, one of them shared by two consumers."""
    client = stage.client()
    client.consume("one-a", TOPIC, "one", max_in_flight=200)
    client.consume("one-b", TOPIC, "one", max_in_flight=50)
    client.consume("two", TOPIC, "two", max_in_flight=1000)
    stage.wait_subscribed(TOPIC, one=2, two=1)

    due, bodies = {}, set()
    for kind, batch, delay_ms in publishes(MESSAGES, DEFERRED):
        due.update({body: time.monotonic() + delay_ms / 1000 for body in batch if delay_ms})
        client.publish(TOPIC, batch, kind, delay_ms)
        bodies.update(batch)
    errors = client.answered(ANSWER_S)
    stage.check(f"every PUB, MPUB and DPUB of {MESSAGES} messages is answered OK", not errors, errors[:3])

    wait_for(client, 2 * MESSAGES)
    one, two = client.received("one-a", "one-b"), client.received("two")
    check_exact(stage, "channel one, two consumers", bodies, one)
    check_exact(stage, "channel two, one consumer", bodies, two)
    share = len(client.received("one-a"))
    stage.check("both consumers of channel one had a share", 0 < share < len(one), f"{share} of {len(one)}")
    attempts = {message.attempts for message in one + two}
    stage.check("every message came with attempts 1", attempts == {1}, f"attempts {attempts}")
    early = sum(message.seen < due.get(message.body, 0) for message in one + two)
    stage.check("no deferred message came early", early == 0, f"{early} early")

    check_exchange_stats(stage, sum(map(len, bodies)))
    stage.check_stops("with its clients connected")


def check_exchange_stats(stage, message_bytes):
    topic = stage.check_nothing_left(TOPIC)
    published = (topic["message_count"], topic["message_bytes"])
    stage.check("/stats: the topic counts messages and bytes", published == (MESSAGES, message_bytes), published)
    for name, channel in topic["channels"].items():
        finished = sum(consumer["finish_count"] for consumer in channel["clients"])
        counts = (finished, channel["message_count"], channel["requeue_count"], channel["timeout_count"])
        fact = f"/stats: channel {name} counts every message finished, none requeued or timed out"
        stage.check(fact, counts == (MESSAGES, MESSAGES, 0, 0), counts)


def requeue(stage):
    """Gives every message back once, with and without a delay."""
    client = stage.client()
    client.consume("at-once", TOPIC, "at-once", first="requeue", delay_s=0)
    client.consume("delayed", TOPIC, "delayed", first="requeue", delay_s=1)
    stage.wait_subscribed(TOPIC, **{"at-once": 1, "delayed": 1})
    bodies = publish(client, 100)
    wait_for(client, 4 * len(bodies))
    for name in ("at-once", "delayed"):
        check_attempts(stage, client, name, bodies)
    early = count_early(client.received("delayed"), 1)
    stage.check("no delayed message came back early", early == 0, f"{early} early")
    topic = stage.check_nothing_left(TOPIC)
    counts = [channel["requeue_count"] for channel in topic["channels"].values()]
    stage.check("/stats counts every requeue", counts == [len(bodies)] * 2, counts)
    end(stage, client)


def touch(stage):
    """Holds messages for longer than the timeout the client asked for: touched, then not touched."""
    client = stage.client()
    client.consume("touched", TOPIC, "touched", first="touch", msg_timeout_s=1)
    client.consume("held", TOPIC, "held", first="hold", msg_timeout_s=1)
    stage.wait_subscribed(TOPIC, touched=1, held=1)
    published = time.monotonic()
    bodies = publish(client, 20)
    wait_for(client, 3 * len(bodies))
    check_attempts(stage, client, "held", bodies)
    # The timeout runs from nsqd's write, which the client may see an output buffer's time later.
    early = sum(message.seen < published + 1 for message in client.received("held") if message.attempts == 2)
    stage.check("no message timed out early", early == 0, f"{early} early")
    channels = stage.check_nothing_left(TOPIC)["channels"]
    check_exact(stage, "a touched message does not time out", bodies, client.received("touched"))
    counts = (channels["touched"]["timeout_count"], channels["held"]["timeout_count"])
    stage.check("/stats counts the timeouts", counts == (0, len(bodies)), counts)
    end(stage, client)


def close(stage):
    """Closes a consumer that holds messages: the other one gets them."""
    client = stage.client()
    client.consume("leaver", TOPIC, "shared", first="hold", max_in_flight=50, msg_timeout_s=HELD_S)
    stage.wait_subscribed(TOPIC, shared=1)
    bodies = publish(client, 200)
    wait_until(lambda: len(client.received("leaver")) == 50, DELIVER_S, "the first consumer to be full")
    client.consume("stayer", TOPIC, "shared")
    wait_until(lambda: len(client.received("stayer")) == 150, DELIVER_S, "the second consumer to get the rest")
    client.close("leaver")
    wait_until(lambda: len(client.received("stayer")) >= 200, DELIVER_S, "what the closed consumer held")
    time.sleep(DUPLICATES_SHOW_S)
    check_taken_over(stage, bodies, client.received("stayer"), held=50)
    end(stage, client)


def killed(stage):
    """Kills the process of a consumer that holds messages: the other one gets them."""
    leaver, client = stage.client(), stage.client()
    leaver.consume("leaver", TOPIC, "shared", first="hold", max_in_flight=50, msg_timeout_s=HELD_S)
    stage.wait_subscribed(TOPIC, shared=1)
    bodies = publish(client, 200)
    wait_until(lambda: len(leaver.received("leaver")) == 50, DELIVER_S, "the first consumer to be full")
    leaver.kill()
    client.consume("stayer", TOPIC, "shared")
    wait_for(client, 200)
    check_taken_over(stage, bodies, client.received("stayer"), held=50)
    end(stage, client)


def check_taken_over(stage, bodies, messages, held):
    check_exact(stage, "the other consumer gets them all", bodies, messages)
    again = sum(message.attempts == 2 for message in messages)
    stage.check(f"the {held} held ones come with attempts 2", again == held, f"{again} of them")
    stage.check_nothing_left(TOPIC)


def heartbeat(stage):
    """Idles over several heartbeats: nsqd gives up on a client that misses two."""
    client = stage.client()
    client.consume("idle", TOPIC, "idle", heartbeat_s=1)
    stage.wait_subscribed(TOPIC, idle=1)
    connected_at = connect_times(stage, "idle")
    time.sleep(3.5)
    stage.check("the idle consumer is still connected", connect_times(stage, "idle") == connected_at)
    bodies = publish(client, 10)
    wait_for(client, len(bodies))
    check_exact(stage, "and gets what is published then", bodies, client.received("idle"))
    agents = {c["user_agent"] for c in stage.channels(TOPIC)["idle"]["clients"]}
    stage.check("/stats names the client as it introduced itself", agents == {client.name.replace(" ", "/")}, agents)
    end(stage, client)


def error(stage):
    """Publishes what nsqd must refuse: the client gets to know, and its next connection works."""
    client = stage.client()
    for fact, kind, topic, delay_ms, code in (
        ("PUB to a bad topic name", PUB, "bad$name", None, "E_BAD_TOPIC"),
        ("MPUB to a bad topic name", MPUB, "bad$name", None, "E_BAD_TOPIC"),
        ("DPUB with a delay out of range", DPUB, TOPIC, 86_400_000, "E_INVALID"),
    ):
        number = client.publish(topic, [b"refused", b"too"] if kind == MPUB else [b"refused"], kind, delay_ms)
        client.answered(ANSWER_S)
        answer = client.answers[number]
        stage.check(f"{fact} is an {code} in the client", code in (answer or "OK"), answer)
    again = client.publish(TOPIC, [b"accepted"], PUB)
    client.answered(ANSWER_S)
    stage.check("the next publish is answered OK", client.answers[again] is None, client.answers[again])
    topic = stage.nsqd.stats(TOPIC)
    stage.check("/stats: only that one was published", topic["message_count"] == 1, topic["message_count"])
    end(stage, client)


def restart(stage):
    """Stops nsqd with SIGTERM and starts it again: everything unfinished comes back, nothing finished does."""
    finished, unfinished = leave_work_behind(stage)
    stage.check_stops("with messages in flight, deferred and waiting")
    one, two = consume_after_restart(stage, finished, unfinished)
    check_exact(stage, "channel one gets what was unfinished, and only that", unfinished, one)
    check_exact(stage, "channel two, which never had a consumer for them, gets them all", finished | unfinished, two)
    stage.check_nothing_left(TOPIC)
    stage.check_stops("after that")


def kill9(stage):
    """Kills nsqd and starts it again: everything unfinished comes back."""
    finished, unfinished = leave_work_behind(stage)
    stage.nsqd.kill()
    one, two = consume_after_restart(stage, finished, unfinished)
    missing = unfinished - {message.body for message in one}
    stage.check("channel one gets what was unfinished", not missing, f"{len(missing)} missing")
    delivery = Delivery(finished | unfinished, one)
    stage.check("and nothing that was never published", delivery.unknown == 0, delivery)
    delivery = Delivery(finished | unfinished, two)
    stage.check("channel two, which never had a consumer for them, gets them all", delivery.complete(), delivery)
    stage.check_nothing_left(TOPIC)
    stage.check_stops("after that")


def leave_work_behind(stage):
    """Channel one with finished, held, deferred and waiting messages, channel two with all of them waiting."""
    client = stage.client()
    client.consume("two", TOPIC, "two")
    client.consume("worker", TOPIC, "one")
    stage.wait_subscribed(TOPIC, one=1, two=1)
    client.close("two")
    finished = publish(client, 200)
    wait_for(client, len(finished))
    client.close("worker")
    wait_until(lambda: not stage.channels(TOPIC)["one"]["clients"], DELIVER_S, "the worker to be gone")
    client.consume("holder", TOPIC, "one", first="hold", max_in_flight=50)
    stage.wait_subscribed(TOPIC, one=1)
    unfinished = publish(client, 300, deferred=50, first=1000)
    wait_until(lambda: len(client.received("holder")) == 50, DELIVER_S, "messages in flight")
    return finished, unfinished


def consume_after_restart(stage, finished, unfinished):
    for client in stage.clients:
        client.end()
    stage.restart_nsqd()
    client = stage.client()
    client.consume("one", TOPIC, "one")
    client.consume("two", TOPIC, "two")

    def complete():
        one = {message.body for message in client.received("one")}
        two = {message.body for message in client.received("two")}
        return unfinished <= one and finished | unfinished <= two

    try:
        wait_until(complete, DELIVER_S / 4, "everything unfinished")
    except TimeoutError:
        pass  # the checks that follow say what is missing
    time.sleep(DUPLICATES_SHOW_S)
    return client.received("one"), client.received("two")


def publish(client, count, deferred=0, first=0):
    """Publishes and returns the bodies once all are answered OK, `deferred` of them for a second later."""
    bodies = [b"message %d" % number for number in range(first, first + count)]
    for body in bodies[:deferred]:
        client.publish(TOPIC, [body], DPUB, 1000)
    client.publish(TOPIC, bodies[deferred:])
    if errors := client.answered(ANSWER_S):
        raise RuntimeError(f"publish failed: {errors[0]}")
    return set(bodies)


def wait_for(client, count):
    """Until that many messages came, and a moment longer for those that should not come."""
    wait_until(lambda: len(client.messages) >= count, DELIVER_S, f"{count} deliveries")
    time.sleep(DUPLICATES_SHOW_S)


def check_exact(stage, fact, bodies, messages):
    delivery = Delivery(bodies, messages)
    stage.check(f"{fact}: {len(bodies)} messages, each once", delivery.exact(), delivery)


def check_attempts(stage, client, consumer, bodies):
    seen = {}
    for message in client.received(consumer):
        seen.setdefault(message.body, []).append(message.attempts)
    twice = sum(attempts == [1, 2] for attempts in seen.values())
    fact = f"channel {consumer}: each message comes with attempts 1, then 2"
    stage.check(fact, twice == len(seen) == len(bodies), f"{twice} of {len(seen)}")


def count_early(messages, seconds):
    """How many second attempts came sooner after the first than they may."""
    first = {message.body: message.at for message in messages if message.attempts == 1}
    return sum(message.at < first[message.body] + seconds for message in messages if message.attempts == 2)


def connect_times(stage, channel):
    return [client["connect_ts"] for client in stage.channels(TOPIC)[channel]["clients"]]


def end(stage, client):
    client.end()
    stage.check_stops("with its clients gone")


ALL = (exchange, requeue, touch, close, killed, heartbeat, error, restart, kill9)
