// nsqjs behind the adapter protocol of tests/clients/README.md.

const fs = require('fs')
const readline = require('readline')
const nsq = require('nsqjs')

const TOUCH_EVERY_MS = 400
const TOUCH_TIMES = 6

const address = process.argv[2]
const [host, port] = address.split(':')
const connection = connectionOptions(JSON.parse(process.argv[3]))
const readers = new Map()
let writer = null

const say = (event) => process.stdout.write(`${JSON.stringify(event)}\n`)

// What nsqjs calls them.
function connectionOptions({compression, secret, tls}) {
  const options = secret ? {authSecret: secret} : {}
  if (compression) options[compression] = true
  if (!tls) return options
  const files = Object.entries(tls).filter(([, file]) => file)
  const contents = Object.fromEntries(files.map(([name, file]) => [name, fs.readFileSync(file)]))
  return {...options, ...contents, tls: true}
}

function connectedWriter() {
  return new Promise((resolve, reject) => {
    const opened = new nsq.Writer(host, Number(port), connection)
    opened.on(nsq.Writer.READY, () => resolve(opened))
    opened.on(nsq.Writer.ERROR, reject)
    opened.connect()
  })
}

const actions = {
  async publish({id, kind, topic, bodies, delay_ms: delayMs}) {
    writer = writer || (await connectedWriter())
    const answered = (error) => {
      if (error) writer = null // nsqd closes after an error: the next publish opens a new connection
      say({id, error: error ? String(error) : null})
    }
    const messages = bodies.map((body) => Buffer.from(body, 'base64'))
    if (kind === 'DPUB') writer.deferPublish(topic, messages, delayMs, answered)
    else writer.publish(topic, kind === 'PUB' ? messages[0] : messages, answered)
  },

  async consume(command) {
    const reader = new nsq.Reader(command.topic, command.channel, {
      ...whereabouts(command),
      maxInFlight: command.max_in_flight,
      messageTimeout: command.msg_timeout_s && command.msg_timeout_s * 1000,
      heartbeatInterval: command.heartbeat_s,
      ...connection,
    })
    reader.on(nsq.Reader.MESSAGE, (message) => handle(command, message))
    reader.on(nsq.Reader.ERROR, (error) => console.error(`${command.name}: ${error}`))
    reader.connect()
    readers.set(command.name, reader)
  },

  async close({name}) {
    readers.get(name).close()
    readers.delete(name)
    say({closed: name})
  },
}

// Without registries, the reader is told where nsqd is.
function whereabouts({lookupd, poll_s: pollS}) {
  if (!lookupd) return {nsqdTCPAddresses: [address]}
  return {lookupdHTTPAddresses: lookupd, lookupdPollInterval: pollS}
}

function handle({name, first, delay_s: delayS}, message) {
  say({
    consumer: name,
    body: message.body.toString('base64'),
    attempts: message.attempts,
    at: performance.now() / 1000,
  })
  if (message.attempts > 1 || first === 'finish') message.finish()
  else if (first === 'requeue') message.requeue(delayS * 1000, false)
  else if (first === 'touch') touch(message)
}

async function touch(message) {
  for (let times = 0; times < TOUCH_TIMES; times += 1) {
    await new Promise((resolve) => setTimeout(resolve, TOUCH_EVERY_MS))
    message.touch()
  }
  message.finish()
}

async function main() {
  say({client: `nsqjs ${require('nsqjs/package.json').version}`})
  for await (const line of readline.createInterface({input: process.stdin})) {
    const command = JSON.parse(line)
    await actions[command.do](command)
  }
  process.exit(0)
}

main()
