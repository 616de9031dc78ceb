"""pynsq behind the adapter protocol of tests/clients/README.md."""

import asyncio
import base64
import functools
import json
import sys
import time

import nsq

LINE_BYTES_MAX = 1 << 24
TOUCH_EVERY_S = 0.4
TOUCH_TIMES = 6


def say(**event):
    print(json.dumps(event), flush=True)


def connection_options(compression, secret, tls):
    """What pynsq calls them."""
    options = {"auth_secret": secret}
    if compression:
        options[compression] = True
    if tls:
        files = {"ca_certs": tls["ca"], "certfile": tls["cert"], "keyfile": tls["key"]}
        options |= {"tls_v1": True, "tls_options": {name: file for name, file in files.items() if file}}
    return options


class Adapter:
    def __init__(self, address, options):
        self.address = address
        self.options = connection_options(**options)
        self.writer = None
        self.readers = {}

    async def perform(self, command):
        await getattr(self, command.pop("do"))(**command)

    async def publish(self, id, kind, topic, bodies, delay_ms):
        if self.writer is None:
            self.writer = nsq.Writer([self.address], **self.options)
            while not self.writer.conns:
                await asyncio.sleep(0.01)
        bodies = [base64.b64decode(body) for body in bodies]
        answered = functools.partial(self.published, id)
        if kind == "PUB":
            self.writer.pub(topic, bodies[0], answered)
        elif kind == "MPUB":
            self.writer.mpub(topic, bodies, answered)
        else:
            self.writer.dpub(topic, delay_ms, bodies[0], answered)

    def published(self, id, _conn, answer):
        error = None if answer == b"OK" else repr(answer)
        if error:
            self.writer = None  # nsqd closes after an error: the next publish opens a new connection
        say(id=id, error=error)

    async def consume(
        self, name, topic, channel, max_in_flight, first, delay_s, msg_timeout_s, heartbeat_s, lookupd=None, poll_s=None
    ):
        self.readers[name] = nsq.Reader(
            topic,
            channel,
            functools.partial(self.handle, name, first, delay_s),
            **self.whereabouts(lookupd, poll_s),
            max_in_flight=max_in_flight,
            msg_timeout=msg_timeout_s,
            heartbeat_interval=heartbeat_s,
            **self.options,
        )

    def whereabouts(self, lookupd, poll_s):
        """Without registries, the reader is told where nsqd is."""
        if not lookupd:
            return {"nsqd_tcp_addresses": [self.address]}
        return {"lookupd_http_addresses": lookupd, "lookupd_poll_interval": poll_s}

    def handle(self, name, first, delay_s, message):
        body = base64.b64encode(message.body).decode()
        say(consumer=name, body=body, attempts=message.attempts, at=time.monotonic())
        message.enable_async()
        if message.attempts > 1 or first == "finish":
            message.finish()
        elif first == "requeue":
            message.requeue(backoff=False, delay=delay_s)
        elif first == "touch":
            asyncio.ensure_future(self.touch(message))

    async def touch(self, message):
        for _ in range(TOUCH_TIMES):
            await asyncio.sleep(TOUCH_EVERY_S)
            message.touch()
        message.finish()

    async def close(self, name):
        self.readers.pop(name).close()
        say(closed=name)


async def main(address, options):
    say(client=f"pynsq {nsq.__version__}")
    adapter = Adapter(address, json.loads(options))
    commands = asyncio.StreamReader(limit=LINE_BYTES_MAX)
    protocol = asyncio.StreamReaderProtocol(commands)
    await asyncio.get_running_loop().connect_read_pipe(lambda: protocol, sys.stdin)
    while line := await commands.readline():
        await adapter.perform(json.loads(line))


asyncio.run(main(*sys.argv[1:]))
